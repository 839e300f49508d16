// What the reader can do. Each action changes the store; asking the server is done here only.

import { ApiError, getFootprints, getProducts, search } from "./api.js";
import { DEFAULTS } from "./address.js";
import { clearest } from "./places.js";

/** @param {ReturnType<import("./store.js").createStore>} store */
export function createActions(store) {
  let underWay = new AbortController();

  /** Load what there is to search; then answer what the address asks. */
  async function load() {
    store.set({ phase: "loading", failure: null });
    try {
      const { products, engines, dagster_url: dagsterUrl } = await getProducts();
      const wanted = products.find((product) => product.name === store.get().product);
      const product = (wanted ?? products[0]).name;
      store.set({ products, engines, dagsterUrl, product });
      await loadPlaces();
    } catch (error) {
      store.set({ phase: "failed", failure: shown(error) });
    }
  }

  async function loadPlaces() {
    const { features } = await getFootprints(store.get().product);
    store.set({ places: features, phase: features.length ? "ready" : "empty" });
    if (features.length && store.get().query) await answer();
  }

  /** Ask for the chips like one chip, or like the one at a place. */
  function ask(query) {
    store.set({ query: { chipId: null, lonlat: null, ...query }, opened: null, hovered: null });
    return answer();
  }

  /** Change how is asked, and ask again. */
  function refine(changes) {
    store.set(changes);
    return store.get().query ? answer() : undefined;
  }

  async function answer() {
    underWay.abort();
    underWay = new AbortController();
    const { signal } = underWay;
    store.set({ asking: "asking", askFailure: null });
    try {
      const found = await search(store.get(), signal);
      const { query } = store.get();
      const asked = query.chipId ? query : { ...query, chipId: found.query_chips[0] };
      store.set({ asking: "ready", answer: found, query: asked });
    } catch (error) {
      if (error.name === "AbortError") return;
      store.set({ asking: "failed", answer: null, askFailure: shown(error) });
    }
  }

  const actions = {
    load,
    ask,
    refine,
    answer,
    setFilters: (changes) => refine({ filters: { ...store.get().filters, ...changes } }),
    clearFilters: () => refine({ filters: DEFAULTS.filters }),
    open: (chipId) => store.set({ opened: chipId }),
    chooseMode: (mode) => store.set({ mode, opened: null, hovered: null }),
    hover: (place) => store.set({ hovered: place }),

    /** Forget the question and its answer. */
    clear() {
      underWay.abort();
      store.set({
        query: null, answer: null, asking: "idle", askFailure: null, opened: null, hovered: null,
      });
    },

    /** Search another product; its chips may be others, so the places are loaded again. */
    async chooseProduct(product) {
      underWay.abort();
      store.set({ product, answer: null, asking: "idle", opened: null });
      try {
        await loadPlaces();
      } catch (error) {
        store.set({ phase: "failed", failure: shown(error) });
      }
    },

    /** Load the places again if there are others than before. */
    async refresh() {
      const { product, products: known, phase } = store.get();
      if (phase !== "ready" && phase !== "empty") return;
      const version = (products) => products.find(({ name }) => name === product)?.version;
      try {
        const { products } = await getProducts();
        if (version(products) === version(known)) return;
        store.set({ products });
        await loadPlaces();
      } catch (error) {
        if (!(error instanceof ApiError)) throw error; // it was nobody's wish, so nobody is told
      }
    },

    /** Ask what an address asks, after the browser's "back" or "forward". */
    goBackTo({ product, ...wanted }) {
      const { product: current, products } = store.get();
      const named = product || products[0].name;
      if (!wanted.query) actions.clear();
      store.set({ ...wanted, opened: null });
      if (named !== current) actions.chooseProduct(named);
      else if (wanted.query) answer();
    },

    /** Ask about any chip at all. */
    surprise() {
      const { places } = store.get();
      const place = places[Math.floor(Math.random() * places.length)];
      return ask({ chipId: clearest(place).chip_id });
    },
  };
  return actions;
}

function shown(error) {
  if (error instanceof ApiError) return { error: error.error, nextStep: error.nextStep };
  console.error(error);
  return { error: "The page could not go on.", nextStep: "Reload it; the console says more." };
}
