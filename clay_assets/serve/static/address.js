// The page's address says what is asked, so that a search can be shared and gone back to.

export const DEFAULTS = {
  mode: "similar",
  engine: "duckdb",
  k: 12,
  onePerPlace: true,
  mapDate: "clearest",
  filters: { since: "", until: "", maxCloud: null, box: null },
};

/** Parts of the state that the address names. */
export function readAddress(search = location.search) {
  const parameters = new URLSearchParams(search);
  const number = (name, fallback) => {
    const value = Number(parameters.get(name));
    return parameters.has(name) && Number.isFinite(value) ? value : fallback;
  };
  const box = parameters.get("box")?.split(",").map(Number);
  return {
    mode: parameters.get("mode") ?? DEFAULTS.mode,
    product: parameters.get("product") ?? "",
    engine: parameters.get("engine") ?? DEFAULTS.engine,
    k: Math.min(Math.max(Math.round(number("k", DEFAULTS.k)), 1), 200),
    onePerPlace: parameters.get("dates") !== "all",
    mapDate: parameters.get("map") ?? DEFAULTS.mapDate,
    query: parameters.has("chip") ? { chipId: parameters.get("chip"), lonlat: null } : null,
    filters: {
      since: parameters.get("since") ?? "",
      until: parameters.get("until") ?? "",
      maxCloud: number("cloud", null),
      box: box?.length === 4 && box.every(Number.isFinite) ? box : null,
    },
  };
}

/** Keep the address in step with the state; a new chip is a step that "back" undoes. */
export function followAddress(store, onReturn) {
  const keys = ["mode", "product", "engine", "k", "onePerPlace", "mapDate", "query", "filters"];
  let chip = readAddress().query?.chipId ?? null;
  store.watch(keys, (state, previous) => {
    if (state === previous || state.phase === "loading") return;
    const next = addressOf(state);
    if (next === location.search || (!next && !location.search)) return;
    const isNewChip = (state.query?.chipId ?? null) !== chip;
    chip = state.query?.chipId ?? null;
    history[isNewChip ? "pushState" : "replaceState"](null, "", next || location.pathname);
  });
  addEventListener("popstate", () => {
    const wanted = readAddress();
    chip = wanted.query?.chipId ?? null;
    onReturn(wanted);
  });
}

function addressOf(state) {
  const parameters = new URLSearchParams();
  if (state.mode !== DEFAULTS.mode) parameters.set("mode", state.mode);
  if (state.product !== state.products[0]?.name) parameters.set("product", state.product);
  if (state.engine !== DEFAULTS.engine) parameters.set("engine", state.engine);
  if (state.k !== DEFAULTS.k) parameters.set("k", String(state.k));
  if (!state.onePerPlace) parameters.set("dates", "all");
  if (state.mapDate !== DEFAULTS.mapDate) parameters.set("map", state.mapDate);
  if (state.query?.chipId) parameters.set("chip", state.query.chipId);
  const { since, until, maxCloud, box } = state.filters;
  if (since) parameters.set("since", since);
  if (until) parameters.set("until", until);
  if (maxCloud !== null) parameters.set("cloud", String(maxCloud));
  if (box) parameters.set("box", box.map((value) => value.toFixed(5)).join(","));
  const text = parameters.toString();
  return text ? `?${text}` : "";
}
