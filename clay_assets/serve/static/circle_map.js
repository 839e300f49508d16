// A circle on the map that can be dragged by its middle and resized by its edge.

import { RADII } from "./cells.js";
import { showFeatures } from "./chart.js";
import { button } from "./dom.js";
import { aroundOf, distanceOf } from "./ground.js";
import { colour, onTheme } from "./theme.js";
import { distance, latitude, longitude } from "./words.js";

const BEARINGS = { east: 90, south: 180, west: 270, north: 0 };
const NUDGE_PIXELS = 8; // an arrow key moves the middle so far; with Shift five times
const GROWTH = 1.05; // an arrow key makes the circle so much larger or smaller

/**
 * Draw a circle and its handles.
 * @param {maplibregl.Map} map
 * @param {(circle: object) => void} change called at each step of a drag
 * @returns {{show: (circle: {lon: number, lat: number, radius: number} | null) => void,
 *   raise: () => void}} `raise` brings the outline above what was drawn since
 */
export function createCircle(map, change) {
  let circle = null;
  const names = Object.keys(BEARINGS);
  const middle = handle(map, "circle-middle", "Middle of the circle");
  const edges = names.map((name) => handle(map, `circle-edge ${name}`, "Edge of the circle"));
  for (const edge of edges.slice(1)) edge.getElement().tabIndex = -1; // one is enough for the keys

  const draw = () => {
    if (!circle) return;
    const { lon, lat, radius } = circle;
    middle.setLngLat([lon, lat]);
    middle.getElement().setAttribute(
      "aria-label", `Middle of the circle, ${latitude(lat)} ${longitude(lon)}; arrow keys move it`,
    );
    edges.forEach((edge, place) => {
      edge.setLngLat(aroundOf(circle, [BEARINGS[names[place]]])[0]);
      edge.getElement().setAttribute(
        "aria-label", `Edge of the circle, ${distance(radius)} out; arrow keys resize it`,
      );
    });
    showFeatures(map, "circle", outline(circle), paint());
  };
  const take = (changes) => {
    circle = within({ ...circle, ...changes });
    draw();
    change(circle);
  };

  onDrag(map, middle, ({ lng, lat }) => take({ lon: lng, lat }));
  for (const edge of edges) {
    onDrag(map, edge, ({ lng, lat }) =>
      take({ radius: distanceOf([circle.lon, circle.lat], [lng, lat]) }));
  }
  const onKey = (element, act) => element.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (!(event.key in step)) return;
    event.preventDefault();
    event.stopPropagation(); // the map would move too
    act(step[event.key], event.shiftKey ? 5 : 1);
  });
  onKey(middle.getElement(), ([right, down], times) => {
    const { x, y } = map.project([circle.lon, circle.lat]);
    const pixels = NUDGE_PIXELS * times;
    const { lng, lat } = map.unproject([x + right * pixels, y + down * pixels]);
    take({ lon: lng, lat });
  });
  onKey(edges[0].getElement(), ([right, down], times) =>
    take({ radius: circle.radius * GROWTH ** ((right - down) * times) }));

  onTheme(draw);
  return {
    show(next) {
      const [wasShown, isShown] = [circle !== null, next !== null];
      circle = next;
      draw();
      if (!isShown) showFeatures(map, "circle", null);
      if (wasShown === isShown) return;
      for (const one of [middle, ...edges]) isShown ? one.addTo(map) : one.remove();
    },
    raise() {
      if (map.getLayer("circle-line")) map.moveLayer("circle-line", "frame-casing");
    },
  };
}

/** A circle on the globe, of a radius that can be searched. */
function within({ lon, lat, radius, ...rest }) {
  return {
    ...rest,
    lon: ((lon + 540) % 360) - 180,
    lat: Math.min(Math.max(lat, -85), 85),
    radius: Math.min(Math.max(radius, RADII.least), RADII.most),
  };
}

function handle(map, look, title) {
  const element = button(`circle-handle ${look}`, null, { title });
  return new maplibregl.Marker({ element }).setLngLat([0, 0]);
}

/** Call `move` with the place a handle is dragged to; the pointer may leave the map. */
function onDrag(map, handle, move) {
  const element = handle.getElement();
  let grip = null; // from the pointer to the handle's middle, pixels
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const { x, y } = map.project(handle.getLngLat());
    grip = [x - event.clientX, y - event.clientY];
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", ({ clientX, clientY }) => {
    if (grip) move(map.unproject([clientX + grip[0], clientY + grip[1]]));
  });
  for (const name of ["pointerup", "pointercancel"]) {
    element.addEventListener(name, () => { grip = null; });
  }
  for (const name of ["mousedown", "touchstart", "click"]) {
    element.addEventListener(name, (event) => event.stopPropagation()); // the map would move too
  }
}

function outline(circle) {
  const bearings = Array.from({ length: 129 }, (_, step) => (step * 360) / 128);
  return {
    type: "FeatureCollection",
    features: [{
      type: "Feature",
      properties: {},
      geometry: { type: "Polygon", coordinates: [aroundOf(circle, bearings)] },
    }],
  };
}

function paint() {
  return { line: { "line-color": colour("accent"), "line-width": 2.5 } };
}
