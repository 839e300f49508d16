// Marks on the map: an outline and a sign in the colour of their class.

import { badgeFor } from "./badges.js";
import { middleOf } from "./ground.js";
import { MARKED_MODES, NEGATIVE, POSITIVE } from "./labels.js";
import { footprintOf } from "./rows.js";
import { colour, onTheme } from "./theme.js";

/** Keep the marks on the map in step with the state. */
export function addLabelLayers(map, store) {
  const empty = { type: "FeatureCollection", features: [] };
  map.addSource("marks", { type: "geojson", data: empty });
  map.addSource("mark-signs", { type: "geojson", data: empty });
  map.addLayer({ id: "mark-casing", type: "line", source: "marks", paint: { "line-width": 5 } });
  map.addLayer({ id: "mark-line", type: "line", source: "marks", paint: { "line-width": 3 } });
  map.addLayer({
    id: "mark-sign", type: "symbol", source: "mark-signs",
    layout: {
      "icon-image": ["concat", "class:", ["get", "sign"]],
      "icon-allow-overlap": true,
      "icon-padding": 0,
    },
  });
  const paint = () => {
    map.setPaintProperty("mark-casing", "line-color", colour("casing"));
    map.setPaintProperty("mark-line", "line-color", [
      "match", ["get", "class"],
      POSITIVE, colour("positive"), NEGATIVE, colour("negative"), colour("other-class"),
    ]);
    for (const name of map.listImages().filter((id) => id.startsWith("class:"))) {
      map.removeImage(name);
      badgeFor(map, name);
    }
  };
  paint();
  onTheme(paint);
  store.watch(["labels", "places", "mode", "product"], (state) => {
    const shown = MARKED_MODES.includes(state.mode) ? featuresOf(state) : [];
    map.getSource("marks").setData({ type: "FeatureCollection", features: shown });
    map.getSource("mark-signs").setData({
      type: "FeatureCollection", features: shown.map(signOf),
    });
  });
}

function featuresOf({ labels, places, products, product }) {
  const grid = products.find(({ name }) => name === product)?.grid;
  return labels.flatMap(({ id, class: name }) => {
    const geometry = footprintOf(id, places, grid);
    return geometry ? [{ type: "Feature", geometry, properties: { class: name } }] : [];
  });
}

function signOf(feature) {
  const { class: name } = feature.properties;
  const sign = [POSITIVE, NEGATIVE].includes(name) ? name : name.slice(0, 1).toUpperCase();
  return {
    type: "Feature",
    properties: { sign },
    geometry: { type: "Point", coordinates: middleOf(feature) },
  };
}
