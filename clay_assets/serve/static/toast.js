// A word in passing at the foot of the map, with a way to take back what it tells of.

import { button, fill, h } from "./dom.js";

const SHOWN_MS = 7000;

/** Show the state's `toast` in `container` for a while. */
export function addToast(container, store, actions) {
  let timer = 0;
  store.watch(["toast"], ({ toast }) => {
    clearTimeout(timer);
    fill(container, toast && h("div", { class: "floating toast" },
      h("span", {}, toast.text),
      toast.canUndo && button("link", actions.undo, { id: "toast-undo" }, "Undo")));
    if (toast) timer = setTimeout(() => store.set({ toast: null }), SHOWN_MS);
  });
}
