// The page's address says what is asked, so that a search can be shared and gone back to.

import { NEGATIVE, POSITIVE } from "./classes.js";
import { chipOf } from "./rows.js";

export const MOST_HITS = 1000;
export const DEFAULTS = {
  mode: "similar",
  engine: "duckdb",
  k: 12,
  combine: "max",
  exact: false,
  sort: "score",
  onePerPlace: true,
  mapDate: "clearest",
  compare: null,
  circle: null,
  filters: {
    since: "", until: "", maxCloud: null, minScore: null, mgrs: "", box: null, area: null,
    nearKm: null,
  },
};
const LONGEST = 6000; // letters of an address that any browser and mail program carries
const OTHER = "class."; // begins the name of a parameter that holds a class of marks

/** Parts of the state that the address names. */
export function readAddress(search = location.search) {
  const parameters = new URLSearchParams(search);
  const number = (name, fallback) => {
    const value = Number(parameters.get(name));
    return parameters.has(name) && Number.isFinite(value) ? value : fallback;
  };
  const numbers = (name, isRight) => {
    const found = parameters.get(name)?.split(",").map(Number) ?? [];
    return found.every(Number.isFinite) && isRight(found.length) ? found : null;
  };
  const labels = readLabels(parameters);
  const id = parameters.get("chip");
  const isAsked = id || labels.some((label) => label.class === POSITIVE);
  return {
    mode: parameters.get("mode") ?? DEFAULTS.mode,
    product: parameters.get("product") ?? "",
    engine: parameters.get("engine") ?? DEFAULTS.engine,
    k: Math.min(Math.max(Math.round(number("k", DEFAULTS.k)), 1), MOST_HITS),
    combine: parameters.get("combine") ?? DEFAULTS.combine,
    exact: parameters.get("exact") === "yes",
    sort: parameters.get("sort") ?? DEFAULTS.sort,
    onePerPlace: parameters.get("dates") !== "all",
    mapDate: parameters.get("map") ?? DEFAULTS.mapDate,
    compare: readCompare(parameters.get("compare")),
    circle: readCircle(numbers("circle", (length) => length === 4 || length === 5)),
    query: isAsked
      ? { id, chipId: id && chipOf(id), lonlat: null, vector: null, picture: null }
      : null,
    labels,
    wantedSet: parameters.get("labels"),
    filters: {
      since: parameters.get("since") ?? "",
      until: parameters.get("until") ?? "",
      maxCloud: number("cloud", null),
      minScore: number("least", null),
      mgrs: parameters.get("tile") ?? "",
      box: numbers("box", (length) => length === 4),
      area: numbers("area", (length) => length >= 6 && length % 2 === 0),
      nearKm: number("near", null),
    },
  };
}

/** `product@date`. */
function readCompare(text) {
  const at = text?.lastIndexOf("@") ?? -1;
  return at > 0 ? { product: text.slice(0, at), date: text.slice(at + 1) } : null;
}

/** Longitude, latitude, metres, per cent of coverage, and the hexagons' H3 resolution if chosen. */
function readCircle(values) {
  if (!values) return null;
  const [lon, lat, radius, coverage, resolution = null] = values;
  return { lon, lat, radius, coverage, resolution };
}

/** Marks of some classes; what their places say of them follows when those are loaded. */
function readLabels(parameters) {
  const named = [...parameters].flatMap(([name, value]) => {
    const found = { pos: POSITIVE, neg: NEGATIVE }[name];
    const of = found ?? (name.startsWith(OTHER) ? name.slice(OTHER.length) : null);
    return of ? value.split(",").filter(Boolean).map((id) => [id, of]) : [];
  });
  return named.map(([id, name]) => ({
    id, chipId: chipOf(id), class: name, date: null, mgrs: null, place: null, hash: "",
  }));
}

/** Keep the address in step with the state; a new question is a step that "back" undoes. */
export function followAddress(store, onReturn) {
  const keys = [
    "mode", "product", "engine", "k", "combine", "exact", "sort", "onePerPlace", "mapDate",
    "compare", "circle", "query", "filters", "labels", "labelSet",
  ];
  let asked = readAddress().query?.id ?? null;
  store.watch(keys, (state, previous) => {
    if (state === previous || state.phase === "loading") return;
    const next = addressOf(state);
    if (next === location.search || (!next && !location.search)) return;
    const isNew = (state.query?.id ?? null) !== asked;
    asked = state.query?.id ?? null;
    history[isNew ? "pushState" : "replaceState"](null, "", next || location.pathname);
  });
  addEventListener("popstate", () => {
    const wanted = readAddress();
    asked = wanted.query?.id ?? null;
    onReturn(wanted);
  });
}

/** The part of the address after its path. */
export function addressOf(state) {
  const parameters = new URLSearchParams();
  const put = (name, value, nothing) => {
    if (value !== nothing && value !== null && value !== "") parameters.set(name, String(value));
  };
  const degrees = (values) => values && values.map((value) => value.toFixed(5)).join(",");
  put("mode", state.mode, DEFAULTS.mode);
  put("product", state.product, state.products[0]?.name);
  put("engine", state.engine, DEFAULTS.engine);
  put("k", state.k, DEFAULTS.k);
  put("combine", state.combine, DEFAULTS.combine);
  put("exact", state.exact ? "yes" : null);
  put("sort", state.sort, DEFAULTS.sort);
  put("dates", state.onePerPlace ? null : "all");
  put("map", state.mapDate, DEFAULTS.mapDate);
  put("compare", state.compare && `${state.compare.product}@${state.compare.date}`);
  if (state.circle && state.mode === "circle") {
    const { lon, lat, radius, coverage, resolution } = state.circle;
    const parts = [lon.toFixed(5), lat.toFixed(5), Math.round(radius), coverage, resolution];
    put("circle", parts.filter((part) => part !== null).join(","));
  }
  put("chip", state.query?.id ?? null);
  const { since, until, maxCloud, minScore, mgrs, box, area, nearKm } = state.filters;
  put("since", since);
  put("until", until);
  put("cloud", maxCloud);
  put("least", minScore);
  put("tile", mgrs);
  put("box", degrees(box));
  put("area", degrees(area));
  put("near", nearKm);
  writeLabels(parameters, state);
  const text = parameters.toString();
  return text ? `?${text}` : "";
}

/** Marks by the name of their set if they are as saved, else one by one while there is room. */
function writeLabels(parameters, { labels, labelSet }) {
  if (labelSet?.labels === labels && labels.length) {
    parameters.set("labels", labelSet.name);
    return;
  }
  const ids = labels.reduce((length, { id }) => length + id.length + 3, 0);
  if (ids > LONGEST) return;
  for (const [name, members] of Map.groupBy(labels, (label) => label.class)) {
    const parameter = { [POSITIVE]: "pos", [NEGATIVE]: "neg" }[name] ?? `${OTHER}${name}`;
    parameters.set(parameter, members.map(({ id }) => id).join(","));
  }
}

/** Whether the address can name all marks. */
export function canShare({ labels, labelSet }) {
  if (labelSet?.labels === labels) return true;
  return labels.reduce((length, { id }) => length + id.length + 3, 0) <= LONGEST;
}
