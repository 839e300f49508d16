// Parts that the modes beyond neighbours share.

import { button, h } from "./dom.js";
import { picture } from "./pictures.js";
import { day, nameOf } from "./words.js";

/** A square of a colour, for legends. */
export const swatch = (colour) =>
  h("i", { class: "swatch", "aria-hidden": "true", style: { "--swatch": colour } });

/** A row of choices of which one is taken. */
export function segments(name, label, choices, chosen, choose) {
  return h("div", { class: "segments", role: "radiogroup", "aria-label": label },
    Object.entries(choices).map(([value, text]) => h("label", {},
      h("input", {
        type: "radio", name, value, id: `${name}-${value}`, checked: value === chosen,
        onchange: () => choose(value),
      }),
      h("span", {}, text))));
}

/** A slider with its name and value; `oninput` gets the number. */
export function slider({ id, name, min, max, step, value, words, oninput }) {
  const output = h("output", { for: id }, words(value));
  const input = h("input", {
    id, type: "range", min, max, step,
    oninput: () => {
      output.textContent = words(Number(input.value));
      oninput(Number(input.value));
    },
  });
  input.value = value;
  return h("div", { class: "slider" }, h("label", { for: id }, name), output, input);
}

/**
 * Pictures of rows; a click shows one on the map.
 * @param {{id: string, chipId: string, hash: string, title: string, note: string}[]} rows
 * @param {(id: string) => void} show
 */
export function gallery(rows, show) {
  return h("div", { class: "gallery" }, rows.map(({ id, hash, title, note }) =>
    h("article", { class: "card" },
      button("card-open", () => show(id), { title: `Show ${nameOf(id)} on the map` },
        picture({ chipId: id, hash, alt: `${nameOf(id)}, ${title}` }),
        h("span", { class: "beyond-words" }, h("b", {}, title), h("span", {}, note))))));
}

/** Day and number of a row. */
export const rowWords = (id, date) => `${nameOf(id)} · ${day(date)}`;

/** A figure with its name. */
export const figure = (name, value, title) =>
  h("div", { class: "figure", title }, h("dt", {}, name), h("dd", {}, value));
