// VectorGeo's view: a circle on the map, and how much each hexagon within it looks like its middle.

import { COVERAGE, createCells, RADII } from "./cells.js";
import { showFeatures } from "./chart.js";
import { createCircle } from "./circle_map.js";
import { circlePanel } from "./circle_panel.js";
import { boundsOf, distanceOf, middleOf } from "./ground.js";
import { modeOfView } from "./modes.js";
import { placeOfChip } from "./places.js";
import { colour, onTheme } from "./theme.js";
import { shadeOfProperty } from "./shades.js";

const SHARE_OF_VIEW = 0.3; // radius at first, of the shorter side of the map or of all places
const HEXAGONS = "circle-cells";

/** The mode "circle"; see modes.js. Its question is `state.circle`. */
export const circleMode = modeOfView(
  { id: "circle", label: "Circle", icon: "circle" }, createView,
);

function createView({ map, store, actions }) {
  let isShown = false;
  const cells = createCells(store, () => draw());
  const change = (circle) => store.set({ circle });
  const circle = createCircle(map, change);
  const move = (changes) => store.set({ circle: { ...store.get().circle, ...changes } });
  const panel = circlePanel({
    move,
    again: () => cells.ask(store.get()),
    hover: (cell) => showHovered(map, cells.found(), cell),
    similar: (id) => {
      actions.chooseMode("similar");
      actions.ask({ id });
    },
  });

  const draw = () => {
    if (!isShown) return;
    showFeatures(map, HEXAGONS, cells.found(), cells.found() && paint(cells.status() === "asking"));
    circle.raise();
    panel.show({ ...store.get(), ...cells.shown() });
  };
  store.watch(["circle", "product", "engine", "mode"], (state, previous) => {
    if (!isShown || !state.circle) return;
    circle.show(state.circle);
    if (state !== previous) cells.later(state);
    draw();
  });
  store.watch(["places"], ({ places }) => { if (isShown && places.length) enter(); });
  onTheme(draw);

  /** Show the circle, around what the reader looks at if there is none yet. */
  function enter() {
    isShown = true;
    if (!store.get().circle) store.set({ circle: firstCircle(map, store.get()) });
    circle.show(store.get().circle);
    cells.ask(store.get());
  }

  return {
    node: panel.node,
    enter,
    leave() {
      isShown = false;
      cells.stop();
      circle.show(null);
      showFeatures(map, HEXAGONS, null);
    },
    /** A click on the map brings the circle's middle there. */
    click({ lng, lat }) {
      move({ lon: lng, lat });
      return true;
    },
  };
}

/** Around the asked place, else around the one nearest the middle of the map. */
function firstCircle(map, { places, query }) {
  const bounds = boundsOf(places);
  const [west, south, east, north] = bounds;
  const seen = map.getCenter().toArray();
  // A page that is opened by a link may still show the whole world.
  const centre = isIn(bounds, seen) ? seen : [(west + east) / 2, (south + north) / 2];
  const nearest = (best, place) =>
    distanceOf(centre, middleOf(place)) < distanceOf(centre, middleOf(best)) ? place : best;
  const [lon, lat] = middleOf(placeOfChip(places, query?.chipId) ?? places.reduce(nearest));
  const { clientWidth: width, clientHeight: height } = map.getContainer();
  const pixels = SHARE_OF_VIEW * Math.min(width, height);
  const { x, y } = map.project([lon, lat]);
  const edge = map.unproject([x + pixels, y]).toArray();
  const sides = [distanceOf([west, lat], [east, lat]), distanceOf([lon, south], [lon, north])];
  const shares = sides.map((side) => SHARE_OF_VIEW * side);
  const radius = Math.min(distanceOf([lon, lat], edge), ...shares);
  return {
    lon, lat, radius: Math.min(Math.max(rounded(radius), RADII.least), RADII.most),
    coverage: COVERAGE.usual, resolution: null,
  };
}

function isIn([west, south, east, north], [lon, lat]) {
  return west <= lon && lon <= east && south <= lat && lat <= north;
}

/** Metres to two digits. */
function rounded(metres) {
  return Number(metres.toPrecision(2));
}

/** VectorGeo's blue of varying strength, in the colours of all scores here. */
function paint(isStale) {
  return {
    fill: {
      "fill-color": shadeOfProperty(),
      "fill-opacity": [
        "*", isStale ? 0.5 : 1, ["interpolate", ["linear"], ["get", "shade"], 0, 0.35, 1, 0.8],
      ],
    },
    line: {
      "line-color": ["case", ["boolean", ["get", "hovered"], false], "#ffffff", colour("casing")],
      "line-width": ["case", ["boolean", ["get", "hovered"], false], 3, 0.6],
    },
  };
}

function showHovered(map, found, cell) {
  if (!found) return;
  const features = found.features.map((one) => one.properties.cell !== cell
    ? one : { ...one, properties: { ...one.properties, hovered: true } });
  showFeatures(map, HEXAGONS, { ...found, features }, paint(false));
}
