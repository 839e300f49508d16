// What the mode "explore" can show: each lens asks, draws on the map, and fills its panel.

import { getChange, getClusters, getOutliers, getOverlays } from "./beyond_api.js";
import { figure, gallery, rowWords, slider, swatch } from "./beyond_parts.js";
import { showFeatures } from "./chart.js";
import { button, h } from "./dom.js";
import { showOverlays } from "./overlays.js";
import { picture } from "./pictures.js";
import { describeRow } from "./rows.js";
import { count, day, percent } from "./words.js";

const MOST_ROWS = 24;
const AREAS = "beyond-areas";

/**
 * @typedef {object} Lens
 * @property {string} label
 * @property {string} hint
 * @property {(asked: object, state: object, signal: AbortSignal) => Promise<object>} ask
 * @property {(map: object, found: object|null, asked: object) => void} draw null takes it off
 * @property {(asked: object, state: object, change: (values: object) => void) => Node[]} fields
 * @property {(found: object, asked: object, acts: object) => (Node|null|false)[]} answer
 */

/** @type {Record<string, Lens>} */
export const LENSES = {
  change: {
    label: "Change",
    hint: "How far each place moved between two dates: 0 is the same, and cloud is left out.",
    ask: ({ before, after }, { product }, signal) => getChange({ product, before, after }, signal),
    draw: (map, found, { least }) => drawAreas(map, found, least),
    fields: changeFields,
    answer: changeAnswer,
  },
  clusters: {
    label: "Clusters",
    hint: "Kinds of ground that the vectors tell apart, without any label.",
    ask: async ({ clusters }, { product, mapDate }, signal) => {
      const [found, overlays] = await Promise.all([
        getClusters({ product, clusters }, signal),
        getOverlays({ product, kind: "clusters", date: dayOf(mapDate) }, signal),
      ]);
      return { ...found, overlays: overlays.tiles };
    },
    draw: (map, found, { clusters }) =>
      showOverlays(map, found?.overlays ?? null, `&clusters=${clusters}`),
    fields: ({ clusters }, _state, change) => [slider({
      id: "beyond-clusters", name: "Clusters", min: 2, max: 20, step: 1, value: clusters,
      words: String, oninput: (value) => change({ clusters: value }, 400),
    })],
    answer: clustersAnswer,
  },
  colours: {
    label: "Colours",
    hint: "Three principal components of the vectors as red, green and blue. What looks alike to " +
      "the network has one colour, and seams between scenes show.",
    ask: (_asked, { product, mapDate }, signal) =>
      getOverlays({ product, kind: "colours", date: dayOf(mapDate) }, signal),
    draw: (map, found) => showOverlays(map, found?.tiles ?? null),
    fields: () => [],
    answer: ({ explained, tiles }) => [
      h("dl", { class: "figures" },
        figure("of the variance", percent(explained.reduce((sum, one) => sum + one, 0)),
          "What the three colours hold together"),
        explained.map((share, number) =>
          figure(["red", "green", "blue"][number], percent(share), "Share of the variance"))),
      h("p", { class: "beyond-note" },
        `${count(tiles.length, "tile")}, all in one scale of colours, on `,
        [...new Set(tiles.map(({ date }) => day(date)))].slice(0, 3).join(", "), "."),
    ],
  },
  outliers: {
    label: "Outliers",
    hint: "What looks like nothing else: odd ground, and odd pictures.",
    ask: (_asked, { product, filters }, signal) =>
      getOutliers({ product, most: 100, max_cloud_share: filters.maxCloud }, signal),
    draw: (map, found) => drawAreas(map, found, 0),
    fields: () => [],
    answer: (found, _asked, { show }) => [
      h("p", { class: "beyond-note" },
        `The strangest of ${found.rows.toLocaleString()}; a usual one is `,
        `${found.median_distance.toFixed(3)} from its neighbours.`),
      gallery(found.features.slice(0, MOST_ROWS).map(({ properties: row }) => ({
        id: row.id, hash: row.hash, title: row.distance.toFixed(3),
        note: rowWords(row.id, row.date),
      })), show),
    ],
  },
};

/** A day of the map's dates; "clearest" is none. */
const dayOf = (mapDate) => (mapDate === "clearest" ? null : mapDate);

function changeFields({ before, after, least }, state, change) {
  const { dates } = state.products.find(({ name }) => name === state.product);
  const choice = (name, value, label, first) => h("div", { class: "field" },
    h("label", { for: `beyond-${name}`, class: "field-name" }, label),
    h("select", {
      id: `beyond-${name}`,
      onchange: ({ target }) => change({ [name]: target.value || null }),
    }, h("option", { value: "" }, first),
    dates.map((one) => h("option", { value: one, selected: one === value }, day(one)))));
  return [
    choice("before", before, "Before", "first day of each tile"),
    choice("after", after, "After", "last day of each tile"),
    slider({
      id: "beyond-least", name: "Only from", min: 0, max: 0.5, step: 0.005, value: least,
      words: (value) => value.toFixed(3), oninput: (value) => change({ least: value }, null),
    }),
  ];
}

function changeAnswer(found, { least }, { state, show }) {
  const kept = found.features.filter(({ properties }) => properties.distance >= least);
  const unpaired = found.tiles.reduce((sum, tile) => sum + tile.unpaired, 0);
  return [
    h("p", { class: "beyond-note", id: "beyond-count" },
      h("b", {}, count(kept.length, "place")), ` of ${found.features.length.toLocaleString()}`,
      unpaired > 0 && `; ${unpaired} more were not seen clearly on both dates`),
    h("ol", { class: "pairs" }, kept.slice(0, MOST_ROWS).map(({ properties: row }) => {
      const before = describeRow(row.id_before, state.places);
      return h("li", {}, button("pair-open", () => show(row.id), {
        title: `${row.id}: show it on the map`,
      },
      picture({ chipId: row.id_before, hash: before.hash, alt: `Before, ${day(row.date_before)}` }),
      picture({ chipId: row.id, hash: row.hash, alt: `After, ${day(row.date)}` }),
      h("span", { class: "beyond-words" },
        h("b", {}, row.distance.toFixed(3)),
        h("span", {}, `${row.z >= 0 ? "+" : "−"}${Math.abs(row.z).toFixed(1)} σ in its tile`),
        h("span", {}, `${day(row.date_before)} → ${day(row.date)}`))));
    })),
  ];
}

function clustersAnswer(found, _asked, { show }) {
  const all = found.clusters.reduce((sum, { rows }) => sum + rows, 0);
  return [
    h("p", { class: "beyond-note" },
      `They explain ${percent(found.explained)} of the variance; silhouette `,
      `${found.silhouette.toFixed(2)}.`),
    h("ul", { class: "kinds" }, found.clusters.map(({ cluster, rows, colour, typical }) =>
      h("li", {},
        h("div", { class: "kind-words" }, swatch(colour), h("b", {}, `Cluster ${cluster + 1}`),
          h("span", {}, `${rows.toLocaleString()} · ${percent(rows / all)}`)),
        h("div", { class: "kind-pictures" }, typical.slice(0, 4).map(({ id, hash, date }) =>
          button("picture-open", () => show(id), { title: rowWords(id, date) },
            picture({ chipId: id, hash, alt: `Typical of cluster ${cluster + 1}` }))))))),
  ];
}

function drawAreas(map, found, least) {
  if (!found) return showFeatures(map, AREAS, null);
  const features = found.features.filter(({ properties }) => properties.distance >= least);
  const most = Math.max(...found.features.map(({ properties }) => properties.distance), 1e-6);
  const share = ["/", ["get", "distance"], most];
  showFeatures(map, AREAS, { type: "FeatureCollection", features }, {
    fill: {
      "fill-color": "#ffb02e",
      "fill-opacity": ["interpolate", ["linear"], share, 0, 0.04, 1, 0.85],
    },
    line: { "line-color": "#ff8c1a", "line-width": 1, "line-opacity": share },
  });
}
