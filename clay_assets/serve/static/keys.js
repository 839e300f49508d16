// The keyboard.

import { NEGATIVE, POSITIVE } from "./classes.js";
import { shownChip } from "./places.js";
import { toggleTheme } from "./theme.js";

const TYPED_INTO = "select, input:not([type=radio], [type=checkbox], [type=range])";
const ARROWS = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: "up", ArrowDown: "down" };

/** Listen for the keys that help.js tells of. */
export function addKeys(store, actions, help) {
  addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    const typing = event.target.matches(TYPED_INTO);
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !typing) {
      event.preventDefault();
      return event.shiftKey ? actions.redo() : actions.undo();
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") return escape(event, store, actions);
    if (typing) return;
    if (event.key in ARROWS && moveInGallery(event)) return event.preventDefault();
    const card = event.target.closest?.(".card");
    const meanings = {
      "/": () => document.getElementById("ask-input").focus(),
      "?": () => help.showModal(),
      a: () => actions.showAll(),
      v: () => actions.chooseTool("ask"),
      m: () => actions.chooseTool("mark"),
      l: () => actions.chooseTool("lasso"),
      p: () => markHere(event, store, actions, POSITIVE),
      n: () => markHere(event, store, actions, NEGATIVE),
      r: () => actions.refineByLabels(),
      u: () => document.getElementById("upload").click(),
      f: () => store.set({ filtersOpen: !store.get().filtersOpen }),
      s: () => card?.querySelector(".card-similar").click(),
      t: toggleTheme,
    };
    const meaning = meanings[event.key.toLowerCase()];
    if (!meaning) return;
    event.preventDefault();
    meaning();
  });
}

/** Mark the card with the focus, else the one whose details are open, else the place hovered. */
function markHere(event, store, actions, name) {
  const state = store.get();
  const focused = event.target.closest?.(".card")?.dataset.id ?? state.opened;
  const place = state.places.find(({ id }) => id === state.hovered);
  const id = focused ?? (place && shownChip(place, state)?.chip_id);
  if (id) actions.toggleMark(id, name);
}

/** Undo the innermost thing: drawing, typing, details, then the question. */
function escape(event, store, actions) {
  const { drawing, opened, query, tool, mode } = store.get();
  if (drawing) store.set({ drawing: false });
  else if (event.target.matches("input")) event.target.blur();
  else if (opened) actions.open(null);
  else if (tool !== "ask" && mode === "similar") actions.chooseTool("ask");
  else if (query) actions.clear();
}

/** Focus the next card in the direction of the arrow; false when no card has the focus. */
function moveInGallery(event) {
  const cards = [...document.querySelectorAll(".card-open")];
  const place = cards.indexOf(event.target);
  if (place < 0) return false;
  const top = (card) => card.getBoundingClientRect().top;
  const columns = cards.filter((card) => top(card) === top(cards[0])).length;
  const step = { up: -columns, down: columns }[ARROWS[event.key]] ?? ARROWS[event.key];
  cards[place + step]?.focus();
  return true;
}
