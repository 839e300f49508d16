// Addresses under api/beyond: what embeddings tell besides neighbours.

import { ApiError } from "./api.js";

/** Train a classifier on `labels`, {id: class}; answers {version, classes, report}. */
export const trainClassifier = (body, signal) => ask("api/beyond/classifier", {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
  signal,
});

/** A classifier's word on every row: {classes, rows: [[id, place, class number, confidence]]}. */
export const getPredictions = (version, tiles, signal) =>
  ask(predictionsUrl(version, { format: "compact", tile: tiles }), { signal });

/** Where the predictions of a classifier can be downloaded. */
export const predictionsUrl = (version, fields) =>
  `api/beyond/classifier/${encodeURIComponent(version)}/predictions?${query(fields)}`;

/** How far places moved, as GeoJSON, most changed first. */
export const getChange = (fields, signal) => ask(`api/beyond/change?${query(fields)}`, { signal });

/** Kinds of ground, each with its typical rows. */
export const getClusters = (fields, signal) =>
  ask(`api/beyond/clusters?${query(fields)}`, { signal });

/** Rows like no other, as GeoJSON, strangest first. */
export const getOutliers = (fields, signal) =>
  ask(`api/beyond/outliers?${query(fields)}`, { signal });

/** Pictures of tiles and where they go on the map. */
export const getOverlays = (fields, signal) =>
  ask(`api/beyond/overlays?${query(fields)}`, { signal });

function query(fields) {
  const pairs = Object.entries(fields)
    .flatMap(([name, value]) => [value].flat().map((one) => [name, one]))
    .filter(([, value]) => value !== null && value !== undefined && value !== "");
  return new URLSearchParams(pairs);
}

async function ask(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server cannot be reached.", "Check that it runs, then try again.");
  }
  const answer = await response.json();
  if (!response.ok) throw new ApiError(answer.error, answer.next_step, response.status);
  return answer;
}
