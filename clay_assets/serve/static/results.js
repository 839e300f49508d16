// The panel's main part: the gallery of hits, and what stands there while there are none.

import { askedCard } from "./asked.js";
import { searchUrl } from "./api.js";
import { detailsView } from "./details.js";
import { fill, h, icon } from "./dom.js";
import { picture } from "./pictures.js";
import { placeOfChip } from "./places.js";
import { shadeCss, shadesOf } from "./shades.js";
import { count, day, duration, percent, scoreWords, shortName } from "./words.js";

const ENGINE_NAMES = { duckdb: "DuckDB", pgvector: "pgvector" };

/** Show the state in `container`. */
export function addResults(container, store, actions) {
  const keys = ["phase", "failure", "query", "asking", "answer", "askFailure", "opened", "products", "places"];
  let returnTo = null; // the card whose details were opened gets the focus back
  store.watch(keys, (state, previous) => {
    if (state.opened && !previous.opened) returnTo = document.activeElement?.id || null;
    container.toggleAttribute("aria-busy", state.asking === "asking" || state.phase === "loading");
    fill(container, view(state, store, actions));
    if (state.opened !== previous.opened) {
      container.scrollTop = 0;
      const target = state.opened ? "details-back" : returnTo;
      if (target) document.getElementById(target)?.focus({ preventScroll: !state.opened });
    }
  });
  store.watch(["hovered"], ({ hovered }) => {
    for (const card of container.querySelectorAll(".card")) {
      card.classList.toggle("hovered", hovered !== null && card.dataset.place === String(hovered));
    }
  });
}

function view(state, store, actions) {
  if (state.phase === "loading") return skeletons(6);
  if (state.phase === "failed") return failure(state.failure, actions.load);
  if (state.phase === "empty") return nothingEmbedded(state);
  if (state.opened) return detailsView(state, actions);
  if (!state.query) return invitation(state, actions);
  return [askedCard(state, actions), answerView(state, actions)];
}

function answerView(state, actions) {
  const { asking, answer, askFailure } = state;
  if (asking === "failed") return failure(askFailure, actions.answer);
  if (!answer) return skeletons(state.k);
  if (!answer.features.length) return noHits(state, actions);
  const look = { shade: shadesOf(answer.features), score: scoreWords(answer.features) };
  return h("section", { id: "results", class: asking === "asking" ? "stale" : "", "aria-label": "Hits" },
    resultsHead(state),
    h("ol", { class: "gallery" },
      answer.features.map((hit) => card(hit, look, state, actions))));
}

function resultsHead(state) {
  const { answer } = state;
  const how = [
    ENGINE_NAMES[answer.engine] ?? answer.engine,
    answer.exact ? "exact" : "approximate",
    duration(answer.seconds),
  ].join(", ");
  return h("div", { class: "results-head" },
    h("h3", {}, count(answer.features.length, "hit")),
    h("p", {}, how),
    h("a", {
      class: "icon-button", href: searchUrl(state), download: `hits_${state.query.chipId ?? "place"}.geojson`,
      title: "Download as GeoJSON", "aria-label": "Download the hits as GeoJSON",
    }, icon("download")));
}

function card(hit, look, state, actions) {
  const { rank, chip_id: chipId, hash, place, mgrs, date, cloud_share: cloud } = hit.properties;
  const value = look.score(hit.properties.score);
  const words = `Rank ${rank}, score ${value}, ${day(date)}, ${mgrs} ${shortName(chipId)}, cloud ${percent(cloud)}`;
  const isHere = place !== null && place === placeOfChip(state.places, state.query.chipId)?.id;
  return h("li", {
      class: "card", "data-place": place, style: { "--shade": shadeCss(look.shade(hit.properties.score)) },
      onpointerenter: () => actions.hover(place), onpointerleave: () => actions.hover(null),
    },
    h("button", {
      id: `hit-${rank}`, type: "button", class: "card-open", title: chipId, "aria-label": words,
      onclick: () => actions.open(chipId),
      onfocus: () => actions.hover(place), onblur: () => actions.hover(null),
    },
      picture({ chipId, hash, alt: "" }),
      h("span", { class: "rank" }, String(rank)),
      h("span", { class: "card-words" },
        h("span", { class: "score" }, value),
        h("span", { class: "date" }, day(date)),
        h("span", { class: "source" }, isHere ? "same place" : `${mgrs} ${shortName(chipId)}`))),
    h("button", {
      type: "button", class: "icon-button card-similar", onclick: () => actions.ask({ chipId }),
      "aria-label": `Find chips like rank ${rank}`, title: "Find chips like this one",
    }, icon("similar")));
}

function invitation(state, actions) {
  const product = state.products.find(({ name }) => name === state.product);
  return h("section", { class: "invitation" },
    h("div", { class: "invitation-mark", "aria-hidden": "true" },
      Array.from({ length: 9 }, (_, place) => h("i", { style: { "--n": place } }))),
    h("h2", {}, "Where else does it look like this?"),
    h("p", {}, "Click a square on the map. The chips that look most like it light up, and their pictures show here."),
    h("button", { type: "button", class: "button", onclick: actions.surprise }, icon("dice"), "Start anywhere"),
    h("dl", { class: "totals" },
      total(product.chips, "chip"), total(product.places, "place"),
      total(product.dates.length, "date"), total(product.tiles.length, "tile")));
}

function total(number, word) {
  const [value, name] = count(number, word).split(" ");
  return h("div", {}, h("dt", {}, name), h("dd", {}, value));
}

function noHits(state, actions) {
  const { filters } = state;
  const isFiltered = filters.since || filters.until || filters.maxCloud !== null || filters.box;
  return h("section", { class: "message" },
    h("h2", {}, "Nothing fits"),
    h("p", {}, isFiltered
      ? "No chip passes these filters."
      : "There is no other place to compare with. Allow other dates of the same place in the filters."),
    isFiltered && h("button", { type: "button", class: "button", onclick: actions.clearFilters }, "Clear the filters"));
}

function nothingEmbedded({ product, dagsterUrl }) {
  return h("section", { class: "message" },
    h("h2", {}, "Nothing to search yet"),
    h("p", {}, "The product ", h("b", {}, product), " has no embeddings. Run the demo, or materialise the assets of a tile."),
    h("code", {}, "clay-assets demo"),
    dagsterUrl && h("a", { class: "button", href: dagsterUrl, target: "_blank", rel: "noopener" }, icon("link"), "Open Dagster"));
}

function failure({ error, nextStep }, retry) {
  return h("section", { class: "message failure", role: "alert" },
    icon("warning"),
    h("h2", {}, "That did not work"),
    h("p", { class: "said" }, error),
    h("p", {}, nextStep),
    h("button", { type: "button", class: "button", onclick: () => retry() }, "Try again"));
}

function skeletons(number) {
  return h("div", { class: "gallery skeletons", "aria-label": "Loading" },
    Array.from({ length: Math.min(number, 12) }, (_, place) =>
      h("div", { class: "skeleton", style: { "--n": place } }, h("i"), h("i"), h("i"))));
}
