// Meridians and parallels with labels at the map's edge: bearings on a map without a base map.

import { colour, onTheme } from "./theme.js";
import { h } from "./dom.js";
import { latitude, longitude } from "./words.js";

const STEPS = [30, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001];
const LEAST_GAP = 130; // pixels between lines

/** Draw the lines, and their labels into `labels`, which lies over the map. */
export function addGraticule(map, labels) {
  map.addSource("graticule", { type: "geojson", data: lines([], []) });
  map.addLayer(
    { id: "graticule", type: "line", source: "graticule", paint: { "line-width": 1 } },
    "place-tint",
  );
  const paint = () => map.setPaintProperty("graticule", "line-color", colour("graticule"));
  const follow = () => {
    const { lons, lats, digits } = valuesInView(map);
    label(map, labels, lons, lats, digits);
    return lines(lons, lats);
  };
  const draw = () => map.getSource("graticule").setData(follow());
  paint();
  draw();
  onTheme(paint);
  map.on("moveend", draw);
  map.on("resize", draw);
  map.on("move", follow);
}

function valuesInView(map) {
  const view = map.getBounds();
  const degrees = (view.getEast() - view.getWest()) / map.getContainer().clientWidth;
  const step = STEPS.findLast((size) => size / degrees >= LEAST_GAP) ?? STEPS[0];
  const digits = step < 1 ? Math.ceil(-Math.log10(step)) : 0;
  return {
    lons: multiples(step, Math.max(view.getWest(), -180), Math.min(view.getEast(), 180)),
    lats: multiples(step, Math.max(view.getSouth(), -85), Math.min(view.getNorth(), 85)),
    digits,
  };
}

function multiples(step, from, to) {
  const values = [];
  // One line more on each side, so that none is missing while the map is dragged.
  for (let n = Math.ceil(from / step) - 1; n * step <= to + step; n += 1) values.push(n * step);
  return values;
}

function lines(lons, lats) {
  const line = (coordinates) => ({
    type: "Feature", properties: {}, geometry: { type: "LineString", coordinates },
  });
  const features = [
    ...lons.map((lon) => line([[lon, -85], [lon, 85]])),
    ...lats.map((lat) => line([[-180, lat], [180, lat]])),
  ];
  return { type: "FeatureCollection", features };
}

function label(map, labels, lons, lats, digits) {
  const { clientWidth: width, clientHeight: height } = map.getContainer();
  const { lng, lat: middle } = map.getCenter();
  const mark = (side, style, text) => h("span", { class: `edge-${side}`, style }, text);
  const top = lons
    .map((lon) => [lon, map.project([lon, middle]).x])
    .filter(([, x]) => x > 70 && x < width - 40)
    .map(([lon, x]) => mark("top", { left: `${x}px` }, longitude(lon, digits)));
  const side = lats
    .map((lat) => [lat, map.project([lng, lat]).y])
    .filter(([, y]) => y > 30 && y < height - 60)
    .map(([lat, y]) => mark("side", { top: `${y}px` }, latitude(lat, digits)));
  labels.replaceChildren(...top, ...side);
}
