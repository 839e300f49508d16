// Places and their chips: several dates of one footprint.

const byChip = new WeakMap(); // list of places -> Map of chip id -> place

/** The chip of a place with the least cloud; of equals the latest. */
export function clearest(place) {
  return place.properties.chips.reduce((best, chip) =>
    (chip.cloud_share ?? 1) <= (best.cloud_share ?? 1) ? chip : best,
  );
}

/** The chip of a place that the map's tiles show: of a date, or the clearest; or null. */
export function tileChip(place, mapDate) {
  if (mapDate === "clearest") return clearest(place);
  return place.properties.chips.find((chip) => chip.date === mapDate) ?? null;
}

/** The chip of a place that the map shows: the answer's own, else that of the chosen date. */
export function shownChip(place, { query, answer, mapDate }) {
  const { chips } = place.properties;
  const named = chips.find((chip) => chip.chip_id === query?.chipId);
  if (named) return named;
  const hit = answer?.features.find(({ properties }) => properties.place === place.id);
  if (hit) return chips.find((chip) => chip.chip_id === hit.properties.chip_id) ?? null;
  return tileChip(place, mapDate);
}

/** The place that holds a chip, or null. */
export function placeOfChip(places, chipId) {
  if (!byChip.has(places)) {
    byChip.set(places, new Map(places.flatMap((place) =>
      place.properties.chips.map((chip) => [chip.chip_id, place]))));
  }
  return byChip.get(places).get(chipId) ?? null;
}

/** A chip as its place lists it, or null. */
export function findChip(places, chipId) {
  const place = placeOfChip(places, chipId);
  return place?.properties.chips.find((chip) => chip.chip_id === chipId) ?? null;
}
