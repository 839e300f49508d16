// Scores as colours: dim violet for the least likely hit, glowing amber for the best.

import { colour } from "./theme.js";

const STOPS = ["shade-0", "shade-1", "shade-2"];

/** Score -> 0..1 between the least and the best score of an answer. */
export function shadesOf(hits) {
  const scores = hits.map((hit) => hit.properties.score);
  const [least, best] = [Math.min(...scores), Math.max(...scores)];
  return (score) => (best > least ? (score - least) / (best - least) : 1);
}

/** CSS colour of a shade 0..1. */
export function shadeCss(shade) {
  const position = shade * (STOPS.length - 1);
  const lower = Math.min(Math.floor(position), STOPS.length - 2);
  const share = Math.round((position - lower) * 100);
  return `color-mix(in oklab, var(--${STOPS[lower + 1]}) ${share}%, var(--${STOPS[lower]}))`;
}

/** MapLibre expression: colour of a feature by its state `shade`. */
export function shadeExpression() {
  return ramp(["coalesce", ["feature-state", "shade"], 0]);
}

/** MapLibre expression: colour of a feature by its property `shade`. */
export function shadeOfProperty() {
  return ramp(["get", "shade"]);
}

function ramp(value) {
  return [
    "interpolate-lab", ["linear"], value,
    ...STOPS.flatMap((name, place) => [place / (STOPS.length - 1), colour(name)]),
  ];
}
