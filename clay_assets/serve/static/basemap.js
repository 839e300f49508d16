// The base map: web tiles of another server under everything, where the reader's server names one.

import { button, h, icon } from "./dom.js";
import { addCornerButton } from "./corner.js";

const KEPT = "clay-basemap";
const THIN = ["case", ["boolean", ["feature-state", "hit"], false], 0.85, 0.35];

/**
 * Lay the base map of `state.basemapUrl` under the places, with a button to take it off.
 *
 * What stands behind a `#` in the address is whom to thank for it.
 * @param {maplibregl.Map} map
 * @param {ReturnType<import("./store.js").createStore>} store
 */
export function addBasemap(map, store) {
  let known = null;
  store.watch(["basemapUrl"], ({ basemapUrl }) => {
    if (!basemapUrl || known === basemapUrl) return;
    known = basemapUrl;
    layBasemap(map, basemapUrl);
    const [, credit] = basemapUrl.split("#");
    if (credit) addCredit(map, decodeURIComponent(credit));
    const toggle = button("", () => show(map, toggle, !isShown(map)), {
      title: "Base map", "aria-label": "Base map",
    }, icon("layers"));
    addCornerButton(map, toggle);
    show(map, toggle, read() !== "off");
  });
}

/** The layer alone, right above the paper. */
export function layBasemap(map, basemapUrl) {
  const { layers } = map.getStyle();
  const above = layers[layers.findIndex(({ id }) => id === "paper") + 1]?.id;
  const [url] = basemapUrl.split("#");
  map.addSource("basemap", { type: "raster", tiles: [url], tileSize: 256, maxzoom: 19 });
  map.addLayer({ id: "basemap", type: "raster", source: "basemap" }, above);
  // Over a base map the tints let it through; without one they are the ground.
  map.setPaintProperty("place-tint", "fill-opacity", THIN);
}

function isShown(map) {
  return map.getLayoutProperty("basemap", "visibility") !== "none";
}

function show(map, toggle, isWanted) {
  map.setLayoutProperty("basemap", "visibility", isWanted ? "visible" : "none");
  map.setPaintProperty("place-tint", "fill-opacity", isWanted ? THIN : 1);
  map.setLayoutProperty("graticule", "visibility", isWanted ? "none" : "visible");
  toggle.setAttribute("aria-pressed", String(isWanted));
  try {
    localStorage.setItem(KEPT, isWanted ? "on" : "off");
  } catch {
    // Storage may be forbidden; the choice then lasts until the page is closed.
  }
}

function read() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

function addCredit(map, credit) {
  map.getContainer().append(h("p", { class: "credit" }, credit));
}
