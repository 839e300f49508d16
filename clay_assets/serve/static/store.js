// The page's one state, and who is told when parts of it change.

/**
 * @typedef {object} State
 * @property {"loading"|"ready"|"empty"|"failed"} phase whether there is anything to search yet
 * @property {object|null} failure why the page could not load: {error, nextStep}
 * @property {object[]} products what /api/products says; a product of patches has a `grid`
 * @property {string[]} engines
 * @property {string|null} dagsterUrl
 * @property {string|null} basemapUrl
 * @property {string} mode id of the mode in the panel; see modes.js
 * @property {string} product
 * @property {string} engine
 * @property {number} k
 * @property {"max"|"mean"|"rocchio"|"ridge"} combine how several examples make one score
 * @property {boolean} exact whether every row is to be compared
 * @property {Filters} filters
 * @property {boolean} onePerPlace
 * @property {boolean} filtersOpen
 * @property {object[]} places features of /api/footprints
 * @property {Question|null} query what is asked; all null inside: the marks alone
 * @property {{file: File, lonlat?: number[], date?: string}|null} upload the picture asked by
 * @property {"idle"|"asking"|"ready"|"failed"} asking
 * @property {object|null} answer the last answer; kept while the next one is on its way
 * @property {import("./labels.js").Label[]} answeredLabels the marks that the answer knows of
 * @property {object|null} askFailure {error, nextStep}
 * @property {{span: number[], words: function}|null} least what the slider of likeness spans
 * @property {string} sort order of the gallery; see sort.js
 * @property {"grid"|"list"} view shape of the gallery
 * @property {string|null} opened row whose details are shown
 * @property {number|null} hovered place under the pointer, on the map or in the gallery
 * @property {string} mapDate "clearest" or a day
 * @property {false|"box"|"area"} drawing what is being drawn to search in
 * @property {"ask"|"mark"|"lasso"} tool what a click or a drag on the map does
 * @property {string} markClass class of new marks
 * @property {import("./labels.js").Label[]} labels the marks
 * @property {{name: string, etag: string, labels: object[]}|null} labelSet the set they come from,
 *   and its marks as they are kept
 * @property {boolean} canUndo
 * @property {boolean} canRedo
 * @property {{text: string, canUndo: boolean}|null} toast
 */

/**
 * @typedef {object} Filters
 * @property {string} since a day, or ""
 * @property {string} until a day, or ""
 * @property {number|null} maxCloud share, 0 to 1
 * @property {number|null} minScore
 * @property {string} mgrs a tile, or ""
 * @property {number[]|null} box west, south, east, north
 * @property {number[]|null} area lon, lat, lon, lat, ... around
 * @property {number|null} nearKm distance from the asked chip
 */

/**
 * @typedef {object} Question
 * @property {string|null} id the row: a chip's id, or a patch's
 * @property {string|null} chipId the chip that holds it
 * @property {number[]|null} lonlat
 * @property {number[]|null} vector
 * @property {{name: string, url: string|null}|null} picture that the vector was made of
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
