// Marks: chips that hits should look like, or not; any other class is for the classifier.

import { className, classCss, NEGATIVE, POSITIVE, sign } from "./classes.js";
import { button, fill, h, icon } from "./dom.js";
import { describeRow, footprintOf } from "./rows.js";
import { picture } from "./pictures.js";
import { count, day, nameOf } from "./words.js";

/**
 * @typedef {object} Label
 * @property {string} id a chip's id, or a patch's
 * @property {string} chipId
 * @property {string} class "positive", "negative" or any short text
 * @property {string|null} date
 * @property {string|null} mgrs
 * @property {number|null} place number of its place; null when the product has no such chip
 * @property {string} hash of the chip's picture
 */

export const MARKED_MODES = ["similar", "classify"]; // modes that use the marks

/** Ids of the marks of a class. */
export function idsOf(labels, name) {
  return labels.filter((label) => label.class === name).map(({ id }) => id);
}

/** Classes in use, the two of a search first. */
export function classesOf(labels, chosen = POSITIVE) {
  return [...new Set([POSITIVE, NEGATIVE, ...labels.map((label) => label.class), chosen])];
}

/** `labels` with rows of these ids in a class; null takes their marks off. */
export function marked(labels, ids, name, places) {
  const changed = new Set(ids);
  const kept = labels.filter(({ id }) => !changed.has(id));
  if (name === null) return kept;
  return [...kept, ...ids.map((id) => ({ ...describeRow(id, places), class: name }))];
}

/** The marks as the GeoJSON of a label set, which QGIS and the API read. */
export function labelCollection({ labels, places, product, products, labelSet }, name = null) {
  const grid = products.find((one) => one.name === product)?.grid;
  return {
    type: "FeatureCollection",
    name: name ?? labelSet?.name ?? "marks",
    product,
    features: labels.map(({ id, chipId, class: label, date, mgrs, geometry }) => ({
      type: "Feature",
      geometry: footprintOf(id, places, grid) ?? geometry ?? null,
      properties: { id, chip_id: chipId, class: label, date, mgrs },
    })),
  };
}

/** The marks of a label set's GeoJSON. Throws an Error that says what it is instead. */
export function labelsOf(collection, places) {
  if (collection?.type !== "FeatureCollection" || !Array.isArray(collection.features)) {
    throw new Error("This is no GeoJSON FeatureCollection; a label set is one.");
  }
  const labels = collection.features.map(({ properties, geometry }, place) => {
    const id = properties?.id ?? properties?.chip_id;
    if (!id || !properties.class) {
      throw new Error(`Feature ${place + 1} has no id or no class in its properties.`);
    }
    const known = describeRow(String(id), places);
    const { date, mgrs } = properties;
    return {
      ...known, class: String(properties.class), geometry,
      date: known.date ?? date ?? null, mgrs: known.mgrs ?? mgrs ?? null,
    };
  });
  return [...new Map(labels.map((label) => [label.id, label])).values()];
}

/** Show the marks in `container`, with a way to search by them. */
export function addLabels(container, store, actions) {
  const keys = ["labels", "mode", "phase", "answeredLabels", "query", "asking", "labelSet", "tool"];
  store.watch(keys, (state) => {
    const { labels, mode, phase } = state;
    container.hidden = phase !== "ready" || !labels.length || !MARKED_MODES.includes(mode);
    if (container.hidden) return void fill(container);
    const focused = container.contains(document.activeElement) ? document.activeElement.id : "";
    const [left] = [...container.querySelectorAll(".marks")].map((row) => row.scrollLeft);
    fill(container,
      h("div", { class: "labels-head" }, h("h3", {}, title(state)),
        button("link", actions.clearLabels, { id: "labels-clear" }, "Clear")),
      h("ul", { class: "marks" },
        classesOf(labels).flatMap((name) =>
          labels.filter((label) => label.class === name)
            .map((label) => mark(label, labels, mode, actions)))),
      mode === "similar" && refineButton(state, actions));
    if (left) container.querySelector(".marks").scrollLeft = left;
    if (focused) (document.getElementById(focused) ?? container.querySelector("button"))?.focus();
  });
}

function title({ labels, labelSet }) {
  const name = labelSet && `${labelSet.name}${labelSet.labels === labels ? "" : " (changed)"}`;
  return [count(labels.length, "mark"), name].filter(Boolean).join(" · ");
}

function mark(label, labels, mode, actions) {
  const look = mode === "similar" ? actions.open : actions.show; // details stand in that mode only
  const name = `${className(label.class)}: ${label.mgrs ?? ""} ${nameOf(label.id)}`;
  const css = classCss(label.class, labels.map((one) => one.class));
  return h("li", { class: "mark", style: { "--class": css } },
    button("mark-open", () => look(label.id),
      { id: `mark-${label.id}`, title: `${name}, ${day(label.date)}`, "aria-label": name },
      picture({ chipId: label.id, hash: label.hash, alt: "" }),
      h("span", { class: "mark-sign", "aria-hidden": "true" }, sign(label.class))),
    button("mark-remove", () => actions.mark([label.id], null),
      { "aria-label": `Remove: ${name}`, title: "Remove" }, icon("close")));
}

function refineButton(state, actions) {
  const { labels, asking } = state;
  const [more, less] = [POSITIVE, NEGATIVE].map((name) => idsOf(labels, name).length);
  if (!needsRefining(state)) return null;
  const words = [more && `${more} more like`, less && `${less} less like`].filter(Boolean);
  return button("button refine", actions.refineByLabels,
    { id: "refine", disabled: asking === "asking", title: "Search with the marks (R)" },
    icon("similar"), `${state.query ? "Refine" : "Search"} with ${words.join(", ")}`);
}

/** Whether a search with the marks would be another one than what is shown. */
export function needsRefining({ labels, answeredLabels, query }) {
  const examples = (list) => [POSITIVE, NEGATIVE].map((name) => idsOf(list, name).sort().join());
  const [more] = examples(labels);
  if (!query && !more) return false;
  return examples(labels).join("|") !== examples(answeredLabels ?? []).join("|");
}
