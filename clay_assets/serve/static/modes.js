// The ways to look at the same chips: tabs over the panel, each with its own panel and overlays.

import { button, fill, h, icon } from "./dom.js";
import { failure, nothingEmbedded, skeletons } from "./states.js";

/**
 * @typedef {object} Context
 * @property {object} map MapLibre's map
 * @property {ReturnType<import("./store.js").createStore>} store
 * @property {ReturnType<import("./actions.js").createActions>} actions
 */

/**
 * @typedef {object} Mode
 * @property {string} id as the address names it
 * @property {string} label
 * @property {string} icon name in icons.svg
 * @property {string[]} keys parts of the state whose change draws the panel anew
 * @property {(state: object, context: Context) => Node|(Node|null|false)[]} panel
 * @property {(context: Context) => void} enter shows the mode's overlays
 * @property {(context: Context) => void} leave takes them off again
 * @property {(lngLat: object, place: object|null, context: Context) => boolean} [click] takes a
 *   click on the map; false leaves it to the page
 */

/**
 * @typedef {object} View
 * @property {HTMLElement} node its panel, which it keeps in step with the state itself
 * @property {() => void} enter shows what it has on the map
 * @property {() => void} leave takes that off again
 * @property {(lngLat: object) => boolean} [click]
 */

const PHASE_KEYS = ["mode", "phase", "failure", "products", "product"];

/**
 * A mode whose panel is never built anew, as that would end the drag of a slider in it.
 * @param {{id: string, label: string, icon: string}} names
 * @param {(context: Context) => View} createView called when the mode is first entered
 * @returns {Mode}
 */
export function modeOfView(names, createView) {
  let view = null;
  const viewIn = (context) => (view ??= createView(context));
  return {
    ...names,
    keys: [],
    panel: (_state, context) => viewIn(context).node,
    enter: (context) => viewIn(context).enter(),
    leave: (context) => viewIn(context).leave(),
    click: (lngLat, _place, context) => viewIn(context).click?.(lngLat) ?? false,
  };
}

/**
 * Show the tabs in `bar` and the chosen mode's panel in `body`.
 * @param {{bar: HTMLElement, body: HTMLElement}} container
 * @param {Context} context
 * @param {Mode[]} modes the first one is the default
 * @returns {{start: () => void, current: () => Mode}} `start` once the map can be drawn on
 */
export function createModes({ bar, body }, context, modes) {
  const { store, actions } = context;
  let entered = null;
  const current = (state = store.get()) => modes.find(({ id }) => id === state.mode) ?? modes[0];

  fill(bar, modes.map((mode) => tab(mode, actions)));
  bar.addEventListener("keydown", (event) => moveAlong(event, bar));
  body.setAttribute("role", "tabpanel");

  const enter = (mode) => {
    if (!context.map || entered === mode) return;
    entered?.leave(context);
    entered = mode;
    mode.enter(context);
  };
  const draw = (state) => {
    const mode = current(state);
    markTab(bar, mode);
    body.dataset.mode = mode.id;
    body.setAttribute("aria-labelledby", `mode-${mode.id}`);
    body.setAttribute("aria-busy", String(state.asking === "asking" || state.phase === "loading"));
    const focused = body.contains(document.activeElement) ? document.activeElement.id : "";
    fill(body, context.map ? view(mode, state, context) : skeletons(6));
    // Whoever was using a part that was built anew goes on with its successor.
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  };
  const keys = [...new Set([...PHASE_KEYS, "asking", ...modes.flatMap((mode) => mode.keys)])];
  store.watch(keys, (state, previous) => {
    const mode = current(state);
    const wanted = [...PHASE_KEYS, ...mode.keys];
    if (state !== previous && !wanted.some((key) => state[key] !== previous[key])) return;
    if (state.phase === "ready") enter(mode);
    draw(state);
    if (state.mode !== previous.mode) body.scrollTop = 0;
  });
  return {
    current,
    start() {
      if (store.get().phase === "ready") enter(current());
      draw(store.get());
    },
  };
}

function view(mode, state, context) {
  const { actions } = context;
  if (state.phase === "loading") return skeletons(6);
  if (state.phase === "failed") return failure(state.failure, actions.load);
  if (state.phase === "empty") return nothingEmbedded(state, actions);
  return [mode.panel(state, context)].flat();
}

function tab({ id, label, icon: name }, actions) {
  return button("tab", () => actions.chooseMode(id),
    { id: `mode-${id}`, role: "tab", "aria-controls": "body", title: label },
    icon(name), h("span", {}, label));
}

function markTab(bar, mode) {
  for (const one of bar.children) {
    const isChosen = one.id === `mode-${mode.id}`;
    one.setAttribute("aria-selected", String(isChosen));
    one.tabIndex = isChosen ? 0 : -1;
  }
}

/** Arrow keys go from tab to tab and choose it, as in any row of tabs. */
function moveAlong(event, bar) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const tabs = [...bar.children];
  const place = tabs.indexOf(event.target.closest(".tab"));
  if (!step || place < 0) return;
  event.preventDefault();
  event.stopPropagation();
  const next = tabs[(place + step + tabs.length) % tabs.length];
  next.focus();
  next.click();
}
