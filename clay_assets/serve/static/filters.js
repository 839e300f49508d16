// How is asked: product, engine, number of hits, days, cloud, area.

import { DEFAULTS } from "./address.js";
import { fill, h, icon } from "./dom.js";
import { day, percent } from "./words.js";

const ENGINE_NAMES = { duckdb: "DuckDB", pgvector: "pgvector" };
const COUNTS = [6, 12, 24, 48, 96, 200];
const ANY_CLOUD = 100; // the slider's end: no limit

/** Show the filters in `container`, folded behind a line that says what is set. */
export function addFilters(container, store, actions, mapView) {
  const keys = [
    "phase", "filtersOpen", "filters", "product", "products", "engine", "engines", "k",
    "onePerPlace", "drawing",
  ];
  store.watch(keys, (state, previous) => {
    container.hidden = state.phase !== "ready";
    if (container.hidden) return;
    const focused = document.activeElement?.id;
    fill(container, head(state, store, actions), state.filtersOpen && form(state, store, actions, mapView));
    // The form is built anew; whoever was using a part of it goes on with its successor.
    if (focused && previous !== state) document.getElementById(focused)?.focus();
  });
}

function head(state, store, actions) {
  const toggle = () => store.set({ filtersOpen: !state.filtersOpen });
  return h("div", { class: "filters-head" },
    h("button", {
      id: "filters-toggle", type: "button", class: "quiet-button", onclick: toggle,
      "aria-expanded": String(state.filtersOpen), "aria-controls": "filters-form",
    }, icon("filter"), "Filters"),
    pills(state, actions));
}

/** One pill for each thing that is set, which takes it off again. */
function pills({ filters, products, product, engine }, actions) {
  const set = [];
  const pill = (text, undo) => set.push(
    h("button", { type: "button", class: "pill", onclick: undo, "aria-label": `Remove: ${text}` },
      text, icon("close")));
  const { since, until, maxCloud, box } = filters;
  if (since || until) pill(daysText(since, until), () => actions.setFilters({ since: "", until: "" }));
  if (maxCloud !== null) pill(`cloud ≤ ${percent(maxCloud)}`, () => actions.setFilters({ maxCloud: null }));
  if (box) pill("in a box", () => actions.setFilters({ box: null }));
  const how = [
    products.length > 1 && product,
    engine !== DEFAULTS.engine && ENGINE_NAMES[engine],
  ].filter(Boolean);
  return [...set, how.length > 0 && h("span", { class: "filters-how" }, how.join(" · "))];
}

function daysText(since, until) {
  if (since && until) return since === until ? day(since) : `${day(since)} to ${day(until)}`;
  return since ? `from ${day(since)}` : `until ${day(until)}`;
}

function form(state, store, actions, mapView) {
  return h("form", { id: "filters-form", class: "filters", onsubmit: (event) => event.preventDefault() },
    state.products.length > 1 && productField(state, actions),
    engineField(state, actions),
    countField(state, actions),
    daysField(state, actions),
    cloudField(state, actions),
    areaField(state, store, actions, mapView),
    placesField(state, actions));
}

function field(label, control, { id, hint } = {}) {
  return h("div", { class: "field" },
    h(id ? "label" : "span", id ? { for: id, class: "field-name" } : { class: "field-name" }, label),
    control,
    hint ? h("p", { class: "field-hint" }, hint) : null);
}

function productField({ products, product }, actions) {
  return field("Product",
    h("select", { id: "product", onchange: (event) => actions.chooseProduct(event.target.value) },
      products.map(({ name }) => h("option", { value: name, selected: name === product }, name))),
    { id: "product" });
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
          h("span", {}, ENGINE_NAMES[name] ?? name)))));
}

function countField({ k }, actions) {
  const counts = COUNTS.includes(k) ? COUNTS : [...COUNTS, k].sort((a, b) => a - b);
  return field("Neighbours",
    h("select", { id: "k", onchange: (event) => actions.refine({ k: Number(event.target.value) }) },
      counts.map((value) => h("option", { value, selected: value === k }, String(value)))),
    { id: "k" });
}

function daysField({ filters, products, product }, actions) {
  const dates = products.find(({ name }) => name === product)?.dates ?? [];
  const input = (name, label) =>
    h("input", {
      id: name, type: "date", value: filters[name], "aria-label": label,
      min: dates[0], max: dates.at(-1),
      onchange: (event) => actions.setFilters({ [name]: event.target.value }),
    });
  return field("Days", h("div", { class: "pair" },
    input("since", "Not before"), h("span", { "aria-hidden": "true" }, "–"), input("until", "Not after")));
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
    { id: "cloud" });
}

function areaField({ filters, drawing }, store, actions, mapView) {
  const draw = () => store.set({ drawing: !drawing });
  return field("Area",
    h("div", { class: "pair" },
      h("button", {
        id: "draw", type: "button", class: "small-button", onclick: draw, "aria-pressed": String(drawing),
      }, icon("box"), drawing ? "Drag on the map" : filters.box ? "Draw another" : "Draw a box"),
      h("button", {
        id: "view", type: "button", class: "small-button",
        onclick: () => actions.setFilters({ box: mapView() }),
      }, "Use the view")));
}

function placesField({ onePerPlace }, actions) {
  return h("label", { class: "field check" },
    h("input", {
      id: "one-per-place", type: "checkbox", checked: onePerPlace,
      onchange: (event) => actions.refine({ onePerPlace: event.target.checked }),
    }),
    h("span", {}, "Each place once, and other places only"));
}
