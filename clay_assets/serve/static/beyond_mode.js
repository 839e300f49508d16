// The mode "classify": learn from the marks, say how far to trust it, and show it everywhere.

import { shown as failureOf } from "./actions.js";
import { getPredictions, predictionsUrl, trainClassifier } from "./beyond_api.js";
import { gallery, rowWords, segments, slider, swatch } from "./beyond_parts.js";
import { reportOf, trustAt } from "./beyond_report.js";
import { classCss, className } from "./classes.js";
import { button, fill, h, icon } from "./dom.js";
import { modeOfView } from "./modes.js";
import { showPredictions, sureRows } from "./predictions_map.js";
import { chipOf, describeRow } from "./rows.js";
import { failure, skeletons } from "./states.js";
import { onTheme } from "./theme.js";
import { count, percent } from "./words.js";

const BACKGROUND_ROWS = 200;
const DOUBTFUL = 6;

/** The mode "classify"; see modes.js. */
export const beyondMode = modeOfView(
  { id: "classify", label: "Classify", icon: "classify" }, createView,
);

/**
 * @typedef {object} Trained
 * @property {string} version
 * @property {string[]} classes
 * @property {object} report
 * @property {string} product
 * @property {string} labels what it was trained on, as text
 * @property {Array} rows predictions, as `sureRows` takes them
 * @property {string|null} tile the only one that rows are of, for products of patches
 */

function createView({ map, store, actions }) {
  const node = h("section", { class: "beyond", "aria-label": "Classify by the marks" });
  const asked = { model: "logistic", background: false };
  let [isShown, phase, problem, confidence, wanted] = [false, "idle", null, 0.8, null];
  /** @type {Trained|null} */
  let trained = null;
  let running = null;

  const gridOf = ({ products, product }) =>
    products.find(({ name }) => name === product)?.grid ?? null;
  const kindsOf = (labels) => new Set(labels.map((label) => label.class));
  const missing = ({ labels }) => {
    const least = asked.background ? 1 : 2;
    if (kindsOf(labels).size >= least) return null;
    return asked.background
      ? "Mark chips of what you look for."
      : "Mark chips of two classes or more, or compare one class with the rest.";
  };

  async function train() {
    const state = store.get();
    running?.abort();
    running = new AbortController();
    [phase, problem] = ["training", null];
    draw();
    try {
      const labels = Object.fromEntries(state.labels.map((label) => [label.id, label.class]));
      const answer = await trainClassifier({
        product: state.product, labels, model: asked.model,
        background: asked.background ? BACKGROUND_ROWS : 0,
      }, running.signal);
      const tile = gridOf(state) ? tileInView(state) : null;
      const { rows } = await getPredictions(answer.version, tile ? [tile] : [], running.signal);
      trained = { ...answer, product: state.product, labels: textOf(state.labels), rows, tile };
      const isKept = wanted !== null && wanted < answer.classes.length;
      [phase, wanted] = ["ready", isKept ? wanted : null];
    } catch (error) {
      if (error.name === "AbortError") return;
      [phase, problem] = ["failed", failureOf(error)];
    }
    draw();
    paint();
  }

  /** Predictions of patches are shown of one tile: the marked ones', else the map's middle. */
  function tileInView({ labels, places }) {
    const { lng, lat } = map.getCenter();
    const marked = labels.find(({ mgrs }) => mgrs)?.mgrs;
    const under = map.queryRenderedFeatures(map.project([lng, lat]), { layers: ["place-tint"] })[0];
    const place = places.find(({ id }) => id === under?.id);
    return place?.properties.mgrs ?? marked ?? places[0]?.properties.mgrs ?? null;
  }

  const current = () => trained && sureRows(trained.rows, confidence, wanted);

  function paint() {
    const state = store.get();
    const isOurs = isShown && trained?.product === state.product;
    const found = isOurs ? { rows: current(), classes: trained.classes } : null;
    showPredictions(map, state, found, gridOf(state));
  }

  const result = h("div", { class: "beyond-result", "aria-live": "polite" });

  function draw() {
    const state = store.get();
    const reason = missing(state);
    const isStale = trained && trained.labels !== textOf(state.labels);
    fill(node,
      h("p", { class: "beyond-hint" },
        "Mark a few chips of each class on the map; the rest is told by a classifier, with a word ",
        "on how far to trust it."),
      h("div", { class: "field" },
        h("span", { class: "field-name" }, "Classifier"),
        segments("model", "Kind of classifier", { logistic: "Logistic", boosting: "Boosting" },
          asked.model, (value) => { asked.model = value; })),
      h("label", { class: "check" },
        h("input", {
          type: "checkbox", id: "beyond-background", checked: asked.background,
          onchange: ({ target }) => { asked.background = target.checked; draw(); },
        }),
        " Compare with the rest: ", String(BACKGROUND_ROWS), " chips drawn at random"),
      button("button", train,
        { id: "beyond-train", disabled: Boolean(reason) || phase === "training" },
        icon("classify"), phase === "training" ? "Learning …" : trained ? "Learn again" : "Learn"),
      reason && h("p", { class: "beyond-note" }, reason),
      isStale && !reason && h("p", { class: "beyond-note" }, "The marks have changed since."),
      result);
    drawResult();
  }

  function drawResult() {
    const state = store.get();
    if (phase === "training") return fill(result, skeletons(3));
    if (phase === "failed") return fill(result, failure(problem, train));
    if (!trained || trained.product !== state.product) return fill(result);
    fill(result, slider({
      id: "confidence", name: "Confidence from", min: 0, max: 0.99, step: 0.01, value: confidence,
      words: (value) => percent(value),
      oninput: (value) => { confidence = value; drawFound(); paintSoon(); },
    }), found, reportOf(trained), doubtful(state));
    drawFound();
  }

  const found = h("div", { class: "beyond-found" });

  function drawFound() {
    const all = sureRows(trained.rows, confidence, null);
    const trust = trustAt(trained.report, confidence);
    const fields = {
      min_confidence: confidence, class: wanted === null ? [] : [trained.classes[wanted]],
    };
    const kept = wanted === null ? all : all.filter((row) => row[2] === wanted);
    fill(found,
      h("p", { id: "beyond-count" }, h("b", {}, count(kept.length, "row")),
        ` of ${trained.rows.length.toLocaleString()}`,
        trained.tile && ` of tile ${trained.tile}`,
        trust?.accuracy != null &&
          `; of the labels tested at ${percent(trust.confidence)}, ` +
            `${percent(trust.accuracy)} were right`),
      h("ul", { class: "beyond-classes" }, trained.classes.map((name, number) => h("li", {},
        button("class-choice", () => choose(number), { "aria-pressed": String(wanted === number) },
          swatch(classCss(name, trained.classes)), h("span", {}, className(name)),
          h("b", {}, all.filter((row) => row[2] === number).length.toLocaleString()))))),
      h("p", { class: "beyond-links" }, "Save: ",
        fileLink("predictions.csv", { ...fields, format: "csv" }, "CSV"), " · ",
        fileLink("predictions.geojson", fields, "GeoJSON")));
  }

  const fileLink = (name, asked, label) =>
    h("a", { href: predictionsUrl(trained.version, asked), download: name }, label);

  const choose = (number) => {
    wanted = wanted === number ? null : number;
    drawFound();
    paint();
  };

  /** Rows that the classifier is least sure of: a label there teaches it most. */
  function doubtful(state) {
    const known = new Set(state.labels.map(({ id }) => id));
    const rows = trained.rows.filter(([id, place]) => place !== null && !known.has(id))
      .sort((one, other) => one[3] - other[3]).slice(0, DOUBTFUL)
      .map(([id, , number, sure]) => {
        const { hash, date } = describeRow(id, state.places);
        return {
          id, hash, title: `${className(trained.classes[number])}? ${percent(sure)}`,
          note: rowWords(id, date),
        };
      });
    return rows.length > 0 && h("section", { class: "beyond-doubt" },
      h("h3", {}, "Label these next"),
      h("p", { class: "beyond-note" },
        "It is least sure of them, so a mark there teaches it most."),
      gallery(rows, (id) => actions.show(chipOf(id))));
  }

  let waiting = 0;
  const paintSoon = () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(paint);
  };

  store.watch(["labels", "product", "places"], () => { if (isShown) { draw(); paint(); } });
  store.watch(["mapDate"], () => { if (isShown) paint(); });
  onTheme(() => { if (isShown) paint(); });

  return {
    node,
    enter() {
      if (store.get().tool === "ask") actions.chooseTool("mark");
      isShown = true;
      draw();
      paint();
    },
    leave() {
      isShown = false;
      running?.abort();
      if (phase === "training") phase = trained ? "ready" : "idle";
      paint();
    },
  };
}

/** The marks as text, to see whether they have changed. */
function textOf(labels) {
  return JSON.stringify(labels.map((label) => [label.id, label.class]).sort());
}
