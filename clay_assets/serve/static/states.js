// What stands in the panel while there are no hits to show.

import { button, h, icon } from "./dom.js";
import { count } from "./words.js";

/** Nothing is asked yet. */
export function invitation(state, actions) {
  const product = state.products.find(({ name }) => name === state.product);
  return h("section", { class: "invitation" },
    h("div", { class: "invitation-mark", "aria-hidden": "true" },
      Array.from({ length: 9 }, (_, place) => h("i", { style: { "--n": place } }))),
    h("h2", {}, "Where else does it look like this?"),
    h("p", {},
      "Click a square on the map, or drop a picture on it. The chips that look most like it light ",
      "up, and their pictures show here."),
    button("button", actions.surprise, {}, icon("dice"), "Start anywhere"),
    h("dl", { class: "totals" },
      total(product.chips, "chip"), total(product.places, "place"),
      total(product.dates.length, "date"), total(product.tiles.length, "tile")));
}

function total(number, word) {
  const [value, name] = count(number, word).split(" ");
  return h("div", {}, h("dt", {}, name), h("dd", {}, value));
}

/** The question has no answer. */
export function noHits({ filters }, actions) {
  if (hasFilter(filters)) {
    return message("Nothing fits",
      h("p", {}, "No chip passes these filters."),
      button("button", actions.clearFilters, {}, "Clear the filters"));
  }
  return message("Nothing to compare with",
    h("p", {}, "There is no other place. The filters can allow other dates of the same place."));
}

/** Whether some rows are left out. */
export function hasFilter(filters) {
  return Object.values(filters).some((value) => value !== null && value !== "");
}

/** The index is older than the files of some tiles. */
export function staleIndex(tiles, { dagsterUrl }) {
  const named = tiles.slice(0, 4).join(", ");
  const more = tiles.length > 4 ? ` and ${count(tiles.length - 4, "more tile")}` : "";
  const link = { href: dagsterUrl, target: "_blank", rel: "noopener" };
  return h("p", { class: "hint warn", role: "status" }, icon("warning"),
    h("span", {},
      `The index is older than the files of ${named}${more}. `,
      "Build it anew to search what they hold now.",
      dagsterUrl && " ", dagsterUrl && h("a", link, "Open Dagster")));
}

/** There are no embeddings. */
export function nothingEmbedded({ product, products, dagsterUrl }, actions) {
  const others = products.filter(({ name, chips }) => name !== product && chips > 0);
  const link = { class: "button", href: dagsterUrl, target: "_blank", rel: "noopener" };
  return message("Nothing to search yet",
    h("p", {},
      "The product ", h("b", {}, product), " has no embeddings. Run the demo, or materialise the ",
      "assets of a tile."),
    h("code", {}, "clay-assets demo"),
    dagsterUrl && h("a", link, icon("link"), "Open Dagster"),
    others.map(({ name }) =>
      button("small-button", () => actions.chooseProduct(name), {}, `Search ${name} instead`)));
}

/** Something went wrong; `retry` tries it again. */
export function failure({ error, nextStep }, retry) {
  return h("section", { class: "message failure", role: "alert" },
    icon("warning"),
    h("h2", {}, "That did not work"),
    h("p", { class: "said" }, error),
    h("p", {}, nextStep),
    button("button", () => retry(), {}, "Try again"));
}

/** The shapes of hits that are on their way. */
export function skeletons(number) {
  return h("div", { class: "gallery skeletons", "aria-label": "Loading" },
    Array.from({ length: Math.min(number, 12) }, (_, place) =>
      h("div", { class: "skeleton", style: { "--n": place } }, h("i"), h("i"), h("i"))));
}

function message(title, ...children) {
  return h("section", { class: "message" }, h("h2", {}, title), ...children);
}
