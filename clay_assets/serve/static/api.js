// The HTTP API. Addresses are relative, so the page also works behind a proxy's path.

import { NEGATIVE, POSITIVE } from "./classes.js";
import { idsOf } from "./labels.js";
import { middleOf } from "./ground.js";
import { placeOfChip } from "./places.js";
import { chipOf, patchOf } from "./rows.js";

/** A failure that can be shown: what happened, what to do next, and the HTTP status. */
export class ApiError extends Error {
  constructor(error, nextStep, status = 0) {
    super(error);
    this.error = error;
    this.nextStep = nextStep;
    this.status = status;
  }
}

export const getProducts = () => getJson("api/products");
export const getFootprints = (product) =>
  getJson(`api/footprints?product=${encodeURIComponent(product)}`);
export const getChip = (product, id, signal) =>
  getJson(`api/chips/${[product, ...id.split("/")].map(encodeURIComponent).join("/")}`, signal);

/** The hexagons of `state.circle` that look most like its middle. */
export function getCells({ product, engine, circle }, signal) {
  const { lon, lat, radius, coverage, resolution } = circle;
  const parameters = new URLSearchParams({
    product, engine, lon, lat, radius_m: radius, coverage: coverage / 100,
  });
  if (resolution !== null) parameters.set("resolution", resolution);
  return getJson(`api/cells?${parameters}`, signal);
}

/** The hits of what `state` asks, as GeoJSON, from the hit number `offset` on. */
export async function search(state, signal, offset = 0) {
  const body = { ...searchBody(state), ...(offset ? { offset } : {}) };
  return (await post("api/search", body, signal)).json();
}

/** The hits of what `state` asks with a picture in place of a chip; they bring its `vector`. */
export async function searchByImage(state, file, { lonlat, date }, signal) {
  const { product, k, ...filters } = searchBody({ ...state, query: {}, labels: [] });
  const form = new FormData();
  form.set("file", file);
  form.set("product", product);
  form.set("k", String(k));
  if (lonlat) form.set("lonlat", lonlat.join(","));
  if (date) form.set("date", date);
  form.set("request", JSON.stringify(filters));
  return (await send("api/search/image", { method: "POST", body: form, signal })).json();
}

/** The answer to what `state` asks as a file of a format: "geojson", "csv" or "parquet". */
export async function exportHits(state, format) {
  return (await post(`api/export?format=${format}`, searchBody(state))).blob();
}

/** The fields of /api/search that say what `state` asks; those at their default are left out. */
export function searchBody(state) {
  const { product, engine, k, combine, exact, query, filters, onePerPlace, labels, places } = state;
  const { since, until, maxCloud, minScore, mgrs, box, area, nearKm } = filters;
  const place = nearKm !== null && placeOfChip(places, query.chipId);
  const positives = idsOf(labels, POSITIVE).filter((id) => id !== query.id);
  const negatives = idsOf(labels, NEGATIVE);
  const fields = {
    product, engine, k,
    mode: combine === "max" ? null : combine,
    exact: exact || null,
    chip_id: query.id,
    lonlat: query.id ? null : query.lonlat,
    vector: query.vector,
    positives: positives.length ? positives : null,
    negatives: negatives.length ? negatives : null,
    since, until, mgrs,
    max_cloud_share: maxCloud,
    min_score: minScore,
    bbox: box,
    area: area && { type: "Polygon", coordinates: [ringOf(area)] },
    circle: place ? [...middleOf(place), nearKm * 1000] : null,
    one_per_place: onePerPlace || null,
  };
  const isSaid = ([, value]) => value !== null && value !== undefined && value !== "";
  return Object.fromEntries(Object.entries(fields).filter(isSaid));
}

/** A closed ring of a flat list lon, lat, lon, lat. */
export function ringOf(flat) {
  const ring = Array.from({ length: flat.length / 2 }, (_, place) =>
    [flat[2 * place], flat[2 * place + 1]]);
  return [...ring, ring[0]];
}

/** Address of the picture of a chip or a patch; the hash lets the browser keep it. */
export function thumbnailUrl(id, hash, size = 256) {
  const patch = patchOf(id);
  const part = patch ? `&row=${patch[0]}&col=${patch[1]}` : "";
  const chip = encodeURIComponent(chipOf(id));
  return `api/chips/${chip}/thumbnail.png?size=${size}&v=${hash ?? ""}${part}`;
}

/** Names, products and sizes of the label sets on the server. */
export const listLabelSets = async () => (await getJson("api/labels")).labels;

/** A label set and the etag by which it can be written again. */
export async function getLabelSet(name) {
  const response = await send(labelsUrl(name), {});
  return { collection: await response.json(), etag: response.headers.get("etag") };
}

/**
 * Write a label set; answers its new etag. With `etag` only over that very version, without only
 * if there is none of this name yet.
 */
export async function putLabelSet(name, collection, etag) {
  const condition = etag ? { "if-match": etag } : { "if-none-match": "*" };
  const headers = { "content-type": "application/geo+json", ...condition };
  const body = JSON.stringify(collection);
  return (await send(labelsUrl(name), { method: "PUT", headers, body })).headers.get("etag");
}

export const deleteLabelSet = (name, etag) =>
  send(labelsUrl(name), { method: "DELETE", headers: etag ? { "if-match": etag } : {} });

function labelsUrl(name) {
  return `api/labels/${encodeURIComponent(name)}`;
}

function post(address, body, signal) {
  const headers = { "content-type": "application/json" };
  return send(address, { method: "POST", headers, body: JSON.stringify(body), signal });
}

async function getJson(address, signal) {
  return (await send(address, { signal, headers: { accept: "application/json" } })).json();
}

async function send(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(
      "The server does not answer.",
      "Start it again with clay-assets serve, then try again.",
    );
  }
  if (response.ok) return response;
  const said = await response.json().catch(() => ({}));
  throw new ApiError(
    said.error ?? `The server answered ${response.status} ${response.statusText}.`,
    said.next_step ?? "Its log says more.",
    response.status,
  );
}
