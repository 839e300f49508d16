// One chip close up, beside the asked one, and its way back to scenes, checkpoint and runs.

import { getChip } from "./api.js";
import { button, fill, h, icon } from "./dom.js";
import { picture } from "./pictures.js";
import { findChip, placeOfChip } from "./places.js";
import { day, latitude, longitude, percent, scoreWords, shortName } from "./words.js";

/** The details of `state.opened`. What only the server knows follows when it has answered. */
export function detailsView(state, actions) {
  const { opened: chipId, query } = state;
  const place = placeOfChip(state.places, chipId);
  const isAsked = chipId === query?.chipId;
  const more = h("div", { class: "details-more", "aria-live": "polite" });
  load(more, state);
  return h("section", { class: "details", "aria-label": "Details of a chip" },
    button("quiet-button back", () => actions.open(null), { id: "details-back" },
      icon("back"), "Back to the hits"),
    pictures(state, isAsked),
    h("h2", {}, place ? `${place.properties.mgrs} ${shortName(chipId)}` : chipId),
    h("div", { class: "details-actions" },
      !isAsked && button("button", () => actions.ask({ chipId }), {},
        icon("similar"), "Find chips like this"),
      button("small-button", () => actions.show(chipId), {}, icon("locate"), "Show on the map"),
      button("small-button", (event) => copy(chipId, event.currentTarget), {},
        icon("copy"), h("span", {}, "Copy id"))),
    more);
}

/** The opened chip, beside the asked one if that is another. */
function pictures({ places, opened, query, answer }, isAsked) {
  const hit = answer?.features.find(({ properties }) => properties.chip_id === opened)?.properties;
  const hash = (chipId) => findChip(places, chipId)?.hash;
  const score = hit && scoreWords(answer.features)(hit.score);
  const caption = hit ? `Rank ${hit.rank} · ${score}` : "This chip";
  return h("div", { class: isAsked ? "pictures" : "pictures two" },
    !isAsked && query?.chipId && figure("Asked", query.chipId, hash(query.chipId)),
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
    fill(container, facts(chip), wayBack(chip.way_back, state.dagsterUrl));
  } catch (error) {
    fill(container, h("div", { class: "message failure" },
      h("p", { class: "said" }, error.error ?? String(error)), h("p", {}, error.nextStep ?? "")));
  }
}

function facts(chip) {
  const [lon, lat] = chip.centre;
  return h("dl", { class: "facts-table" },
    fact("Day", day(chip.date)),
    fact("Centre", `${latitude(lat)}, ${longitude(lon)}`),
    fact("Cloud", percent(chip.cloud_share)),
    fact("Chip", chip.chip_id, "code"),
    fact("File", chip.source_url, "code"));
}

function fact(name, value, kind = "") {
  return h("div", {}, h("dt", {}, name), h("dd", { class: kind }, value));
}

/** The steps from the embedding back to the scenes, each with its run. */
function wayBack(steps, dagsterUrl) {
  return [
    h("h3", {}, "Way back"),
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
