// The map: places as squares, hits lit up by score, the asked chip framed in white.

import { badgeFor } from "./badges.js";
import { clockwise, corners, ringsOf, zoomOfPixels } from "./ground.js";
import { placeOfChip } from "./places.js";
import { shadeExpression, shadeOfProperty, shadesOf } from "./shades.js";
import { colour, onTheme } from "./theme.js";

const FEW_PIXELS = 12; // a footprint smaller than this on the screen gets a dot instead
const BADGE_PIXELS = 44; // a footprint smaller than this would hide behind its rank
const SMALL = { pixels: 30, frame: 1.25 };
const LARGE = { pixels: 120, frame: 2.5 };

const state = (name) => ["boolean", ["feature-state", name], false];
const [asked, hit, hovered] = ["asked", "hit", "hovered"].map(state);

/**
 * Make the map. Resolves when it can be drawn on.
 * @param {HTMLElement} container
 * @param {{controls?: boolean}} options whether it has buttons to zoom and a scale
 */
export async function createChart(container, { controls = true } = {}) {
  const map = new maplibregl.Map({
    container,
    style: { version: 8, sources: {}, layers: [{ id: "paper", type: "background" }] },
    center: [0, 20],
    zoom: 1,
    maxZoom: 18,
    attributionControl: false,
    boxZoom: false, // it takes clicks with Shift, which mark
    dragRotate: false,
    pitchWithRotate: false,
    touchPitch: false,
    renderWorldCopies: false,
    locale: { "NavigationControl.ZoomIn": "Zoom in", "NavigationControl.ZoomOut": "Zoom out" },
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  if (controls) {
    map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-left");
    map.addControl(new maplibregl.ScaleControl({ maxWidth: 120 }), "bottom-left");
  }
  await new Promise((resolve) => map.once("load", resolve));
  addLayers(map);
  paint(map);
  onTheme(() => paint(map));
  map.on("styleimagemissing", ({ id }) => badgeFor(map, id));
  return map;
}

function addLayers(map) {
  const empty = { type: "FeatureCollection", features: [] };
  map.addSource("places", { type: "geojson", data: empty });
  map.addSource("hits", { type: "geojson", data: empty });
  const places = (id, type, paint, layout = {}) =>
    map.addLayer({ id, type, source: "places", paint, layout });
  places("place-tint", "fill", { "fill-antialias": false });
  places("place-veil", "fill", {}); // smooth edges: pictures reach half a pixel beyond their place
  places("place-line", "line", { "line-width": 1 });
  const miter = { "line-join": "miter" };
  places("frame-casing", "line", {}, miter);
  places("frame", "line", {}, miter);
  map.addLayer({
    id: "hit-dots", type: "circle", source: "hits", paint: { "circle-stroke-width": 1.5 },
  });
  map.addLayer({
    id: "hit-badges", type: "symbol", source: "hits",
    layout: {
      "icon-image": ["concat", "rank:", ["get", "rank"]],
      "icon-anchor": "top-left",
      "icon-offset": [6, 6],
      "icon-padding": 0,
      "symbol-sort-key": ["get", "rank"],
    },
  });
}

/** Colours of the theme. */
function paint(map) {
  const set = (layer, name, value) => map.setPaintProperty(layer, name, value);
  set("paper", "background-color", colour("paper"));
  set("place-tint", "fill-color", ["case", hit, shadeExpression(), colour("place")]);
  set("place-veil", "fill-color", colour("paper"));
  set("place-line", "line-color", colour("place-line"));
  set("frame-casing", "line-color", colour("casing"));
  set("frame-casing", "line-opacity", 0.85);
  set("frame", "line-color", ["case", asked, "#ffffff", hit, shadeExpression(), "#ffffff"]);
  set("hit-dots", "circle-radius", ["case", ["get", "asked"], 7, 5]);
  set("hit-dots", "circle-color", ["case", ["get", "asked"], "#ffffff", shadeOfProperty()]);
  set("hit-dots", "circle-stroke-color", colour("casing"));
}

/** Show the places; rings run clockwise, so that frames lie inside their square. */
export function showPlaces(map, places) {
  map.removeFeatureState({ source: "places" });
  map.getSource("places").setData({
    type: "FeatureCollection",
    features: places.map(({ id, geometry }) => ({
      type: "Feature",
      id,
      properties: { place: id },
      geometry: {
        type: "MultiPolygon",
        coordinates: ringsOf(geometry).map((ring) => [clockwise(ring)]),
      },
    })),
  });
  if (!places.length) return;
  const dotsBelow = zoomOfPixels(places, FEW_PIXELS);
  map.setLayerZoomRange("hit-dots", 0, dotsBelow);
  // Lines around thousands of specks tell nothing, and take most of the time of a frame.
  for (const layer of ["place-line", "frame-casing", "frame"]) {
    map.setLayerZoomRange(layer, dotsBelow, 24);
  }
  map.setPaintProperty(
    "place-veil", "fill-antialias", ["step", ["zoom"], false, dotsBelow, true],
  );
  map.setLayerZoomRange("hit-badges", zoomOfPixels(places, BADGE_PIXELS), 24);
  frameWidths(map, places);
}

/** Frames as wide as suits the size of a place; they lie inside it, the casing on both sides. */
function frameWidths(map, places) {
  const sizes = [SMALL, LARGE].map(({ pixels, frame }) => [zoomOfPixels(places, pixels), frame]);
  const byZoom = (of) => [
    "interpolate", ["linear"], ["zoom"], ...sizes.flatMap(([zoom, frame]) => [zoom, of(frame)]),
  ];
  const width = (frame) =>
    ["case", asked, 1.6 * frame, hit, ["case", hovered, 2 * frame, frame], hovered, 0.8 * frame, 0];
  const casing = (frame) => ["case", ["any", asked, hit, hovered], ["+", width(frame), 2], 0];
  const inset = (frame) => ["+", ["/", width(frame), 2], 1];
  map.setPaintProperty("frame", "line-width", byZoom(width));
  map.setPaintProperty("frame-casing", "line-width", byZoom(casing));
  for (const layer of ["frame", "frame-casing"]) {
    map.setPaintProperty(layer, "line-offset", byZoom(inset));
  }
}

/** Light up the answer's places; forget those of the last one. */
export function showAnswer(map, { places, query, answer }) {
  map.removeFeatureState({ source: "places" });
  const mark = (id, values) => map.setFeatureState({ source: "places", id }, values);
  const hits = answer?.features ?? [];
  const veil = answer ? ["case", asked, 0, hit, 0, hovered, 0.25, 0.68] : 0;
  map.setPaintProperty("place-veil", "fill-opacity", veil);
  const shade = shadesOf(hits);
  // The worst first: where several dates of a place are hits, the best one's shade stays.
  for (const { properties } of [...hits].reverse()) {
    if (properties.place === null) continue;
    mark(properties.place, { hit: true, shade: shade(properties.score) });
  }
  const place = placeOfChip(places, query?.chipId);
  if (place) mark(place.id, { asked: true });
  const features = points(hits, shade, place);
  map.getSource("hits").setData({ type: "FeatureCollection", features });
}

function points(hits, shade, place) {
  const first = new Map();
  for (const hit of hits) {
    const key = hit.properties.place ?? hit.properties.chip_id;
    if (!first.has(key)) first.set(key, hit);
  }
  if (place) first.delete(place.id);
  const features = [...first.values()].map(({ geometry, properties }) => ({
    type: "Feature",
    geometry: { type: "Point", coordinates: corners(geometry)[0] },
    properties: { rank: properties.rank, shade: shade(properties.score), asked: false },
  }));
  if (place) {
    features.push({
      type: "Feature",
      geometry: { type: "Point", coordinates: corners(place.geometry)[0] },
      properties: { rank: 0, shade: 1, asked: true },
    });
  }
  return features;
}

/** Frame the place under the pointer, and no other. */
export function showHovered(map, place, before) {
  if (before !== null) map.setFeatureState({ source: "places", id: before }, { hovered: false });
  if (place !== null) map.setFeatureState({ source: "places", id: place }, { hovered: true });
}

/**
 * Shade places by what another mode has found, in place of an answer's hits; null takes it off.
 * @param {maplibregl.Map} map
 * @param {{id: number, shade: number}[] | null} shades a place's number and its shade, 0 to 1
 */
export function showShades(map, shades) {
  map.removeFeatureState({ source: "places" });
  for (const { id, shade } of shades ?? []) {
    map.setFeatureState({ source: "places", id }, { hit: true, shade });
  }
  map.setPaintProperty("place-veil", "fill-opacity", shades ? ["case", hovered, 0.25, 0.68] : 0);
}

/**
 * Draw polygons of another mode above the places: hexagons, patches; null takes them off.
 * @param {maplibregl.Map} map
 * @param {string} name of the overlay, which is its source and the start of its layers' names
 * @param {GeoJSON.FeatureCollection | null} features
 * @param {{fill?: object, line?: object}} paint MapLibre paint properties of its two layers
 */
export function showFeatures(map, name, features, paint = {}) {
  const layers = { fill: `${name}-fill`, line: `${name}-line` };
  if (!features) {
    for (const id of Object.values(layers)) if (map.getLayer(id)) map.removeLayer(id);
    if (map.getSource(name)) map.removeSource(name);
    return;
  }
  if (map.getSource(name)) map.getSource(name).setData(features);
  else map.addSource(name, { type: "geojson", data: features });
  for (const [type, id] of Object.entries(layers)) {
    if (!paint[type]) continue;
    if (!map.getLayer(id)) map.addLayer({ id, type, source: name }, "frame-casing");
    for (const [property, value] of Object.entries(paint[type])) {
      map.setPaintProperty(id, property, value);
    }
  }
}
