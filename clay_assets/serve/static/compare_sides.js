// What each side of the divider shows: date and product, to be read and to be chosen.

import { fill, h } from "./dom.js";
import { day } from "./words.js";

/**
 * @param {HTMLElement} stage
 * @param {ReturnType<import("./store.js").createStore>} store of `compare`, `product`, `mapDate`
 * @returns {{say: (text: string) => void, remove: () => void}} `say` writes under the right side's
 *   choices what is missing there
 */
export function createSides(stage, store) {
  const left = h("div", { class: "compare-side left floating" });
  const right = h("div", { class: "compare-side right floating" });
  const note = h("p", { class: "compare-note floating", role: "status", hidden: true });
  stage.append(left, right, note);
  let isOpen = true;
  store.watch(["compare", "products", "product", "mapDate"], (state) => {
    if (!isOpen || !state.compare) return;
    const { compare, products, product, mapDate } = state;
    const change = (changes) => store.set({ compare: { ...store.get().compare, ...changes } });
    const focused = document.activeElement?.id;
    fill(left,
      products.length > 1 && h("span", {}, product),
      dateChoice("left", datesOf(products, product), mapDate,
        (date) => store.set({ mapDate: date })));
    fill(right,
      products.length > 1 && productChoice(products, compare.product,
        (name) => change({ product: name, date: fitting(products, name, compare.date) })),
      dateChoice("right", datesOf(products, compare.product), compare.date,
        (date) => change({ date })));
    if (focused?.startsWith("compare-")) document.getElementById(focused)?.focus();
  });
  return {
    say(text) {
      note.textContent = text;
      note.hidden = !text;
    },
    remove() {
      isOpen = false;
      for (const part of [left, right, note]) part.remove();
    },
  };
}

function datesOf(products, product) {
  return products.find(({ name }) => name === product)?.dates ?? [];
}

/** The same date if the other product has it too. */
function fitting(products, product, date) {
  return datesOf(products, product).includes(date) ? date : "clearest";
}

function dateChoice(side, dates, chosen, choose) {
  return h("select", {
      id: `compare-date-${side}`, "aria-label": `Date on the ${side}`,
      onchange: (event) => choose(event.target.value),
    },
    [["clearest", "Clearest"], ...dates.map((date) => [date, day(date)])].map(([value, text]) =>
      h("option", { value, selected: value === chosen }, text)));
}

function productChoice(products, chosen, choose) {
  return h("select", {
      id: "compare-product", "aria-label": "Product on the right",
      onchange: (event) => choose(event.target.value),
    },
    products.filter(({ chips }) => chips > 0).map(({ name }) =>
      h("option", { value: name, selected: name === chosen }, name)));
}
