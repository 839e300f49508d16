// Predictions on the map: each place, or each patch of a tile, in the colour of its class.

import { classColour } from "./beyond_parts.js";
import { showFeatures } from "./chart.js";
import { findChip } from "./places.js";
import { chipOf, footprintOf } from "./rows.js";

const NAME = "predictions";
const MOST_FEATURES = 40_000;

/**
 * Rows that reach a confidence, of a class or of all; the surest of each place comes first.
 * @param {[string, number|null, number, number][]} rows [id, place, class number, confidence]
 */
export function sureRows(rows, confidence, wanted) {
  return rows.filter(([, , number, sure]) =>
    sure >= confidence && (wanted === null || number === wanted));
}

/** Show some rows on the map; null takes them off. */
export function showPredictions(map, state, rows, grid) {
  if (!rows) return showFeatures(map, NAME, null);
  const shown = grid ? rows.slice(0, MOST_FEATURES) : onePerPlace(rows, state);
  const features = shown.map(([id, place, number, confidence]) => ({
    type: "Feature",
    properties: { colour: classColour(number), confidence },
    geometry: grid ? footprintOf(id, state.places, grid) : state.places[place]?.geometry ?? null,
  }));
  showFeatures(map, NAME, { type: "FeatureCollection", features }, {
    fill: {
      "fill-color": ["get", "colour"],
      "fill-opacity": ["interpolate", ["linear"], ["get", "confidence"], 0.5, 0.3, 1, 0.78],
      "fill-antialias": false,
    },
  });
}

/** Of each place the row of the day on the map, else the surest. */
function onePerPlace(rows, { places, mapDate }) {
  const best = new Map();
  for (const row of rows) {
    const [id, place, , confidence] = row;
    const known = best.get(place);
    const isDay = findChip(places, chipOf(id))?.date === mapDate;
    if (!known || isDay || (confidence > known.row[3] && !known.isDay)) {
      best.set(place, { row, isDay });
    }
  }
  return [...best.values()].map(({ row }) => row);
}
