// The page's one state, and who is told when parts of it change.

/**
 * @typedef {object} State
 * @property {"loading"|"ready"|"empty"|"failed"} phase whether there is anything to search yet
 * @property {object|null} failure why the page could not load: {error, nextStep}
 * @property {object[]} products what /api/products says
 * @property {string[]} engines
 * @property {string|null} dagsterUrl
 * @property {string} mode id of the mode in the panel; see modes.js
 * @property {string} product
 * @property {string} engine
 * @property {number} k
 * @property {{since: string, until: string, maxCloud: number|null, box: number[]|null}} filters
 * @property {boolean} onePerPlace
 * @property {boolean} filtersOpen
 * @property {object[]} places features of /api/footprints
 * @property {{chipId: string|null, lonlat: number[]|null}|null} query what is asked
 * @property {"idle"|"asking"|"ready"|"failed"} asking
 * @property {object|null} answer the last answer; kept while the next one is on its way
 * @property {object|null} askFailure {error, nextStep}
 * @property {string|null} opened chip whose details are shown
 * @property {number|null} hovered place under the pointer, on the map or in the gallery
 * @property {string} mapDate "clearest" or a day
 * @property {boolean} drawing whether a box is being drawn
 */

/** A store of `initial`; listeners run once after all changes of the same moment. */
export function createStore(initial) {
  let state = initial;
  let before = initial;
  let scheduled = false;
  const listeners = [];

  function tell() {
    scheduled = false;
    const previous = before;
    before = state;
    for (const { keys, listener } of listeners) {
      if (keys.some((key) => state[key] !== previous[key])) listener(state, previous);
    }
  }

  return {
    get: () => state,
    set(changes) {
      state = { ...state, ...changes };
      if (scheduled) return;
      scheduled = true;
      queueMicrotask(tell);
    },
    /** Call `listener(state, previous)` now and whenever one of `keys` changes. */
    watch(keys, listener) {
      listeners.push({ keys, listener });
      listener(state, state);
    },
  };
}
