// Marks on the map: an outline and a sign in the colour of their class.

import { badgeFor } from "./badges.js";
import { classToken, sign } from "./classes.js";
import { middleOf } from "./ground.js";
import { MARKED_MODES } from "./labels.js";
import { footprintOf } from "./rows.js";
import { colour, onTheme } from "./theme.js";

/** Keep the marks on the map in step with the state. */
export function addLabelLayers(map, store) {
  const empty = { type: "FeatureCollection", features: [] };
  map.addSource("marks", { type: "geojson", data: empty });
  map.addSource("mark-signs", { type: "geojson", data: empty });
  map.addLayer({ id: "mark-casing", type: "line", source: "marks", paint: { "line-width": 5 } });
  map.addLayer({
    id: "mark-line", type: "line", source: "marks",
    paint: { "line-width": 3, "line-color": ["get", "colour"] },
  });
  map.addLayer({
    id: "mark-sign", type: "symbol", source: "mark-signs",
    layout: {
      "icon-image": ["get", "image"],
      "icon-allow-overlap": true,
      "icon-padding": 0,
    },
  });
  const draw = (state) => {
    const shown = MARKED_MODES.includes(state.mode) ? featuresOf(state) : [];
    map.getSource("marks").setData({ type: "FeatureCollection", features: shown });
    map.getSource("mark-signs").setData({
      type: "FeatureCollection", features: shown.map(signOf),
    });
  };
  const paint = () => {
    map.setPaintProperty("mark-casing", "line-color", colour("casing"));
    for (const name of map.listImages().filter((id) => id.startsWith("class:"))) {
      map.removeImage(name);
      badgeFor(map, name);
    }
    draw(store.get());
  };
  paint();
  onTheme(paint);
  store.watch(["labels", "places", "mode", "product"], draw);
}

function featuresOf({ labels, places, products, product }) {
  const grid = products.find(({ name }) => name === product)?.grid;
  const names = labels.map((label) => label.class);
  return labels.flatMap(({ id, class: name }) => {
    const geometry = footprintOf(id, places, grid);
    if (!geometry) return [];
    const token = classToken(name, names);
    const properties = { colour: colour(token), image: `class:${token}:${sign(name)}` };
    return [{ type: "Feature", geometry, properties }];
  });
}

function signOf(feature) {
  const { image } = feature.properties;
  return {
    type: "Feature",
    properties: { image },
    geometry: { type: "Point", coordinates: middleOf(feature) },
  };
}
