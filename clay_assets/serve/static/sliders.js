// How many hits, and how alike they must be at least.

import { MOST_HITS } from "./address.js";
import { fill, h } from "./dom.js";
import { scoreWords } from "./words.js";

const COUNTS = [6, 12, 24, 48, 96, 200, 500, MOST_HITS];
const STEPS = 100; // of the slider of likeness; 0 is "any"

/** Show the two sliders in `container` while there is a question. */
export function addSliders(container, store, actions) {
  const most = slider("k", "Hits", COUNTS.length - 1);
  const least = slider("least", "At least", STEPS);
  fill(container, most.row, least.row);

  most.input.addEventListener("input", () => most.say(String(COUNTS[most.input.value])));
  most.input.addEventListener("change", () => actions.refine({ k: COUNTS[most.input.value] }));

  const scoreAt = (value) => {
    const [low, high] = store.get().least.span;
    return low + ((high - low) * value) / STEPS;
  };
  const words = (score) => (score === null ? "any" : `≥ ${store.get().least.words(score)}`);
  least.input.addEventListener("input", () => {
    const value = Number(least.input.value);
    const score = value ? scoreAt(value) : null;
    least.say(words(score));
    fade(score);
  });
  least.input.addEventListener("change", () => {
    const value = Number(least.input.value);
    actions.setFilters({ minScore: value ? Number(scoreAt(value).toFixed(6)) : null });
  });

  store.watch(["answer", "query", "filters", "k", "mode", "phase", "asking"], (state) => {
    const { query, mode, phase, answer, k, filters } = state;
    container.hidden = !query || mode !== "similar" || phase !== "ready";
    if (answer?.features.length && state.asking === "ready") store.set({ least: spanOf(state) });
    most.set(nearest(k), String(k));
    const { least: known } = store.get();
    least.input.disabled = !known;
    if (known) least.set(stepOf(filters.minScore, known.span), words(filters.minScore));
    else least.set(0, filters.minScore === null ? "any" : `≥ ${filters.minScore}`);
  });
}

/** Lowest and highest score that the slider reaches: those of the answer without a least one. */
function spanOf({ answer, filters, least }) {
  const scores = answer.features.map(({ properties }) => properties.score);
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  const isWhole = filters.minScore === null || !least;
  const span = isWhole
    ? [low, high]
    : [Math.min(low, least.span[0]), Math.max(high, least.span[1])];
  return { span, words: isWhole ? scoreWords(answer.features) : least.words };
}

function stepOf(score, [low, high]) {
  if (score === null) return 0;
  return high > low ? Math.max(1, Math.round(((score - low) / (high - low)) * STEPS)) : STEPS;
}

/** While the slider moves, hits that it would leave out fade. */
function fade(score) {
  for (const card of document.querySelectorAll(".card")) {
    card.classList.toggle("below", score !== null && Number(card.dataset.score) < score);
  }
}

function nearest(k) {
  const distance = (value) => Math.abs(Math.log(value / k));
  return COUNTS.reduce((best, value, place) =>
    (distance(value) < distance(COUNTS[best]) ? place : best), 0);
}

function slider(id, name, max) {
  const input = h("input", { id, type: "range", min: 0, max, step: 1 });
  const output = h("output", { for: id });
  const say = (text) => {
    output.textContent = text;
    input.setAttribute("aria-valuetext", text);
  };
  return {
    row: h("div", { class: "slider" }, h("label", { for: id }, name), input, output),
    input,
    say,
    set(value, text) {
      input.value = String(value);
      say(text);
    },
  };
}
