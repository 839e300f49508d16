// Which date the map's pictures show.

import { fill, h } from "./dom.js";
import { day } from "./words.js";

const MOST_BUTTONS = 5;
const narrow = matchMedia("(max-width: 820px)");

/** Show the choice in `container`; hidden while there is only one date. */
export function addDates(container, store) {
  const show = (state) => {
    const dates = state.products.find(({ name }) => name === state.product)?.dates ?? [];
    container.hidden = state.phase !== "ready" || dates.length < 2;
    if (container.hidden) return;
    const choices = [["clearest", "Clearest"], ...dates.map((date) => [date, day(date)])];
    const choose = (mapDate) => store.set({ mapDate });
    const isShort = choices.length <= MOST_BUTTONS && !narrow.matches;
    fill(container, (isShort ? buttons : menu)(choices, state.mapDate, choose));
  };
  store.watch(["product", "products", "mapDate", "phase"], show);
  narrow.addEventListener("change", () => show(store.get()));
}

function buttons(choices, chosen, choose) {
  return h("fieldset", { class: "segments floating" },
    h("legend", { class: "hidden-text" }, "Date of the map's pictures"),
    choices.map(([value, text]) =>
      h("label", {},
        h("input", {
          type: "radio", name: "map-date", value, checked: value === chosen,
          onchange: () => choose(value),
        }),
        h("span", {}, text))));
}

function menu(choices, chosen, choose) {
  return h("label", { class: "floating menu" },
    h("span", {}, "Pictures of"),
    h("select", { onchange: (event) => choose(event.target.value) },
      choices.map(([value, text]) => h("option", { value, selected: value === chosen }, text))));
}
