// Puts the page together.

import { createActions } from "./actions.js";
import { DEFAULTS, followAddress, readAddress } from "./address.js";
import { addAsk } from "./ask.js";
import { beyondMode } from "./beyond_mode.js";
import { addBasemap } from "./basemap.js";
import { addBoxes } from "./boxes.js";
import { createChart, showAnswer, showHovered, showPlaces } from "./chart.js";
import { changeMode } from "./change_mode.js";
import { circleMode } from "./circle_mode.js";
import { NEGATIVE, POSITIVE } from "./classes.js";
import { addCompare } from "./compare.js";
import { addDates } from "./dates.js";
import { addFilters } from "./filters.js";
import { addGraticule } from "./graticule.js";
import { boundsOf, middleOf } from "./ground.js";
import { button, icon } from "./dom.js";
import { addHelp } from "./help.js";
import { followWithImagery } from "./imagery.js";
import { addKeys } from "./keys.js";
import { addLabelLayers } from "./label_layers.js";
import { addLabelSetActions, addLabelSets } from "./label_sets.js";
import { addLabels, MARKED_MODES } from "./labels.js";
import { addLasso } from "./lasso.js";
import { addLegend } from "./legend.js";
import { createModes } from "./modes.js";
import { placeOfChip, shownChip } from "./places.js";
import { addProductChoice } from "./product_choice.js";
import { addResults, similarMode } from "./results.js";
import { chipOf } from "./rows.js";
import { addSheet } from "./sheet.js";
import { addSliders } from "./sliders.js";
import { createStore } from "./store.js";
import { addThemeButton } from "./theme.js";
import { addTiles } from "./tiles.js";
import { addToast } from "./toast.js";
import { addToolbar } from "./toolbar.js";
import { addDropping } from "./upload.js";
import { count, latitude, longitude, nameOf } from "./words.js";

const byId = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const { wantedSet, ...asked } = readAddress();
const store = createStore({
  phase: "loading", failure: null, products: [], engines: [], dagsterUrl: null, basemapUrl: null,
  product: "", ...DEFAULTS, filtersOpen: false, places: [], query: null, asking: "idle",
  answer: null, askFailure: null, opened: null, hovered: null, drawing: false, tool: "ask",
  markClass: POSITIVE, labels: [], labelSet: null, answeredLabels: [], least: null, toast: null,
  upload: null, canUndo: false, canRedo: false, view: "grid", ...asked,
});
const actions = createActions(store);
addLabelSetActions(store, actions);

addThemeButton(byId("theme"));
addHelp(byId("help-dialog"), byId("help"));
addAsk(byId("ask"), store, actions);
const context = { map: null, store, actions };
const modes = createModes(
  { bar: byId("modes"), body: byId("body") }, context,
  [similarMode, circleMode, beyondMode, changeMode],
);
addResults(byId("body"), store);
addProductChoice(byId("product"), store, actions);
addLabels(byId("labels"), store, actions);
addSliders(byId("sliders"), store, actions);
addToast(byId("toast"), store, actions);
addDropping(store, actions);
addSheet(byId("sheet"));
addDates(byId("dates"), store);
addLegend(byId("legend"), store, actions);
addKeys(store, actions, byId("help-dialog"));
store.watch(["asking", "phase"], ({ asking, phase }) => {
  byId("progress").hidden = asking !== "asking" && phase !== "loading";
});
store.watch(["query"], ({ query, places }) => {
  const place = placeOfChip(places, query?.chipId);
  const asked = place && `${place.properties.mgrs} ${nameOf(query.id)}`;
  document.title = asked ? `${asked} · Clay search` : "Clay search";
});
store.watch(["answer"], ({ answer }) => {
  byId("notice").textContent = answer ? count(answer.features.length, "hit") : "";
});

const map = await createChart(byId("map"));
addGraticule(map, byId("edge-labels"));
addBasemap(map, store);
addCompare(map, store);
addTiles(map, store, (tile) => fit([tile], true));
addBoxes(map, store, actions);
addMapActions();
const setsButton = button("quiet-button", null, { id: "sets" }, icon("save"), "Label sets");
addLabelSets(byId("sets-dialog"), setsButton, store, actions);
addFilters(byId("filters"), store, actions, viewOf, setsButton);
addToolbar(byId("tools"), store, actions);
followMap();
followWithImagery(map, store);
addLabelLayers(map, store);
addLasso(map, store, actions);
context.map = map;
modes.start();
followAddress(store, actions.goBackTo);
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") actions.refresh();
});
await actions.load();
if (wantedSet) await actions.openLabelSet(wantedSet);
globalThis.claySearch = { map, store, actions }; // for the console, and for tests
map.triggerRepaint(); // it may be idle already, and would not say so again
await map.once("idle");
byId("map").dataset.ready = "true";

/** West, south, east, north of what the map shows; far out it shows more than the world. */
function viewOf() {
  const [west, south, east, north] = map.getBounds().toArray().flat();
  return [Math.max(west, -180), Math.max(south, -90), Math.min(east, 180), Math.min(north, 90)];
}

function followMap() {
  store.watch(["places"], ({ places }) => {
    showPlaces(map, places);
    if (places.length) fit(places, false);
  });
  store.watch(["places", "answer", "query", "mode"], (state, previous) => {
    const isShown = state.mode === similarMode.id;
    if (!isShown && state.mode === previous.mode && state !== previous) return;
    showAnswer(map, isShown ? state : { places: state.places, query: null, answer: null });
  });
  store.watch(["answer"], ({ places, query, answer }) => {
    const place = answer && placeOfChip(places, query?.chipId);
    if (place && !map.getBounds().contains(middleOf(place))) actions.showAll();
  });
  store.watch(["hovered"], ({ hovered }, previous) => showHovered(map, hovered, previous.hovered));
  map.on("mousemove", "place-tint", ({ features }) => {
    if (store.get().drawing) return;
    map.getCanvas().style.cursor = "pointer";
    actions.hover(features[0].id);
  });
  map.on("mouseleave", "place-tint", () => {
    map.getCanvas().style.cursor = "";
    actions.hover(null);
  });
  map.on("mousemove", ({ lngLat }) => {
    byId("cursor").textContent = `${latitude(lngLat.lat)}  ${longitude(lngLat.lng)}`;
  });
  map.on("click", "place-tint", ({ features, lngLat, originalEvent }) => {
    const state = store.get();
    const isMarked = MARKED_MODES.includes(state.mode);
    if (state.drawing || (isMarked && state.tool === "lasso")) return;
    const place = state.places.find(({ id }) => id === features[0].id);
    if (modes.current().click?.(lngLat, place, context)) return;
    const chip = shownChip(place, state) ?? place.properties.chips.at(-1);
    const id = actions.rowAt(chip, place, lngLat);
    const name = isMarked && markOf(originalEvent, state);
    if (name) actions.toggleMark(id, name);
    else actions.ask({ id });
  });
  map.on("error", ({ error, sourceId }) => {
    // A chip whose picture cannot be read keeps its tint; the panel says why when it is opened.
    const isPicture = /^(picture-.*|imagery|basemap)$/.test(sourceId ?? "");
    if (!isPicture) console.error(error);
  });
}

/** The class that a click marks with, null when it asks: Shift is less like, Ctrl more like. */
function markOf({ shiftKey, ctrlKey, metaKey }, { tool, markClass }) {
  if (shiftKey) return NEGATIVE;
  if (ctrlKey || metaKey) return POSITIVE;
  return tool === "mark" ? markClass : null;
}

/** Actions that move the map. */
function addMapActions() {
  actions.show = (id) => {
    const place = placeOfChip(store.get().places, chipOf(id));
    if (!place) return;
    actions.hover(place.id);
    fit([place], true, 12.5);
  };
  actions.showAll = () => {
    const { places, answer, query } = store.get();
    const asked = placeOfChip(places, query?.chipId);
    const all = answer?.features.length ? [...answer.features, asked].filter(Boolean) : places;
    if (all.length) fit(all, true);
  };
}

function fit(features, moving, maxZoom = 14) {
  const [west, south, east, north] = boundsOf(features);
  const { clientWidth: width, clientHeight: height } = map.getContainer();
  map.fitBounds([[west, south], [east, north]], {
    padding: {
      top: height * 0.08, right: width * 0.08, bottom: height * 0.08 + 40, left: width * 0.08,
    },
    maxZoom,
    duration: moving && !calm.matches ? 700 : 0,
  });
}
