// Predictions on the map: each place, or each patch of a tile, in the colour of its class.

import { showFeatures } from "./chart.js";
import { classToken } from "./classes.js";
import { findChip } from "./places.js";
import { chipOf, footprintOf } from "./rows.js";
import { colour } from "./theme.js";

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

/**
 * Show rows on the map in the colours of their classes; null takes them off.
 * @param {{rows: Array, classes: string[]} | null} found
 */
export function showPredictions(map, state, found, grid) {
  if (!found) return showFeatures(map, NAME, null);
  const { rows, classes } = found;
  const colours = classes.map((name) => colour(classToken(name, classes)));
  const shown = grid ? rows.slice(0, MOST_FEATURES) : onePerPlace(rows, state);
  const features = shown.map(([id, place, number, confidence]) => ({
    type: "Feature",
    properties: { colour: colours[number], confidence },
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
