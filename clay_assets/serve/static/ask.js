// The field that takes a chip's or a patch's id, or a place.

import { fill, h, icon } from "./dom.js";
import { placeOfChip } from "./places.js";
import { chipOf, patchOf } from "./rows.js";
import { uploadButton } from "./upload.js";
import { count, parsePlace } from "./words.js";

const MOST_SUGGESTIONS = 8;
const ASKING_MODES = ["similar", "circle"]; // the others ask by marks, or nothing

/** Show the field in `container`. */
export function addAsk(container, store, actions) {
  const suggestions = h("datalist", { id: "chip-ids" });
  const input = h("input", {
    id: "ask-input", type: "search", name: "ask", list: "chip-ids", autocomplete: "off",
    spellcheck: "false", placeholder: "Chip id, or latitude, longitude",
    "aria-label": "Chip id, or latitude and longitude", "aria-describedby": "ask-error",
    oninput: () => {
      say("");
      suggest(suggestions, store.get().places, input.value);
    },
  });
  const error = h("p", { id: "ask-error", class: "field-error", role: "alert" });
  const say = (text) => {
    error.textContent = text;
    input.toggleAttribute("aria-invalid", Boolean(text));
  };
  const submit = (event) => {
    event.preventDefault();
    const question = understand(input.value, store.get().places);
    say(question.error ?? "");
    if (question.error) return;
    actions.ask(question.query);
    input.blur();
  };
  fill(container,
    h("form", { class: "ask", role: "search", onsubmit: submit },
      icon("search"), input, h("kbd", { "aria-hidden": "true" }, "/"), suggestions,
      uploadButton(actions)),
    error);
  store.watch(["query"], ({ query }) => {
    if (!query) input.value = "";
  });
  store.watch(["phase", "mode"], ({ phase, mode }) => {
    input.disabled = phase !== "ready";
    container.hidden = !ASKING_MODES.includes(mode);
  });
}

/** What a text asks: {query} or {error}. */
function understand(text, places) {
  const wanted = text.trim();
  if (!wanted) return { error: "Type a chip id or a place like 60.39, 5.32." };
  const lonlat = parsePlace(wanted);
  if (lonlat) return { query: { lonlat } };
  if (patchOf(wanted)) {
    const isKnown = placeOfChip(places, chipOf(wanted));
    return isKnown
      ? { query: { id: wanted } }
      : { error: `No chip is named “${chipOf(wanted)}”.` };
  }
  const found = matching(places, wanted);
  const chipId = found.includes(wanted) ? wanted : found.length === 1 ? found[0] : null;
  if (chipId) return { query: { chipId } };
  if (!found.length) return { error: `No chip has “${wanted}” in its id.` };
  const chips = count(found.length, "chip");
  return { error: `“${wanted}” fits ${chips}; choose one from the list.` };
}

function suggest(list, places, text) {
  const wanted = text.trim();
  const found = wanted.length < 2 || parsePlace(wanted) ? [] : matching(places, wanted);
  fill(list, found.slice(0, MOST_SUGGESTIONS).map((value) => h("option", { value })));
}

function matching(places, text) {
  const part = text.toLowerCase();
  return places
    .flatMap(({ properties }) => properties.chips.map((chip) => chip.chip_id))
    .filter((chipId) => chipId.toLowerCase().includes(part));
}
