// Numbers, days and places as people read them.

const DAY = new Intl.DateTimeFormat(undefined, {
  day: "numeric", month: "short", year: "numeric", timeZone: "UTC",
});
const COUNT = new Intl.NumberFormat();

/** `2024-06-14` as "14 Jun 2024". */
export function day(date) {
  return date ? DAY.format(new Date(`${date}T00:00:00Z`)) : "unknown day";
}

/** "1 chip", "1,234 chips". */
export function count(number, word) {
  return `${COUNT.format(number)} ${word}${number === 1 ? "" : "s"}`;
}

/** 0.123 as "12 %", or with digits as "12.3 %"; null as "unknown". */
export function percent(share, digits = 0) {
  if (share === null || share === undefined) return "unknown";
  if (share > 0 && share < 0.01) return "< 1 %";
  return `${(share * 100).toFixed(digits)} %`;
}

/** How to write the scores of some hits, "0.973": with as many digits as tell them apart. */
export function scoreWords(hits) {
  const scores = hits.map(({ properties }) => properties.score);
  const digits = Math.max(...scores) - Math.min(...scores) < 0.01 ? 4 : 3;
  return (value) => value.toFixed(digits);
}

/** Degrees as "60.3895° N". */
export function latitude(value, digits = 4) {
  return `${Math.abs(value).toFixed(digits)}° ${value < 0 ? "S" : "N"}`;
}

/** Degrees as "5.3207° E". */
export function longitude(value, digits = 4) {
  return `${Math.abs(value).toFixed(digits)}° ${value < 0 ? "W" : "E"}`;
}

/** An engine as its makers write it. */
export function engineName(engine) {
  return { duckdb: "DuckDB" }[engine] ?? engine;
}

/** Seconds as "24 ms" or "1.2 s". */
export function duration(seconds) {
  return seconds < 1 ? `${Math.max(1, Math.round(seconds * 1000))} ms` : `${seconds.toFixed(1)} s`;
}

/** What tells a chip from its neighbours: its number in the tile, else its whole id. */
export function shortName(chipId) {
  const match = /^claytile_\w+_\d{8}_v\d+_(\d+)$/.exec(chipId);
  return match ? `№ ${Number(match[1])}` : chipId;
}

/** What tells a chip or a patch from its neighbours: "№ 6", "№ 6 · patch 3, 12". */
export function nameOf(id) {
  const [chipId, row, column] = id.split("/");
  return column ? `${shortName(chipId)} · patch ${row}, ${column}` : shortName(chipId);
}

/**
 * Longitude and latitude of a text "lat, lon", or null.
 * The order is that of maps and of the command line's --box.
 */
export function parsePlace(text) {
  const match = /^\s*(-?\d+(?:\.\d+)?)\s*°?\s*[,;\s]\s*(-?\d+(?:\.\d+)?)\s*°?\s*$/.exec(text);
  if (!match) return null;
  const [lat, lon] = [Number(match[1]), Number(match[2])];
  return Math.abs(lat) <= 90 && Math.abs(lon) <= 180 ? [lon, lat] : null;
}

/** Metres as "850 m", "8.5 km" or "85 km". */
export function distance(metres) {
  if (metres < 1000) return `${Math.round(metres)} m`;
  return `${COUNT.format(Number((metres / 1000).toPrecision(3)))} km`;
}

/** Square kilometres as "5.16 km²". */
export function area(km2) {
  return `${COUNT.format(Number(km2.toPrecision(3)))} km²`;
}
