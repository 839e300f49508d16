// The HTTP API. Addresses are relative, so the page also works behind a proxy's path.

/** A failure that can be shown: what happened and what to do next. */
export class ApiError extends Error {
  constructor(error, nextStep) {
    super(error);
    this.error = error;
    this.nextStep = nextStep;
  }
}

export const getProducts = () => getJson("api/products");
export const getFootprints = (product) =>
  getJson(`api/footprints?product=${encodeURIComponent(product)}`);
export const getChip = (product, chipId, signal) =>
  getJson(`api/chips/${encodeURIComponent(product)}/${encodeURIComponent(chipId)}`, signal);
export const search = (state, signal) => getJson(searchUrl(state), signal);

/** Address of the answer to what `state` asks; the answer is plain GeoJSON, also to download. */
export function searchUrl({ product, engine, k, query, filters, onePerPlace }) {
  const parameters = new URLSearchParams({ product, engine, k: String(k) });
  if (query.chipId) parameters.set("chip_id", query.chipId);
  else parameters.set("lonlat", query.lonlat.join(","));
  if (filters.since) parameters.set("since", filters.since);
  if (filters.until) parameters.set("until", filters.until);
  if (filters.maxCloud !== null) parameters.set("max_cloud_share", String(filters.maxCloud));
  if (filters.box) parameters.set("bbox", filters.box.join(","));
  if (onePerPlace) parameters.set("one_per_place", "true");
  return `api/search?${parameters}`;
}

/** Address of a chip's picture; the hash lets the browser keep it. */
export function thumbnailUrl(chipId, hash, size = 256) {
  return `api/chips/${encodeURIComponent(chipId)}/thumbnail.png?size=${size}&v=${hash ?? ""}`;
}

async function getJson(address, signal) {
  let response;
  try {
    response = await fetch(address, { signal, headers: { accept: "application/json" } });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(
      "The server does not answer.",
      "Start it again with clay-assets serve, then try again.",
    );
  }
  if (response.ok) return response.json();
  const said = await response.json().catch(() => ({}));
  throw new ApiError(
    said.error ?? `The server answered ${response.status} ${response.statusText}.`,
    said.next_step ?? "Its log says more.",
  );
}
