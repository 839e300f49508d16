// What the colours mean, and a way to bring all hits into view.

import { fill, h, icon } from "./dom.js";
import { scoreWords } from "./words.js";

/** Show the scale of the answer's scores in `container`. */
export function addLegend(container, store, actions) {
  store.watch(["answer", "mode"], ({ answer, mode }) => {
    const hits = (mode === "similar" && answer?.features) || [];
    const scores = hits.map(({ properties }) => properties.score);
    const score = scoreWords(hits);
    container.hidden = hits.length === 0;
    if (container.hidden) return;
    fill(container, h("div", { class: "floating legend" },
      h("span", {}, score(Math.min(...scores))),
      h("span", { class: "scale", role: "img", "aria-label": "Scale of scores, dim to glowing" }),
      h("span", {}, score(Math.max(...scores))),
      h("button", {
        type: "button", class: "icon-button", onclick: actions.showAll,
        title: "Show all hits (A)", "aria-label": "Show all hits on the map",
      }, icon("fit"))));
  });
}
