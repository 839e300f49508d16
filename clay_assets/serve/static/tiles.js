// Tiles seen from far away: an outline, and a dot where even that is too small to see.

import { boundsOf, middleOf, zoomOfPixels } from "./ground.js";
import { colour, onTheme } from "./theme.js";

const FEW_PIXELS = 14; // a tile smaller than this gets a dot
const MANY_PIXELS = 140; // in a tile larger than this the places themselves can be clicked

/** Draw the tiles of the places below everything else; a click on a dot calls `look(tile)`. */
export function addTiles(map, store, look) {
  const empty = { type: "FeatureCollection", features: [] };
  map.addSource("tiles", { type: "geojson", data: empty });
  map.addSource("tile-centres", { type: "geojson", data: empty });
  map.addLayer({ id: "tile-line", type: "line", source: "tiles" }, "place-tint");
  map.addLayer(
    { id: "tile-dot", type: "circle", source: "tile-centres", paint: { "circle-radius": 4 } },
    "place-tint",
  );
  const paint = () => {
    map.setPaintProperty("tile-line", "line-color", colour("place-line"));
    map.setPaintProperty("tile-dot", "circle-color", colour("faint"));
  };
  paint();
  onTheme(paint);
  store.watch(["places"], ({ places }) => show(map, tilesOf(places)));
  map.on("click", "tile-dot", ({ features }) => look(tileNamed(store, features[0])));
  map.on("mouseenter", "tile-dot", () => { map.getCanvas().style.cursor = "zoom-in"; });
  map.on("mouseleave", "tile-dot", () => { map.getCanvas().style.cursor = ""; });
}

function show(map, tiles) {
  const collection = (features) => ({ type: "FeatureCollection", features });
  map.getSource("tiles").setData(collection(tiles));
  map.getSource("tile-centres").setData(collection(tiles.map(centreOf)));
  if (!tiles.length) return;
  const outlinesFrom = zoomOfPixels(tiles, FEW_PIXELS);
  map.setLayerZoomRange("tile-dot", 0, outlinesFrom);
  map.setLayerZoomRange("tile-line", outlinesFrom, zoomOfPixels(tiles, MANY_PIXELS));
}

/** One box a tile, around its places. */
function tilesOf(places) {
  const byTile = Map.groupBy(places, ({ properties }) => properties.mgrs);
  return [...byTile].map(([mgrs, members]) => {
    const [west, south, east, north] = boundsOf(members);
    const ring = [[west, north], [east, north], [east, south], [west, south], [west, north]];
    return {
      type: "Feature", properties: { mgrs }, geometry: { type: "Polygon", coordinates: [ring] },
    };
  });
}

function centreOf(tile) {
  return {
    type: "Feature",
    properties: tile.properties,
    geometry: { type: "Point", coordinates: middleOf(tile) },
  };
}

function tileNamed(store, { properties }) {
  return tilesOf(store.get().places).find((tile) => tile.properties.mgrs === properties.mgrs);
}
