// The search area: drawn on the map with the pointer, shown as a dashed frame.

import { colour, onTheme } from "./theme.js";

const LEAST_PIXELS = 6; // a shorter drag was a click

/** Let the reader draw a box while the state says that one is drawn; show the one that filters. */
export function addBoxes(map, store, actions) {
  map.addSource("box", { type: "geojson", data: outline(null) });
  map.addLayer({
    id: "box-casing", type: "line", source: "box",
    paint: { "line-width": 4, "line-color": "#ffffff", "line-opacity": 0.7 },
  });
  map.addLayer({
    id: "box", type: "line", source: "box",
    paint: { "line-width": 2, "line-dasharray": [3, 2] },
  });
  const paint = () => map.setPaintProperty("box", "line-color", colour("accent"));
  const show = (box) => map.getSource("box").setData(outline(box));
  paint();
  onTheme(paint);
  store.watch(["filters"], ({ filters }) => show(filters.box));
  store.watch(["drawing"], ({ drawing }) => {
    const on = drawing === "box";
    map.getContainer().classList.toggle("drawing", on);
    map.dragPan[on ? "disable" : "enable"]();
  });
  addDrawing(map, store, actions, show);
}

function addDrawing(map, store, actions, show) {
  const canvas = map.getCanvasContainer();
  let start = null;

  const pointOf = (event) => {
    const frame = canvas.getBoundingClientRect();
    return [event.clientX - frame.left, event.clientY - frame.top];
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (store.get().drawing !== "box" || event.button !== 0) return;
    start = pointOf(event);
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (start) show(boxOf(map, start, pointOf(event)));
  });
  canvas.addEventListener("pointerup", (event) => {
    if (!start) return;
    const end = pointOf(event);
    const isBox = Math.hypot(end[0] - start[0], end[1] - start[1]) >= LEAST_PIXELS;
    if (isBox) {
      // The click that follows is the end of the drag, not a question.
      setTimeout(() => store.set({ drawing: false }));
      actions.setFilters({ box: boxOf(map, start, end), area: null });
    } else show(store.get().filters.box);
    start = null;
  });
  canvas.addEventListener("pointercancel", () => {
    start = null;
    show(store.get().filters.box);
  });
}

/** West, south, east, north between two points of the screen. */
function boxOf(map, start, end) {
  const [a, b] = [map.unproject(start), map.unproject(end)];
  return [
    Math.max(Math.min(a.lng, b.lng), -180), Math.min(a.lat, b.lat),
    Math.min(Math.max(a.lng, b.lng), 180), Math.max(a.lat, b.lat),
  ];
}

function outline(box) {
  const features = [];
  if (box) {
    const [west, south, east, north] = box;
    const ring = [[west, south], [east, south], [east, north], [west, north], [west, south]];
    features.push({
      type: "Feature", properties: {}, geometry: { type: "LineString", coordinates: ring },
    });
  }
  return { type: "FeatureCollection", features };
}
