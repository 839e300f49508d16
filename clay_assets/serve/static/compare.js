// Two dates or two products side by side: a second map over the right part of the first, and a
// divider between them that is dragged or moved by the arrow keys.

import { ApiError, getFootprints, search } from "./api.js";
import { layBasemap } from "./basemap.js";
import { createChart, showAnswer, showPlaces } from "./chart.js";
import { createSides } from "./compare_sides.js";
import { addCornerButton } from "./corner.js";
import { button, h, icon } from "./dom.js";
import { followWithImagery } from "./imagery.js";
import { createStore } from "./store.js";

const STEP = 0.05; // of the width, that an arrow key moves the divider
const FAINT = 0.3;
const isHit = ["boolean", ["feature-state", "hit"], false];
const MODE_OF_ANSWERS = "similar"; // the others have no answer that a second product could give

/**
 * Let the reader compare the map with `state.compare`, {product, date}; null shows one map.
 * @param {maplibregl.Map} map
 * @param {ReturnType<import("./store.js").createStore>} store
 */
export function addCompare(map, store) {
  const words = "Compare two dates or products";
  const toggle = button("", () => {
    const state = store.get();
    store.set({ compare: state.compare ? null : otherOf(state) });
  }, { id: "compare", title: words, "aria-label": words }, icon("compare"));
  addCornerButton(map, toggle);
  let right = null;
  store.watch(["compare", "phase", "products"], (state) => {
    const isOn = Boolean(state.compare) && state.phase === "ready";
    toggle.hidden = state.phase !== "ready" || !otherOf(state);
    toggle.setAttribute("aria-pressed", String(isOn));
    if (isOn && !right) right = openRight(map, store);
    if (!isOn && right) {
      right.close();
      right = null;
    }
  });
}

/** What to compare with first: the earliest other date, else another product; null if none. */
function otherOf({ products, product, mapDate }) {
  const dates = products.find(({ name }) => name === product)?.dates ?? [];
  if (dates.length > 1) return { product, date: dates.find((date) => date !== mapDate) };
  const other = products.find(({ name, chips }) => name !== product && chips > 0);
  return other ? { product: other.name, date: "clearest" } : null;
}

/** The second map, its divider and its choices. */
function openRight(map, store) {
  const stage = map.getContainer().parentElement;
  const canvas = h("div", { class: "compare-map", "aria-hidden": "true" });
  const divider = addDivider(stage, canvas);
  const sides = createSides(stage, store);
  const ours = createStore(rightState(store.get(), []));
  const watched = new AbortController(); // the page's store keeps its listeners: they look here
  stage.classList.add("comparing");
  map.getContainer().after(canvas);
  let chart = null;
  const follow = () => chart?.jumpTo({ center: map.getCenter(), zoom: map.getZoom() });
  map.on("move", follow);

  store.watch(["compare", "mapDate", "products", "places"], async (state, previous) => {
    if (watched.signal.aborted || !state.compare) return;
    const isOther = state.compare.product !== previous.compare?.product;
    if (isOther || !ours.get().places.length || state.places !== previous.places) {
      await loadPlaces(state, ours, sides, watched.signal);
    }
    const { product, date: mapDate } = state.compare;
    ours.set({ product, mapDate, products: state.products });
  });
  store.watch(["answer", "query", "compare", "mode"], (state) => {
    if (!watched.signal.aborted && state.compare) answerRight(state, ours, sides);
  });
  createChart(canvas, { controls: false }).then((made) => {
    if (watched.signal.aborted) return made.remove();
    chart = made;
    chart.getCanvas().tabIndex = -1; // all keys are the first map's
    // A hit without a picture of the chosen date is told by its frame, and shaded faintly.
    chart.setPaintProperty("place-tint", "fill-opacity", ["case", isHit, FAINT, 1]);
    follow();
    if (store.get().basemapUrl) layBasemap(chart, store.get().basemapUrl);
    ours.watch(["places"], ({ places }) => showPlaces(chart, places));
    ours.watch(["places", "shown", "query"], ({ places, query, shown: answer }) =>
      showAnswer(chart, { places, query, answer }));
    followWithImagery(chart, ours);
    chart.once("idle", () => { canvas.dataset.ready = "true"; });
  });
  return {
    close() {
      watched.abort();
      map.off("move", follow);
      chart?.remove();
      for (const part of [canvas, divider, sides]) part.remove();
      stage.classList.remove("comparing");
    },
  };
}

/** The second map shows each place at the chosen date, also those that are hits. */
function rightState({ compare, products }, places) {
  return {
    places, products, product: compare.product, mapDate: compare.date, compare: true, query: null,
    answer: null, shown: null,
  };
}

async function loadPlaces({ compare, product, places }, ours, sides, signal) {
  sides.say("");
  try {
    const found = compare.product === product
      ? places : (await getFootprints(compare.product)).features;
    if (!signal.aborted) ours.set({ places: found });
  } catch (error) {
    tell(error, sides);
  }
}

/** The same question to the second product; its own answer where both sides are one product. */
async function answerRight(state, ours, sides) {
  const { compare, product, query, answer, mode } = state;
  if (mode !== MODE_OF_ANSWERS || !query || !answer) return ours.set({ shown: null, query: null });
  const asked = { ...query, chipId: query.chipId };
  if (compare.product === product) return ours.set({ shown: answer, query: asked });
  try {
    const shown = await search({ ...state, product: compare.product });
    sides.say("");
    ours.set({ shown, query: asked });
  } catch (error) {
    ours.set({ shown: null, query: null });
    tell(error, sides);
  }
}

function tell(error, sides) {
  if (!(error instanceof ApiError)) throw error;
  sides.say(error.error);
}

/** The divider, in the middle at first. */
function addDivider(stage, canvas) {
  const divider = h("div", {
    class: "compare-divider", role: "slider", tabindex: 0, "aria-orientation": "horizontal",
    "aria-label": "Divider of the two maps", "aria-valuemin": 0, "aria-valuemax": 100,
  }, h("span", {}, icon("swipe")));
  let at = 0.5;
  const move = (share) => {
    at = Math.min(Math.max(share, 0), 1);
    divider.style.left = `${100 * at}%`;
    divider.setAttribute("aria-valuenow", Math.round(100 * at));
    canvas.style.clipPath = `inset(0 0 0 ${100 * at}%)`;
  };
  divider.addEventListener("pointerdown", (event) => {
    divider.setPointerCapture(event.pointerId);
    event.preventDefault();
    divider.focus();
  });
  divider.addEventListener("pointermove", (event) => {
    if (!divider.hasPointerCapture(event.pointerId)) return;
    const { left, width } = stage.getBoundingClientRect();
    move((event.clientX - left) / width);
  });
  divider.addEventListener("keydown", (event) => {
    const wanted = {
      ArrowLeft: at - STEP, ArrowRight: at + STEP, Home: 0, End: 1,
    }[event.key];
    if (wanted === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    move(wanted);
  });
  move(at);
  stage.append(divider);
  return divider;
}
