// VectorGeo's view: a circle on the map, and how much each hexagon within it looks like its middle.

import { h } from "./dom.js";

/** The mode "circle"; see modes.js. */
export const circleMode = {
  id: "circle",
  label: "Circle",
  icon: "circle",
  keys: [],
  panel: () => h("section", { class: "circle-panel" }),
  enter() {},
  leave() {},
};
