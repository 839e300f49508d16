// The order of the hits in the gallery; their ranks stay those of the search.

/** Orders by id: what the choice says, and the value by which hits are compared. */
const ORDERS = {
  score: { label: "Most alike", by: ({ score }) => -score },
  newest: { label: "Newest", by: ({ date }) => -Date.parse(date) },
  oldest: { label: "Oldest", by: ({ date }) => Date.parse(date) },
  cloud: { label: "Least cloud", by: ({ cloud_share: share }) => share ?? 2 },
  source: { label: "Source", by: ({ source_url: url }) => url },
};

/** [id, label] of each order. */
export const orders = Object.entries(ORDERS).map(([id, { label }]) => [id, label]);

/** Hits in an order; equals stay as the search ranked them. An unknown order is that of score. */
export function sorted(hits, order) {
  const { by } = ORDERS[order] ?? ORDERS.score;
  const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  return [...hits].sort((a, b) => compare(by(a.properties), by(b.properties)));
}
