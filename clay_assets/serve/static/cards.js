// One hit of the gallery.

import { NEGATIVE, POSITIVE } from "./classes.js";
import { button, h, icon } from "./dom.js";
import { picture } from "./pictures.js";
import { placeOfChip } from "./places.js";
import { shadeCss } from "./shades.js";
import { day, nameOf, percent } from "./words.js";

/**
 * A hit with its picture, score, day, cloud and source, and ways to mark it.
 * @param {object} hit a feature of the answer
 * @param {{shade: (score: number) => number, score: (score: number) => string}} look
 */
export function card(hit, look, state, actions) {
  const { rank, hash, place, mgrs, date, cloud_share: cloud, score } = hit.properties;
  const id = rowOf(hit);
  const value = look.score(score);
  const name = `${mgrs} ${nameOf(id)}`;
  const isHere = place !== null && place === placeOfChip(state.places, state.query.chipId)?.id;
  const open = {
    id: `hit-${rank}`, title: hit.properties.source_url || id, onfocus: () => actions.hover(place),
    onblur: () => actions.hover(null),
    "aria-label": `Rank ${rank}, score ${value}, ${day(date)}, ${name}, cloud ${percent(cloud)}`,
  };
  return h("li", {
      class: "card", "data-place": place, "data-id": id, "data-score": score,
      style: { "--shade": shadeCss(look.shade(score)) },
      onpointerenter: () => actions.hover(place), onpointerleave: () => actions.hover(null),
    },
    button("card-open", () => actions.open(id), open,
      picture({ chipId: id, hash, alt: "" }),
      h("span", { class: "rank" }, String(rank)),
      h("span", { class: "card-words" },
        h("span", { class: "score" }, value),
        cloud !== null && h("span", { class: "cloud", title: "Cloud" },
          icon("cloud"), percent(cloud)),
        h("span", { class: "date" }, day(date)),
        h("span", { class: "source" }, isHere ? `${nameOf(id)} · same place` : name),
        h("span", { class: "file" }, fileOf(hit.properties.source_url)))),
    h("div", { class: "card-tools" }, tools(rank, id, actions)));
}

function tools(rank, id, actions) {
  const mark = (name, sign, words, key) =>
    button(`icon-button mark-${name}`, () => actions.toggleMark(id, name), {
      "aria-label": `${words} rank ${rank}`, title: `${words} this (${key})`,
      "aria-pressed": "false",
    }, icon(sign));
  return [
    mark(POSITIVE, "plus", "More like", "P"),
    mark(NEGATIVE, "minus", "Less like", "N"),
    button("icon-button card-similar", () => actions.ask({ id }), {
      title: "Find chips like this one (S)", "aria-label": `Find chips like rank ${rank}`,
    }, icon("similar")),
  ];
}

/** The id of a hit's row. */
export function rowOf({ properties }) {
  return properties.id ?? properties.chip_id;
}

/** The last two parts of a file's address. */
function fileOf(url) {
  return (url ?? "").split("/").slice(-2).join("/");
}
