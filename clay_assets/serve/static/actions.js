// What the reader can do. Each action changes the store; asking the server is done here only.

import { ApiError, getFootprints, getProducts, search, searchByImage } from "./api.js";
import { DEFAULTS } from "./address.js";
import { createMarking } from "./marking.js";
import { clearest } from "./places.js";
import { chipOf, describeRow, patchOf, rowAt } from "./rows.js";
import { createHistory } from "./undo.js";
import { count } from "./words.js";

const NOTHING_ASKED = {
  query: null, answer: null, asking: "idle", askFailure: null, opened: null, hovered: null,
  upload: null,
};

/** @param {ReturnType<import("./store.js").createStore>} store */
export function createActions(store) {
  const history = createHistory(store);
  const marking = createMarking(store, history, (query) => startAsking(query));
  let underWay = new AbortController();

  /** Load what there is to search; then answer what the address asks. */
  async function load() {
    store.set({ phase: "loading", failure: null });
    try {
      const found = await getProducts();
      const { products, engines, dagster_url: dagsterUrl, basemap_url: basemapUrl } = found;
      const wanted = products.find((product) => product.name === store.get().product);
      const product = (wanted ?? products[0]).name;
      store.set({ products, engines, dagsterUrl, basemapUrl: basemapUrl ?? null, product });
      await loadPlaces();
    } catch (error) {
      store.set({ phase: "failed", failure: shown(error) });
    }
  }

  async function loadPlaces() {
    const { features } = await getFootprints(store.get().product);
    const labels = store.get().labels.map((label) => {
      const known = describeRow(label.id, features);
      return known.place === null ? { ...label, place: null } : { ...label, ...known };
    });
    store.set({ places: features, labels, phase: features.length ? "ready" : "empty" });
    if (features.length && store.get().query) await answer();
  }

  /**
   * Ask a new question: for what looks like one chip or patch (`id`), or like the chip `chipId`,
   * or what is at `lonlat`, or a `vector`. Marks belong to the question before and are put away.
   */
  function ask(question) {
    const { labels, query } = store.get();
    history.remember();
    store.set({ labels: [], labelSet: null, upload: null });
    if (labels.length) marking.say(`A new search; ${count(labels.length, "mark")} put away`, true);
    else if (query) store.set({ toast: null });
    return startAsking(question);
  }

  function startAsking(question) {
    store.set({ query: queryOf(question), opened: null, hovered: null, least: null });
    return answer();
  }

  /** Change how is asked, and ask again. */
  function refine(changes) {
    history.remember();
    store.set(changes);
    return store.get().query ? answer() : undefined;
  }

  /** Ask what the state says. */
  function answer() {
    return request(async (signal) => {
      const { labels } = store.get();
      const found = await search(store.get(), signal);
      store.set({ asking: "ready", answer: found, answeredLabels: labels });
      const { query } = store.get();
      const [id] = found.query_chips ?? [];
      if (query?.lonlat && !query.id && id) store.set({ query: queryOf({ ...query, id }) });
    }, null);
  }

  /** The next hits of the same answer. */
  function more() {
    const { answer: first } = store.get();
    return request(async (signal) => {
      const next = await search(store.get(), signal, first.next_offset);
      const features = [...first.features, ...next.features];
      store.set({ asking: "ready", answer: { ...next, features, seconds: first.seconds } });
    }, first);
  }

  /**
   * Ask by a picture or a GeoTIFF.
   * @param {File} file
   * @param {{lonlat?: number[]|null, date?: string}} told what the file itself does not say
   */
  function askByImage(file, told = {}) {
    history.remember();
    store.set({
      labels: [], labelSet: null, opened: null, hovered: null, answer: null, least: null,
      upload: { file, ...told }, query: queryOf({ picture: pictureOf(file) }),
    });
    return request(async (signal) => {
      const found = await searchByImage(store.get(), file, told, signal);
      const { query } = store.get();
      store.set({
        asking: "ready", answer: found, answeredLabels: [],
        query: { ...query, vector: found.vector, note: found.picture?.note || null },
      });
    }, null);
  }

  async function request(work, answerAfterFailure) {
    underWay.abort();
    underWay = new AbortController();
    store.set({ asking: "asking", askFailure: null });
    try {
      await work(underWay.signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      store.set({ asking: "failed", answer: answerAfterFailure, askFailure: shown(error) });
    }
  }

  /** After a step of undo or redo, bring the answer in line. */
  function follow(isOtherQuestion) {
    store.set({ opened: null, toast: null });
    if (!isOtherQuestion) return undefined;
    underWay.abort();
    if (store.get().query) return answer();
    store.set({ ...NOTHING_ASKED });
    return undefined;
  }

  const actions = {
    ...marking,
    load,
    ask,
    askByImage,
    refine,
    answer,
    more,
    undo: () => follow(history.undo()),
    redo: () => follow(history.redo()),
    setFilters: (changes) => refine({ filters: { ...store.get().filters, ...changes } }),
    clearFilters: () => refine({ filters: DEFAULTS.filters }),
    open: (id) => store.set({ opened: id }),
    chooseMode(mode) {
      const tool = mode === "classify" ? "mark" : "ask";
      store.set({ mode, tool, drawing: false, opened: null, hovered: null });
    },
    arrange: (changes) => store.set(changes), // the same hits in another order or shape
    hover: (place) => store.set({ hovered: place }),

    /** Forget the question and its answer; the marks stay. */
    clear() {
      underWay.abort();
      history.remember();
      store.set({ ...NOTHING_ASKED, answeredLabels: [] });
    },

    /** Search another product; its chips may be others, so the places are loaded again. */
    async chooseProduct(product) {
      underWay.abort();
      const { labels, query, products } = store.get();
      const isPatches = Boolean(products.find(({ name }) => name === product)?.grid);
      const kept = labels.filter(({ id }) => Boolean(patchOf(id)) === isPatches);
      const isSame = !query?.id || Boolean(patchOf(query.id)) === isPatches;
      history.forget();
      store.set({
        product, answer: null, asking: "idle", opened: null, least: null, labels: kept,
        query: query?.vector || query?.picture || !isSame ? null : query,
      });
      const lost = labels.length - kept.length;
      if (lost) marking.say(`${count(lost, "mark")} put away: they name no row of ${product}`);
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
    goBackTo({ product, wantedSet, ...wanted }) {
      const { product: current, products, places, labelSet } = store.get();
      const named = product || products[0].name;
      if (!wanted.query) actions.clear();
      const inAddress = wanted.labels.map((label) =>
        ({ ...label, ...describeRow(label.id, places) }));
      const isOpen = wantedSet && labelSet?.name === wantedSet;
      store.set({ ...wanted, labels: isOpen ? labelSet.labels : inAddress, opened: null });
      if (wantedSet && !isOpen) actions.openLabelSet(wantedSet);
      if (named !== current) actions.chooseProduct(named);
      else if (wanted.query) answer();
    },

    /** Ask about any chip at all. */
    surprise() {
      const { places, products, product } = store.get();
      const place = places[Math.floor(Math.random() * places.length)];
      const grid = products.find(({ name }) => name === product)?.grid;
      const middle = grid && grid.map((cells) => Math.floor(cells / 2));
      const { chip_id: chipId } = clearest(place);
      return ask({ id: [chipId, ...(middle ?? [])].join("/") });
    },

    /** The id of what a click on a place means: of its chip, or of the patch that was hit. */
    rowAt(chip, place, lngLat) {
      const { products, product } = store.get();
      return rowAt(chip, place, lngLat, products.find(({ name }) => name === product)?.grid);
    },
  };
  return actions;
}

/** A question in its one form; `id` names the row, `chipId` the chip that holds it. */
function queryOf({ id = null, chipId = null, lonlat = null, vector = null, ...more }) {
  const row = id ?? chipId;
  return { id: row, chipId: row && chipOf(row), lonlat, vector, picture: null, ...more };
}

function pictureOf(file) {
  const canShow = /^image\/(png|jpeg|webp)$/.test(file.type);
  return { name: file.name, url: canShow ? URL.createObjectURL(file) : null };
}

/** An error as the panel shows it. */
export function shown(error) {
  if (error instanceof ApiError) return { error: error.error, nextStep: error.nextStep };
  console.error(error);
  return { error: "The page could not go on.", nextStep: "Reload it; the console says more." };
}
