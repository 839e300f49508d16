// Asking for the hexagons of a circle: half a second after the last change, one question at a time.

import { ApiError, getCells } from "./api.js";

const PAUSE_MS = 500;
export const RADII = { least: 100, most: 2_000_000 }; // metres
export const COVERAGE = { least: 10, most: 100, step: 5, usual: 20 }; // per cent

/**
 * @param {ReturnType<import("./store.js").createStore>} store of `product`, `engine` and `circle`
 * @param {() => void} onChange called whenever `shown()` is another
 */
export function createCells(store, onChange) {
  let timer = 0;
  let underWay = new AbortController();
  let shown = { cells: null, cellsAsking: "idle", cellsFailure: null };

  const set = (changes) => {
    shown = { ...shown, ...changes };
    onChange();
  };
  const stop = () => {
    clearTimeout(timer);
    underWay.abort();
  };

  async function ask(state) {
    stop();
    underWay = new AbortController();
    const { signal } = underWay;
    set({ cellsAsking: "asking", cellsFailure: null });
    try {
      const cells = await getCells(state, signal);
      if (!signal.aborted) set({ cells, cellsAsking: "ready" });
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) console.error(error);
      const { error: said = "The page could not go on.", nextStep = "Reload it." } = error;
      set({ cells: null, cellsAsking: "failed", cellsFailure: { error: said, nextStep } });
    }
  }

  return {
    ask,
    stop,
    /** Ask when nothing has changed for a while. */
    later(state) {
      stop();
      set({ cellsAsking: "asking" });
      timer = setTimeout(() => ask(store.get()), PAUSE_MS);
    },
    shown: () => shown,
    found: () => shown.cells,
    status: () => shown.cellsAsking,
  };
}
