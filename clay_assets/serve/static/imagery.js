// True-colour pictures of the chips in view, laid on their footprints when they are large enough.

import { thumbnailUrl } from "./api.js";
import { boundsOf, corners } from "./ground.js";
import { shownChip } from "./places.js";

const LEAST_PIXELS = 20; // smaller squares show their tint only
const MOST_PICTURES = 160; // in view; beyond that the map is zoomed out too far to see them
const BELOW = "place-veil";

/** Keep the pictures of the map in step with its view and with the state. */
export function followWithImagery(map, store) {
  const shown = new Map(); // place id -> url
  let scheduled = 0;
  const later = () => {
    cancelAnimationFrame(scheduled);
    scheduled = requestAnimationFrame(() => update(map, store.get(), shown));
  };
  map.on("moveend", later);
  map.on("resize", later);
  store.watch(["places", "answer", "query", "mapDate"], later);
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

/** place id -> {place, url} of the pictures that the view needs. */
function picturesInView(map, state) {
  const view = map.getBounds();
  const pictures = new Map();
  for (const place of state.places) {
    if (place.geometry.type !== "Polygon") continue; // two halves at the antimeridian: tint only
    const [west, south, east, north] = boundsOf([place]);
    if (west > view.getEast() || east < view.getWest()) continue;
    if (south > view.getNorth() || north < view.getSouth()) continue;
    const pixels = map.project([east, north]).x - map.project([west, north]).x;
    if (pixels < LEAST_PIXELS) continue;
    const chip = shownChip(place, state);
    if (!chip) continue;
    const size = pixels * devicePixelRatio > 300 ? 512 : 256;
    pictures.set(place.id, { place, url: absolute(thumbnailUrl(chip.chip_id, chip.hash, size)) });
    if (pictures.size > MOST_PICTURES) return new Map();
  }
  return pictures;
}

function add(map, place, url) {
  const id = `picture-${place.id}`;
  map.addSource(id, { type: "image", url, coordinates: corners(place.geometry) });
  map.addLayer({ id, type: "raster", source: id, paint: { "raster-fade-duration": 250 } }, BELOW);
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
