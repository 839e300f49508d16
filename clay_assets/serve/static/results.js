// The panel's main part: the gallery of hits, and what stands there while there are none.

import { askedCard } from "./asked.js";
import { searchUrl } from "./api.js";
import { detailsView } from "./details.js";
import { button, h, icon } from "./dom.js";
import { picture } from "./pictures.js";
import { placeOfChip } from "./places.js";
import { shadeCss, shadesOf } from "./shades.js";
import { failure, invitation, noHits, skeletons } from "./states.js";
import {
  count, day, duration, engineName, percent, scoreWords, shortName,
} from "./words.js";

/** The mode "similar": which chips look like an example. */
export const similarMode = {
  id: "similar",
  label: "Similar",
  icon: "similar",
  keys: ["query", "asking", "answer", "askFailure", "opened", "places"],
  panel: (state, { actions }) => view(state, actions),
  enter: () => {},
  leave: () => {},
};

/** Keep the focus and the frame under the pointer in `container` in step with the state. */
export function addResults(container, store) {
  let lastCard = null; // the panel is drawn anew before the watch below is told
  let returnTo = null; // the card whose details were opened gets the focus back
  store.watch(["opened"], ({ opened }, previous) => {
    if (opened === previous.opened) return;
    if (opened && !previous.opened) returnTo = lastCard;
    container.scrollTop = 0;
    const target = opened ? "details-back" : returnTo;
    if (target) document.getElementById(target)?.focus({ preventScroll: !opened });
  });
  container.addEventListener("focusin", ({ target }) => {
    if (target.matches(".card-open")) lastCard = target.id;
  });
  store.watch(["hovered"], ({ hovered }) => {
    for (const card of container.querySelectorAll(".card")) {
      card.classList.toggle("hovered", hovered !== null && card.dataset.place === String(hovered));
    }
  });
}

function view(state, actions) {
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
  const attributes = { id: "results", class: asking === "asking" && "stale", "aria-label": "Hits" };
  return h("section", attributes,
    resultsHead(state),
    h("ol", { class: "gallery" },
      answer.features.map((hit) => card(hit, look, state, actions))));
}

function resultsHead(state) {
  const { answer } = state;
  const how = [
    engineName(answer.engine),
    answer.exact ? "exact" : "approximate",
    duration(answer.seconds),
  ].join(", ");
  return h("div", { class: "results-head" },
    h("h3", {}, count(answer.features.length, "hit")),
    h("p", {}, how),
    h("a", {
      class: "icon-button", href: searchUrl(state),
      download: `hits_${state.query.chipId ?? "place"}.geojson`,
      title: "Download as GeoJSON", "aria-label": "Download the hits as GeoJSON",
    }, icon("download")));
}

function card(hit, look, state, actions) {
  const { rank, chip_id: chipId, hash, place, mgrs, date, cloud_share: cloud } = hit.properties;
  const value = look.score(hit.properties.score);
  const name = `${mgrs} ${shortName(chipId)}`;
  const isHere = place !== null && place === placeOfChip(state.places, state.query.chipId)?.id;
  const open = {
    id: `hit-${rank}`, title: chipId, onfocus: () => actions.hover(place),
    onblur: () => actions.hover(null),
    "aria-label": `Rank ${rank}, score ${value}, ${day(date)}, ${name}, cloud ${percent(cloud)}`,
  };
  const similar = {
    title: "Find chips like this one (S)", "aria-label": `Find chips like rank ${rank}`,
  };
  return h("li", {
      class: "card", "data-place": place,
      style: { "--shade": shadeCss(look.shade(hit.properties.score)) },
      onpointerenter: () => actions.hover(place), onpointerleave: () => actions.hover(null),
    },
    button("card-open", () => actions.open(chipId), open,
      picture({ chipId, hash, alt: "" }),
      h("span", { class: "rank" }, String(rank)),
      h("span", { class: "card-words" },
        h("span", { class: "score" }, value),
        h("span", { class: "date" }, day(date)),
        h("span", { class: "source" }, isHere ? "same place" : name))),
    button("icon-button card-similar", () => actions.ask({ chipId }), similar, icon("similar")));
}
