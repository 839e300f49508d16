// How is asked: engine, examples, days, cloud, tile, area.

import { DEFAULTS } from "./address.js";
import { button, fill, h, icon } from "./dom.js";
import { day, engineName, percent } from "./words.js";

const ANY_CLOUD = 100; // the slider's end: no limit
const NEAR_KM = [2, 5, 10, 25, 50, 100, 250];
const COMBINATIONS = [
  ["max", "Nearest one"], ["mean", "Their mean"], ["rocchio", "Rocchio"], ["ridge", "Ridge"],
];

/**
 * Show the filters in `container`, folded behind a line that says what is set.
 * @param {() => number[]} mapView west, south, east, north of what the map shows
 * @param {HTMLElement} beside stands in the line after the filters' own button
 */
export function addFilters(container, store, actions, mapView, beside) {
  const line = h("div", { class: "filters-head" });
  const folded = h("div", { id: "filters-form" });
  fill(container, line, folded);
  const keys = [
    "phase", "mode", "filtersOpen", "filters", "product", "products", "engine", "engines",
    "combine", "exact", "onePerPlace", "drawing", "query",
  ];
  store.watch(keys, (state) => {
    container.hidden = state.phase !== "ready" || state.mode !== "similar";
    if (container.hidden) return;
    const focused = document.activeElement;
    fill(line, toggle(state, store), beside, pills(state, actions));
    // A day is typed part by part; a form built anew would begin it again.
    const isTyping = focused.type === "date" && focused.value === state.filters[focused.id];
    if (!isTyping) {
      fill(folded, state.filtersOpen && form(state, store, actions, mapView));
    }
    // Whoever was using a part that was built anew goes on with its successor.
    if (focused.id && focused !== document.activeElement) {
      document.getElementById(focused.id)?.focus();
    }
  });
}

function toggle({ filtersOpen }, store) {
  const attributes = {
    id: "filters-toggle", "aria-expanded": String(filtersOpen), "aria-controls": "filters-form",
  };
  return button("quiet-button", () => store.set({ filtersOpen: !filtersOpen }), attributes,
    icon("filter"), "Filters");
}

/** One pill for each thing that is set, which takes it off again. */
function pills({ filters, engine, combine, exact }, actions) {
  const { since, until, maxCloud, minScore, mgrs, box, area, nearKm } = filters;
  const pill = (text, nothing) =>
    button("pill", () => actions.setFilters(nothing), { "aria-label": `Remove: ${text}` },
      text, icon("close"));
  const how = [
    engine !== DEFAULTS.engine && engineName(engine),
    combine !== DEFAULTS.combine && combine,
    exact && "exact",
  ].filter(Boolean);
  return [
    (since || until) && pill(daysText(since, until), { since: "", until: "" }),
    maxCloud !== null && pill(`cloud ≤ ${percent(maxCloud)}`, { maxCloud: null }),
    minScore !== null && pill(`score ≥ ${Number(minScore.toFixed(4))}`, { minScore: null }),
    mgrs && pill(`tile ${mgrs}`, { mgrs: "" }),
    box && pill("in a box", { box: null }),
    area && pill("in a shape", { area: null }),
    nearKm !== null && pill(`within ${nearKm} km`, { nearKm: null }),
    how.length > 0 && h("span", { class: "filters-how" }, how.join(" · ")),
  ];
}

function daysText(since, until) {
  if (since && until) return since === until ? day(since) : `${day(since)} to ${day(until)}`;
  return since ? `from ${day(since)}` : `until ${day(until)}`;
}

function form(state, store, actions, mapView) {
  const { products, product, query } = state;
  const tiles = products.find(({ name }) => name === product)?.tiles ?? [];
  return h("form", { class: "filters", onsubmit: (event) => event.preventDefault() },
    daysField(state, actions),
    cloudField(state, actions),
    areaField(state, store, actions, mapView),
    query?.chipId && nearField(state, actions),
    tiles.length > 1 && tileField(state, tiles, actions),
    combineField(state, actions),
    engineField(state, actions),
    check("one-per-place", "Each place once, and other places only", state.onePerPlace,
      (onePerPlace) => actions.refine({ onePerPlace })),
    check("exact", "Compare every row, however long it takes", state.exact,
      (exact) => actions.refine({ exact })));
}

function field(name, control, id = null) {
  const label = h(id ? "label" : "span", { for: id, class: "field-name" }, name);
  return h("div", { class: "field" }, label, control);
}

function choices(id, options, chosen, choose) {
  return h("select", { id, onchange: (event) => choose(event.target.value) },
    options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));
}

function engineField({ engines, engine }, actions) {
  return field("Engine",
    h("div", { class: "segments", role: "radiogroup", "aria-label": "Engine" },
      engines.map((name) =>
        h("label", {},
          h("input", {
            id: `engine-${name}`, type: "radio", name: "engine", checked: name === engine,
            onchange: () => actions.refine({ engine: name }),
          }),
          h("span", {}, engineName(name))))));
}

function combineField({ combine }, actions) {
  const choose = (value) => actions.refine({ combine: value });
  return field("Examples", choices("combine", COMBINATIONS, combine, choose), "combine");
}

function tileField({ filters }, tiles, actions) {
  const options = [["", "All tiles"], ...tiles.map((tile) => [tile, tile])];
  const choose = (mgrs) => actions.setFilters({ mgrs });
  return field("Tile", choices("tile", options, filters.mgrs, choose), "tile");
}

function nearField({ filters }, actions) {
  const options = [["", "Anywhere"], ...NEAR_KM.map((km) => [String(km), `Within ${km} km of it`])];
  const choose = (value) => actions.setFilters({ nearKm: value ? Number(value) : null });
  return field("Near", choices("near", options, String(filters.nearKm ?? ""), choose), "near");
}

function daysField({ filters, products, product }, actions) {
  const dates = products.find(({ name }) => name === product)?.dates ?? [];
  const choose = ({ target }) => {
    const isTyped = target.value && target.value < "1000"; // the year's first digits
    if (!isTyped) actions.setFilters({ [target.id]: target.value });
  };
  const input = (id, label) =>
    h("input", {
      id, type: "date", value: filters[id], "aria-label": label, onchange: choose,
      min: dates[0], max: dates.at(-1),
    });
  return field("Days",
    h("div", { class: "pair" },
      input("since", "Not before"),
      h("span", { "aria-hidden": "true" }, "–"),
      input("until", "Not after")));
}

function cloudField({ filters }, actions) {
  const value = filters.maxCloud === null ? ANY_CLOUD : Math.round(filters.maxCloud * 100);
  const text = (percents) => (percents === ANY_CLOUD ? "any" : `≤ ${percents} %`);
  const output = h("output", { for: "cloud" }, text(value));
  return field("Cloud",
    h("div", { class: "pair" },
      h("input", {
        id: "cloud", type: "range", min: 0, max: ANY_CLOUD, step: 5, value,
        oninput: (event) => { output.textContent = text(Number(event.target.value)); },
        onchange: (event) => {
          const percents = Number(event.target.value);
          actions.setFilters({ maxCloud: percents === ANY_CLOUD ? null : percents / 100 });
        },
      }), output),
    "cloud");
}

function areaField({ drawing }, store, actions, mapView) {
  const draw = (kind, sign, word) =>
    button("small-button",
      () => store.set({ drawing: drawing === kind ? false : kind, tool: "ask" }),
      {
        id: `draw-${kind}`, "aria-pressed": String(drawing === kind),
        "aria-label": `Draw a ${word.toLowerCase()}`,
        title: `Draw a ${word.toLowerCase()} on the map`,
      },
      icon(sign), drawing === kind ? "Drag …" : word);
  const useView = () => actions.setFilters({ box: mapView(), area: null });
  return field("Area",
    h("div", { class: "pair wrap" },
      draw("box", "box", "Box"),
      draw("area", "lasso", "Shape"),
      button("small-button", useView,
        { id: "view", title: "Search in what the map shows" }, "The view")));
}

function check(id, words, checked, choose) {
  return h("label", { class: "field check" },
    h("input", {
      id, type: "checkbox", checked, onchange: (event) => choose(event.target.checked),
    }),
    h("span", {}, words));
}
