// Which product is searched: shown while there is a choice.

import { fill, h } from "./dom.js";

/** Keep the `select` in step with the state. */
export function addProductChoice(select, store, actions) {
  select.addEventListener("change", () => actions.chooseProduct(select.value));
  store.watch(["products", "product"], ({ products, product }) => {
    select.parentElement.hidden = products.length < 2;
    select.title = `Product: ${product}`;
    fill(select, products.map(({ name }) =>
      h("option", { value: name, selected: name === product }, name)));
  });
}
