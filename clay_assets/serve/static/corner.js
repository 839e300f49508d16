// Buttons of our own in the map's corner, under those that zoom.

import { h } from "./dom.js";

/** Add a button to the corner's group of `map`. */
export function addCornerButton(map, button) {
  const corner = map.getContainer().querySelector(".maplibregl-ctrl-top-left");
  let group = corner.querySelector(".corner-buttons");
  if (!group) {
    group = h("div", { class: "maplibregl-ctrl maplibregl-ctrl-group corner-buttons" });
    corner.append(group);
  }
  group.append(button);
}
