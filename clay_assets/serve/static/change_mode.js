/** The mode "explore": change between two dates, clusters and outliers, as overlays. */

/** @type {import("./modes.js").Mode} */
export const changeMode = {
  id: "change",
  label: "Explore",
  icon: "◫",
  keys: [],
  panel: () => [],
  enter: () => {},
  leave: () => {},
};
