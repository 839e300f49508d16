// Pictures of tiles that lie over the map, below the frames.

const MOST = 60;
const shown = new WeakMap(); // map -> names of its sources

/**
 * Lay pictures over the map; null takes them off. Of many tiles those nearest the middle of the
 * map are shown.
 * @param {maplibregl.Map} map
 * @param {{tile: string, url: string, bounds: number[]}[]|null} tiles
 * @param {string} [more] parameters that go after the addresses
 */
export function showOverlays(map, tiles, more = "") {
  for (const name of shown.get(map) ?? []) {
    if (map.getLayer(name)) map.removeLayer(name);
    if (map.getSource(name)) map.removeSource(name);
  }
  const names = [];
  for (const { tile, url, bounds } of nearest(map, tiles ?? [])) {
    const [west, south, east, north] = bounds;
    const name = `overlay-${tile}`;
    map.addSource(name, {
      type: "image",
      url: new URL(`${url}${more}`, document.baseURI).href,
      coordinates: [[west, north], [east, north], [east, south], [west, south]],
    });
    map.addLayer({
      id: name, type: "raster", source: name,
      paint: { "raster-opacity": 0.86, "raster-fade-duration": 0, "raster-resampling": "nearest" },
    }, "place-line");
    names.push(name);
  }
  shown.set(map, names);
}

function nearest(map, tiles) {
  if (tiles.length <= MOST) return tiles;
  const { lng, lat } = map.getCenter();
  const off = ({ bounds: [west, south, east, north] }) =>
    Math.hypot((west + east) / 2 - lng, (south + north) / 2 - lat);
  return [...tiles].sort((one, other) => off(one) - off(other)).slice(0, MOST);
}
