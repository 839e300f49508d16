// The mode "change": change between two dates, clusters, colours of the vectors, and outliers.

import { shown as failureOf } from "./actions.js";
import { segments } from "./beyond_parts.js";
import { fill, h } from "./dom.js";
import { LENSES } from "./lenses.js";
import { modeOfView } from "./modes.js";
import { chipOf } from "./rows.js";
import { failure, skeletons } from "./states.js";

/** The mode "change"; see modes.js. */
export const changeMode = modeOfView(
  { id: "change", label: "Explore", icon: "explore" }, createView,
);

function createView({ map, store, actions }) {
  const asked = { lens: "change", before: null, after: null, least: 0, clusters: 8 };
  let [isShown, found, problem, running, waiting] = [false, null, null, null, 0];
  const fields = h("div", { class: "beyond-fields" });
  const result = h("div", { class: "beyond-result", "aria-live": "polite" });
  const head = h("div", { class: "beyond-lens" });
  const node = h("section", { class: "beyond", "aria-label": "Explore" }, head, fields, result);
  const lens = () => LENSES[asked.lens];
  const labels = Object.fromEntries(
    Object.entries(LENSES).map(([name, { label }]) => [name, label]));

  /** Change what is asked: at once, after some milliseconds, or (null) of what is there. */
  function change(values, delay = 0) {
    Object.assign(asked, values);
    if (delay === null) return drawAnswer();
    clearTimeout(waiting);
    waiting = setTimeout(ask, delay);
  }

  async function ask() {
    running?.abort();
    const own = new AbortController();
    running = own;
    [found, problem] = [null, null];
    fill(result, skeletons(6));
    try {
      const answer = await lens().ask(asked, store.get(), own.signal);
      if (!own.signal.aborted) found = answer;
    } catch (error) {
      if (error.name === "AbortError") return;
      problem = failureOf(error);
    }
    if (isShown && running === own) drawAnswer();
  }

  function drawHead() {
    fill(head, segments("lens", "What to show", labels, asked.lens, choose),
      h("p", { class: "beyond-hint" }, lens().hint));
    fill(fields, lens().fields(asked, store.get(), change));
  }

  function drawAnswer() {
    if (problem) return fill(result, failure(problem, ask));
    if (!found) return;
    lens().draw(map, found, asked);
    const acts = { state: store.get(), show: (id) => actions.show(chipOf(id)) };
    fill(result, lens().answer(found, asked, acts));
  }

  function choose(name) {
    lens().draw(map, null, asked);
    asked.lens = name;
    drawHead();
    document.getElementById(`lens-${name}`)?.focus();
    ask();
  }

  function start() {
    drawHead();
    ask();
  }

  store.watch(["product", "places"], (state, previous) => {
    if (state.product !== previous.product) Object.assign(asked, { before: null, after: null });
    if (isShown && state !== previous && state.phase === "ready") start();
  });
  store.watch(["mapDate"], (state, previous) => {
    if (isShown && state !== previous && asked.lens !== "change") ask();
  });

  return {
    node,
    enter() {
      isShown = true;
      start();
    },
    leave() {
      isShown = false;
      running?.abort();
      clearTimeout(waiting);
      lens().draw(map, null, asked);
    },
  };
}
