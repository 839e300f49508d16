/** The mode "classify": train a classifier on labels and show its predictions. */

/** @type {import("./modes.js").Mode} */
export const beyondMode = {
  id: "classify",
  label: "Classify",
  icon: "◧",
  keys: [],
  panel: () => [],
  enter: () => {},
  leave: () => {},
};
