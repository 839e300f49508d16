// One chip close up, beside the asked one: why it is here, and its way back to scenes and runs.

import { getChip } from "./api.js";
import { rowOf } from "./cards.js";
import { NEGATIVE, POSITIVE } from "./classes.js";
import { button, fill, h, icon } from "./dom.js";
import { idsOf } from "./labels.js";
import { picture } from "./pictures.js";
import { findChip, placeOfChip } from "./places.js";
import { chipOf, patchOf } from "./rows.js";
import {
  count, day, engineName, latitude, longitude, nameOf, percent, scoreWords,
} from "./words.js";

const COMBINED = {
  mean: "the mean of the examples", rocchio: "the examples combined by Rocchio’s rule",
  ridge: "a ridge regression of the examples against others",
};

/** The details of `state.opened`. What only the server knows follows when it has answered. */
export function detailsView(state, actions) {
  const { opened: id, query } = state;
  const place = placeOfChip(state.places, chipOf(id));
  const isAsked = id === query?.id;
  const more = h("div", { class: "details-more", "aria-live": "polite" });
  load(more, state);
  const attributes = { class: "details", "data-id": id, "aria-label": "Details of a chip" };
  return h("section", attributes,
    button("quiet-button back", () => actions.open(null), { id: "details-back" },
      icon("back"), "Back to the hits"),
    pictures(state, isAsked),
    h("h2", {}, place ? `${place.properties.mgrs} ${nameOf(id)}` : id),
    h("div", { class: "details-actions" },
      !isAsked && button("button", () => actions.ask({ id }), {},
        icon("similar"), "Find like this"),
      !isAsked && markButton(POSITIVE, "plus", "More like", id, actions),
      !isAsked && markButton(NEGATIVE, "minus", "Less like", id, actions),
      button("small-button", () => actions.show(id), {}, icon("locate"), "Show on the map"),
      button("small-button", (event) => copy(id, event.currentTarget), {},
        icon("copy"), h("span", {}, "Copy id"))),
    whyThis(state),
    more);
}

function markButton(name, sign, words, id, actions) {
  return button(`small-button mark-${name}`, () => actions.toggleMark(id, name),
    { "aria-pressed": "false" }, icon(sign), words);
}

/** The hit that is opened, or undefined. */
function openedHit({ answer, opened }) {
  return answer?.features.find((hit) => rowOf(hit) === opened);
}

/** In words: its rank and score, against what, by which engine. */
function whyThis(state) {
  const hit = openedHit(state);
  if (!hit) return null;
  const { answer, combine, product, answeredLabels } = state;
  const { rank, score } = hit.properties;
  const value = scoreWords(answer.features)(score);
  const kind = answer.how ?? (answer.exact ? "exact" : "approximate");
  const [more, less] = [POSITIVE, NEGATIVE].map((name) => idsOf(answeredLabels, name).length);
  const asked = state.query.id || state.query.vector ? 1 : 0;
  const against = COMBINED[combine] && more + less > 0
    ? COMBINED[combine]
    : more ? `the nearest of ${count(more + asked, "example")}` : "the example";
  const off = less && combine === "max"
    ? `, less half its likeness to the nearest of ${count(less, "mark")} of the other kind` : "";
  return h("p", { class: "why" },
    h("b", {}, `Rank ${rank} of ${answer.features.length}, score ${value}. `),
    `The score is the cosine between its embedding and ${against}${off}, in the product `,
    h("span", { class: "code" }, product), `; ${engineName(answer.engine)} found it, ${kind}.`);
}

/** The opened chip, beside the asked one if that is another. */
function pictures(state, isAsked) {
  const { places, opened, query, answer } = state;
  const hit = openedHit(state)?.properties;
  const hash = (id) => findChip(places, chipOf(id))?.hash;
  const score = hit && scoreWords(answer.features)(hit.score);
  const caption = hit ? `Rank ${hit.rank} · ${score}` : "This chip";
  const hasAsked = !isAsked && query?.id;
  return h("div", { class: hasAsked ? "pictures two" : "pictures" },
    hasAsked && figure("Asked", query.id, hash(query.id)),
    figure(caption, opened, hash(opened) ?? hit?.hash));
}

function figure(caption, chipId, hash) {
  return h("figure", {}, picture({ chipId, hash, size: 512, alt: `True colours of ${chipId}` }),
    h("figcaption", {}, caption));
}

async function load(container, state) {
  fill(container, h("div", { class: "skeleton-lines" }, Array.from({ length: 6 }, () => h("i"))));
  try {
    const chip = await getChip(state.product, state.opened);
    fill(container, wayBack(chip.way_back, state.dagsterUrl),
      facts(chip, patchOf(state.opened)));
  } catch (error) {
    fill(container, h("div", { class: "message failure" },
      h("p", { class: "said" }, error.error ?? String(error)), h("p", {}, error.nextStep ?? "")));
  }
}

function facts(chip, patch) {
  const [lon, lat] = chip.centre;
  return h("dl", { class: "facts-table details-facts" },
    fact("Day", day(chip.date)),
    fact("Centre", `${latitude(lat)}, ${longitude(lon)}`),
    fact("Cloud", percent(chip.cloud_share)),
    fact("Chip", chip.chip_id, "code"),
    patch && fact("Patch", `row ${patch[0]}, column ${patch[1]}`),
    fact("File", chip.source_url, "code"));
}

function fact(name, value, kind = "") {
  return h("div", {}, h("dt", {}, name), h("dd", { class: kind }, value));
}

/** The steps from the embedding back to the scenes, each with its run. */
function wayBack(steps, dagsterUrl) {
  return [
    h("h3", {}, "Why this: from the embedding back to its scenes"),
    h("ol", { class: "way-back" },
      steps.map(({ name, values, run_id: runId }) =>
        h("li", {},
          h("p", { class: "step" }, name, runId && dagsterUrl && runLink(runId, dagsterUrl)),
          values.map((value) => h("p", { class: "code" }, value))))),
  ];
}

function runLink(runId, dagsterUrl) {
  return h("a", {
    href: `${dagsterUrl}/runs/${encodeURIComponent(runId)}`, target: "_blank", rel: "noopener",
    title: `Run ${runId} in Dagster`,
  }, `run ${runId.slice(0, 8)}`, icon("link"));
}

async function copy(text, pressed) {
  const words = pressed.querySelector("span");
  try {
    await navigator.clipboard.writeText(text);
    words.textContent = "Copied";
  } catch {
    words.textContent = "Could not copy"; // only pages on https or localhost may
  }
  setTimeout(() => { words.textContent = "Copy id"; }, 1500);
}
