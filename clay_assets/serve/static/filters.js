// How is asked: product, engine, number of hits, days, cloud, area.

import { DEFAULTS } from "./address.js";
import { button, fill, h, icon } from "./dom.js";
import { day, engineName, percent } from "./words.js";

const COUNTS = [6, 12, 24, 48, 96, 200];
const ANY_CLOUD = 100; // the slider's end: no limit

/** Show the filters in `container`, folded behind a line that says what is set. */
export function addFilters(container, store, actions, mapView) {
  const line = h("div", { class: "filters-head" });
  const folded = h("div", { id: "filters-form" });
  fill(container, line, folded);
  const keys = [
    "phase", "filtersOpen", "filters", "product", "products", "engine", "engines", "k",
    "onePerPlace", "drawing",
  ];
  store.watch(keys, (state) => {
    container.hidden = state.phase !== "ready";
    if (container.hidden) return;
    const focused = document.activeElement;
    fill(line, toggle(state, store), pills(state, actions));
    // A day is typed part by part; a form built anew would begin it again.
    const isTyping = focused.type === "date" && focused.value === state.filters[focused.id];
    if (!isTyping) {
      fill(folded, state.filtersOpen && form(state, store, actions, mapView));
    }
    // Whoever was using a part that was built anew goes on with its successor.
    if (focused.id && !focused.isConnected) document.getElementById(focused.id)?.focus();
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
function pills({ filters, products, product, engine }, actions) {
  const { since, until, maxCloud, box } = filters;
  const pill = (text, nothing) =>
    button("pill", () => actions.setFilters(nothing), { "aria-label": `Remove: ${text}` },
      text, icon("close"));
  const how = [
    products.length > 1 && product,
    engine !== DEFAULTS.engine && engineName(engine),
  ].filter(Boolean);
  return [
    (since || until) && pill(daysText(since, until), { since: "", until: "" }),
    maxCloud !== null && pill(`cloud ≤ ${percent(maxCloud)}`, { maxCloud: null }),
    box && pill("in a box", { box: null }),
    how.length > 0 && h("span", { class: "filters-how" }, how.join(" · ")),
  ];
}

function daysText(since, until) {
  if (since && until) return since === until ? day(since) : `${day(since)} to ${day(until)}`;
  return since ? `from ${day(since)}` : `until ${day(until)}`;
}

function form(state, store, actions, mapView) {
  return h("form", { class: "filters", onsubmit: (event) => event.preventDefault() },
    state.products.length > 1 && productField(state, actions),
    engineField(state, actions),
    countField(state, actions),
    daysField(state, actions),
    cloudField(state, actions),
    areaField(state, store, actions, mapView),
    placesField(state, actions));
}

function field(name, control, id = null) {
  const label = h(id ? "label" : "span", { for: id, class: "field-name" }, name);
  return h("div", { class: "field" }, label, control);
}

function productField({ products, product }, actions) {
  return field("Product",
    h("select", { id: "product", onchange: (event) => actions.chooseProduct(event.target.value) },
      products.map(({ name }) => h("option", { value: name, selected: name === product }, name))),
    "product");
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

function countField({ k }, actions) {
  const counts = COUNTS.includes(k) ? COUNTS : [...COUNTS, k].sort((a, b) => a - b);
  return field("Neighbours",
    h("select", { id: "k", onchange: (event) => actions.refine({ k: Number(event.target.value) }) },
      counts.map((value) => h("option", { value, selected: value === k }, String(value)))),
    "k");
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

function areaField({ filters, drawing }, store, actions, mapView) {
  const words = drawing ? "Drag on the map" : filters.box ? "Draw another" : "Draw a box";
  const draw = () => store.set({ drawing: !drawing });
  return field("Area",
    h("div", { class: "pair" },
      button("small-button", draw, { id: "draw", "aria-pressed": String(drawing) },
        icon("box"), words),
      button("small-button", () => actions.setFilters({ box: mapView() }), { id: "view" },
        "Use the view")));
}

function placesField({ onePerPlace }, actions) {
  return h("label", { class: "field check" },
    h("input", {
      id: "one-per-place", type: "checkbox", checked: onePerPlace,
      onchange: (event) => actions.refine({ onePerPlace: event.target.checked }),
    }),
    h("span", {}, "Each place once, and other places only"));
}
