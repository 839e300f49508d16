// What can be taken back: marks, filters and questions.

/** Parts of the state that come back together. */
const KEPT = [
  "labels", "labelSet", "query", "filters", "k", "combine", "onePerPlace", "exact", "engine",
];
const ASKED_AGAIN = KEPT.filter((key) => !["labels", "labelSet"].includes(key));
const MOST_STEPS = 100;

/**
 * The steps of a store.
 * @param {ReturnType<import("./store.js").createStore>} store
 */
export function createHistory(store) {
  let past = [];
  let future = [];
  const snapshot = () => Object.fromEntries(KEPT.map((key) => [key, store.get()[key]]));
  const tell = () => store.set({ canUndo: past.length > 0, canRedo: future.length > 0 });

  /** Go one step along `from`; true when the question is another one then. */
  const step = (from, to) => {
    const wanted = from.pop();
    if (!wanted) return false;
    const current = snapshot();
    to.push(current);
    store.set(wanted);
    tell();
    return ASKED_AGAIN.some((key) => wanted[key] !== current[key]);
  };

  return {
    /** Keep what is, before something changes it. */
    remember() {
      past = [...past.slice(1 - MOST_STEPS), snapshot()];
      future = [];
      tell();
    },
    undo: () => step(past, future),
    redo: () => step(future, past),
    /** Forget all steps: what they hold is no longer there. */
    forget() {
      [past, future] = [[], []];
      tell();
    },
  };
}
