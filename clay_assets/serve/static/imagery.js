// True colour under the tints: web tiles of the chosen date, and above them the answer's own chips.

import { thumbnailUrl } from "./api.js";
import { boundsOf, corners, zoomOfPixels } from "./ground.js";
import { placeOfChip, shownChip, tileChip } from "./places.js";

const LEAST_PIXELS = 18; // smaller squares show their tint only
const MOST_PICTURES = 160; // in view; beyond that the map is zoomed out too far to see them
const TILE_PIXELS = 256;
const MOST_DETAIL = 14; // zoom at which a pixel of the screen is one of the picture
const FADE = { "raster-fade-duration": 250 };
const BELOW = "place-veil";

/**
 * Keep the pictures of the map in step with its view and with the state.
 * @param {maplibregl.Map} map
 * @param {ReturnType<import("./store.js").createStore>} store of `places`, `products`, `product`,
 *   `mapDate`, and of `query` and `answer`, whose chips are shown on their own dates
 */
export function followWithImagery(map, store) {
  store.watch(["places", "product", "mapDate"], (state) => layTiles(map, state));
  const shown = new Map(); // place id -> url
  let scheduled = 0;
  const later = () => {
    cancelAnimationFrame(scheduled);
    scheduled = requestAnimationFrame(() => update(map, store.get(), shown));
  };
  map.on("moveend", later);
  map.on("resize", later);
  store.watch(["places", "answer", "query", "mapDate", "compare"], later);
}

/** The layer of web tiles: what all places show but those that `update` draws over. */
function layTiles(map, state) {
  if (map.getLayer("imagery")) map.removeLayer("imagery");
  if (map.getSource("imagery")) map.removeSource("imagery");
  if (!state.places.length) return;
  // Dense screens get two pixels for one, as they do of anything else.
  const size = devicePixelRatio > 1.25 ? 2 * TILE_PIXELS : TILE_PIXELS;
  const version = state.products.find(({ name }) => name === state.product)?.version ?? "";
  const parameters = new URLSearchParams({ date: state.mapDate, size, v: version });
  const path = `api/map_tiles/${encodeURIComponent(state.product)}/`;
  const [west, south, east, north] = boundsOf(state.places);
  const least = Math.max(zoomOfPixels(state.places, LEAST_PIXELS), 0);
  map.addSource("imagery", {
    type: "raster",
    tiles: [`${absolute(path)}{z}/{x}/{y}.png?${parameters}`],
    tileSize: TILE_PIXELS,
    bounds: [west, Math.max(south, -85), east, Math.min(north, 85)],
    minzoom: Math.floor(least), maxzoom: MOST_DETAIL,
  });
  map.addLayer(
    { id: "imagery", type: "raster", source: "imagery", minzoom: least, paint: FADE },
    map.getStyle().layers.find(({ id }) => id.startsWith("picture-"))?.id ?? BELOW,
  );
}

function update(map, state, shown) {
  const wanted = picturesInView(map, state);
  for (const id of shown.keys()) if (!wanted.has(id)) remove(map, shown, id);
  for (const [id, { place, url }] of wanted) {
    if (shown.get(id) === url) continue;
    if (shown.has(id)) map.getSource(`picture-${id}`).updateImage({ url });
    else add(map, place, url);
    shown.set(id, url);
  }
}

/** place id -> {place, url} of what is in view and not of the date that the tiles show. */
function picturesInView(map, state) {
  const view = map.getBounds();
  const pictures = new Map();
  for (const place of answered(state)) {
    if (place.geometry.type !== "Polygon") continue; // two halves at the antimeridian: tiles only
    const chip = shownChip(place, state);
    if (!chip || chip === tileChip(place, state.mapDate)) continue;
    const [west, south, east, north] = boundsOf([place]);
    if (west > view.getEast() || east < view.getWest()) continue;
    if (south > view.getNorth() || north < view.getSouth()) continue;
    const pixels = map.project([east, north]).x - map.project([west, north]).x;
    if (pixels < LEAST_PIXELS) continue;
    const size = pixels * devicePixelRatio > 300 ? 512 : 256;
    pictures.set(place.id, { place, url: absolute(thumbnailUrl(chip.chip_id, chip.hash, size)) });
    if (pictures.size > MOST_PICTURES) return new Map();
  }
  return pictures;
}

/** The places of the answer and of the question; none while dates are compared. */
function answered({ places, query, answer, compare }) {
  if (compare) return [];
  const hits = answer?.features.map(({ properties }) => places[properties.place]) ?? [];
  return new Set([...hits, placeOfChip(places, query?.chipId)].filter(Boolean));
}

function add(map, place, url) {
  const id = `picture-${place.id}`;
  map.addSource(id, { type: "image", url, coordinates: corners(place.geometry) });
  map.addLayer({ id, type: "raster", source: id, paint: FADE }, BELOW);
}

function remove(map, shown, id) {
  map.removeLayer(`picture-${id}`);
  map.removeSource(`picture-${id}`);
  shown.delete(id);
}

// MapLibre resolves relative addresses in its worker, where there is no page to be relative to.
function absolute(url) {
  return new URL(url, document.baseURI).href;
}
