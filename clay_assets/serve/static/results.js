// The panel's main part: the gallery of hits, and what stands there while there are none.

import { askedCard } from "./asked.js";
import { card } from "./cards.js";
import { NEGATIVE, POSITIVE } from "./classes.js";
import { detailsView } from "./details.js";
import { button, h, icon } from "./dom.js";
import { exportMenu } from "./export.js";
import { shadesOf } from "./shades.js";
import { orders, sorted } from "./sort.js";
import { failure, invitation, noHits, skeletons, staleIndex } from "./states.js";
import { uploadFailure } from "./upload.js";
import { count, duration, engineName, percent, scoreWords } from "./words.js";

/** The mode "similar": which chips look like an example. */
export const similarMode = {
  id: "similar",
  label: "Similar",
  icon: "similar",
  keys: ["query", "asking", "answer", "askFailure", "opened", "places", "sort", "view"],
  panel: (state, { actions, map }) => view(state, actions, map),
  enter: () => {},
  leave: () => {},
};

/** Keep focus, hover and marks of the cards in `container` in step with the state. */
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
  store.watch(["answer"], ({ answer }, previous) => {
    const [first] = answer?.features ?? [];
    if (first && first !== previous.answer?.features[0]) container.scrollTop = 0; // not for more
  });
  container.addEventListener("focusin", ({ target }) => {
    if (target.matches(".card-open")) lastCard = target.id;
  });
  store.watch(["hovered"], ({ hovered }) => {
    for (const one of container.querySelectorAll(".card")) {
      one.classList.toggle("hovered", hovered !== null && one.dataset.place === String(hovered));
    }
  });
  store.watch(["labels", ...similarMode.keys], ({ labels }) => markCards(container, labels));
}

/** Cards say whether their row is marked without being drawn anew. */
function markCards(container, labels) {
  const classes = new Map(labels.map((label) => [label.id, label.class]));
  for (const one of container.querySelectorAll(".card, .details")) {
    const name = classes.get(one.dataset.id);
    one.classList.toggle("is-marked", Boolean(name));
    for (const known of [POSITIVE, NEGATIVE]) {
      const isIt = name === known;
      one.classList.toggle(`is-${known}`, isIt);
      one.querySelector(`.mark-${known}`)?.setAttribute("aria-pressed", String(isIt));
    }
  }
}

function view(state, actions, map) {
  if (state.opened) return detailsView(state, actions);
  if (!state.query) return invitation(state, actions);
  return [askedCard(state, actions), answerView(state, actions, map)];
}

function answerView(state, actions, map) {
  const { asking, answer, askFailure, upload } = state;
  if (asking === "failed" && !answer) {
    return upload && !state.query.vector
      ? uploadFailure(state, actions, map)
      : failure(askFailure, actions.answer);
  }
  if (!answer) return skeletons(state.k);
  if (!answer.features.length) return noHits(state, actions);
  const look = { shade: shadesOf(answer.features), score: scoreWords(answer.features) };
  const attributes = { id: "results", class: asking === "asking" && "stale", "aria-label": "Hits" };
  return h("section", attributes,
    answer.stale_tiles?.length > 0 && staleIndex(answer.stale_tiles, state),
    resultsHead(state, actions),
    h("ol", { class: `gallery ${state.view}` },
      sorted(answer.features, state.sort).map((hit) => card(hit, look, state, actions))),
    asking === "failed" && failure(askFailure, actions.more),
    answer.next_offset && asking !== "failed" && button("button quiet more", actions.more,
      { id: "more", disabled: asking === "asking" }, "Show more"));
}

function resultsHead(state, actions) {
  const { answer, view: shape, sort } = state;
  const other = shape === "grid" ? "list" : "grid";
  return h("div", { class: "results-head" },
    h("div", { class: "results-words" },
      h("h3", {}, count(answer.features.length, "hit")),
      h("p", { title: howTitle(answer) }, how(answer))),
    h("select", {
      id: "sort", "aria-label": "Order of the hits",
      onchange: (event) => actions.arrange({ sort: event.target.value }),
    }, orders.map(([id, label]) => h("option", { value: id, selected: id === sort }, label))),
    button("icon-button", () => actions.arrange({ view: other }), {
      id: "view-as", "aria-label": `Show as ${other}`, title: `Show as ${other}`,
    }, icon(other)),
    exportMenu(state, actions));
}

/** "DuckDB, sketch, recall 99.8 %, 24 ms". */
function how(answer) {
  const { engine, expected_recall: recall, seconds } = answer;
  const kind = answer.how ?? (answer.exact ? "exact" : "approximate");
  const found = recall !== null && recall !== undefined && recall < 1;
  return [
    engineName(engine), kind, found && `recall ${percent(recall, 1)}`, duration(seconds),
  ].filter(Boolean).join(", ");
}

function howTitle({ how: kind, expected_recall: recall }) {
  if (kind === "exact" || !kind) return "Every row that passes the filters was compared";
  const measured = recall
    ? `; at its build it found ${percent(recall, 1)} of the exact ten best`
    : "";
  const finder = kind === "hnsw" ? "HNSW index" : "sketch";
  return `Found by the ${finder}, then scored exactly${measured}`;
}
