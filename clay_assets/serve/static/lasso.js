// Drawing freehand around places: to mark them, or to search only there.

import { ringOf } from "./api.js";
import { NEGATIVE } from "./classes.js";
import { boundsOf, middleOf } from "./ground.js";
import { shownChip } from "./places.js";
import { rowsWithin } from "./rows.js";
import { colour, onTheme } from "./theme.js";

const LEAST_PIXELS = 12; // a shorter line was a click
const STEP_PIXELS = 8; // between two corners of the line
const MOST_ROWS = 1000; // marked at once

/** Let the reader draw while the tool is the lasso or the state says that an area is drawn. */
export function addLasso(map, store, actions) {
  addLayers(map);
  const isDrawing = ({ tool, drawing, mode }) =>
    drawing === "area" || (tool === "lasso" && ["similar", "classify"].includes(mode));
  store.watch(["tool", "drawing", "mode"], (state) => {
    const on = isDrawing(state);
    map.getContainer().classList.toggle("lassoing", on);
    if (state.drawing !== "box") map.dragPan[on ? "disable" : "enable"]();
  });
  store.watch(["filters"], ({ filters }) => show(map, "area", filters.area));
  followPointer(map, () => isDrawing(store.get()), (flat, event) => {
    const state = store.get();
    if (state.drawing === "area") {
      setTimeout(() => store.set({ drawing: false })); // the click that follows is no question
      actions.setFilters({ area: flat, box: null });
    } else mark(flat, event.shiftKey ? NEGATIVE : state.markClass, state, actions);
  });
}

function mark(flat, name, state, actions) {
  const grid = state.products.find((product) => product.name === state.product)?.grid;
  const ring = ringOf(flat);
  const bounds = boundsOf([{ geometry: { type: "Polygon", coordinates: [ring] } }]);
  const ids = state.places
    .filter((place) => overlap(boundsOf([place]), bounds))
    .flatMap((place) => {
      const chip = shownChip(place, state);
      if (!chip) return [];
      if (grid) return rowsWithin(chip, place, grid, (point) => isInside(point, ring));
      return isInside(middleOf(place), ring) ? [chip.chip_id] : [];
    });
  if (!ids.length) actions.say("No place has its middle in there");
  else if (ids.length > MOST_ROWS) {
    actions.say(`${ids.length} are in there; at most ${MOST_ROWS} can be marked at once`);
  } else actions.mark(ids, name);
}

/** Call `done(flat ring, event)` when a line has been drawn. */
function followPointer(map, isOn, done) {
  const canvas = map.getCanvasContainer();
  let line = null; // points on the screen
  const pointOf = (event) => {
    const frame = canvas.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  };
  const flatOf = () => line.flatMap((point) => map.unproject(point).toArray());
  canvas.addEventListener("pointerdown", (event) => {
    if (!isOn() || event.button !== 0 || !event.isPrimary) return;
    line = [pointOf(event)];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!line || !event.isPrimary) return;
    const [point, last] = [pointOf(event), line.at(-1)];
    if (Math.hypot(point[0] - last[0], point[1] - last[1]) < STEP_PIXELS) return;
    line.push(point);
    show(map, "lasso", flatOf());
  });
  const end = (event, isDone) => {
    if (!line) return;
    const length = line.reduce((far, [x, y]) =>
      Math.max(far, Math.hypot(x - line[0][0], y - line[0][1])), 0);
    if (isDone && length >= LEAST_PIXELS && line.length > 2) done(flatOf(), event);
    line = null;
    show(map, "lasso", null);
  };
  canvas.addEventListener("pointerup", (event) => end(event, true));
  canvas.addEventListener("pointercancel", (event) => end(event, false));
}

function addLayers(map) {
  for (const id of ["area", "lasso"]) {
    map.addSource(id, { type: "geojson", data: outline(null) });
    map.addLayer({ id: `${id}-fill`, type: "fill", source: id, paint: { "fill-opacity": 0.12 } });
    map.addLayer({ id: `${id}-casing`, type: "line", source: id,
      paint: { "line-width": 4, "line-color": "#ffffff", "line-opacity": 0.7 } });
    map.addLayer({ id: `${id}-line`, type: "line", source: id,
      paint: { "line-width": 2, "line-dasharray": [3, 2] } });
  }
  map.setPaintProperty("area-fill", "fill-opacity", 0);
  const paint = () => {
    for (const id of ["area", "lasso"]) {
      map.setPaintProperty(`${id}-line`, "line-color", colour("accent"));
      map.setPaintProperty(`${id}-fill`, "fill-color", colour("accent"));
    }
  };
  paint();
  onTheme(paint);
}

function show(map, id, flat) {
  map.getSource(id).setData(outline(flat));
}

function outline(flat) {
  const ring = flat && flat.length >= 6 ? ringOf(flat) : null;
  const features = ring
    ? [{ type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [ring] } }]
    : [];
  return { type: "FeatureCollection", features };
}

function overlap([west, south, east, north], [w, s, e, n]) {
  return west <= e && east >= w && south <= n && north >= s;
}

/** Whether a point lies in a ring, by how often a ray from it crosses the ring. */
function isInside([x, y], ring) {
  let inside = false;
  for (let place = 0; place < ring.length - 1; place += 1) {
    const [[ax, ay], [bx, by]] = [ring[place], ring[place + 1]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}
