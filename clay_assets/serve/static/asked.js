// What is asked about: a chip with its dates, a picture, or marks; and the way out.

import { NEGATIVE, POSITIVE } from "./classes.js";
import { button, h, icon } from "./dom.js";
import { idsOf } from "./labels.js";
import { picture } from "./pictures.js";
import { placeOfChip } from "./places.js";
import { count, day, nameOf, percent } from "./words.js";

const MOST_LINKS = 4; // more dates than that become a menu

/** The card of the question; null while it is not known which chip that is. */
export function askedCard(state, actions) {
  const { query, places } = state;
  if (query.picture) return pictureCard(query, actions);
  const place = placeOfChip(places, query.chipId);
  if (place) return chipCard(state, place, actions);
  return query.id || query.lonlat ? null : marksCard(state, actions);
}

function chipCard(state, place, actions) {
  const { mgrs, chips } = place.properties;
  const { id, chipId } = state.query;
  const chip = chips.find(({ chip_id: one }) => one === chipId);
  const details = { "aria-label": "Details of this chip", title: "Details of this chip" };
  const cloud = h("span", { class: "cloud" }, icon("cloud"), percent(chip.cloud_share));
  return asked(state, actions,
    button("asked-picture", () => actions.open(id), details,
      picture({ chipId: id, hash: chip.hash, alt: "" })),
    h("h2", {}, `${mgrs} ${nameOf(id)}`),
    h("p", { class: "facts" }, day(chip.date), cloud),
    chips.length > 1 && otherDates(id, chips, chip, actions));
}

function pictureCard(query, actions) {
  const { name, url } = query.picture;
  const shown = url ? h("img", { src: url, alt: "" }) : icon("upload");
  return asked({ answeredLabels: [] }, actions,
    h("span", { class: "asked-picture asked-file" }, shown),
    h("h2", {}, name),
    query.note && h("p", { class: "facts" }, query.note));
}

function marksCard(state, actions) {
  return asked({ answeredLabels: [] }, actions,
    h("span", { class: "asked-picture asked-file" }, icon("save")),
    h("h2", {}, examples(state.answeredLabels) || "Your marks"));
}

function asked({ answeredLabels }, actions, image, ...words) {
  const clear = { "aria-label": "Clear the search", title: "Clear the search (Esc)" };
  const more = examples(answeredLabels);
  return h("section", { class: "asked", "aria-label": "The chip you asked about" },
    image,
    h("div", { class: "asked-words" },
      h("p", { class: "over" }, "Looks like"), ...words,
      more && h("p", { class: "facts asked-marks" }, `and ${more}`)),
    button("icon-button asked-close", actions.clear, clear, icon("close")));
}

/** "3 marks more like, 1 less" of the marks that the answer took into account. */
function examples(labels) {
  const [more, less] = [POSITIVE, NEGATIVE].map((name) => idsOf(labels ?? [], name).length);
  return [more && `${count(more, "mark")} like it`, less && `${count(less, "mark")} unlike it`]
    .filter(Boolean).join(", ");
}

function otherDates(id, chips, chip, actions) {
  const dates = chips.length > MOST_LINKS ? dateMenu : dateLinks;
  const [, ...patch] = id.split("/");
  const sameOn = (other) => [other.chip_id, ...patch].join("/");
  return dates(chips, chip, (other) => actions.ask({ id: sameOn(other) }));
}

function dateMenu(chips, chip, ask) {
  const choose = (event) => ask(chips.find(({ chip_id: id }) => id === event.target.value));
  return h("select",
    { class: "asked-dates", "aria-label": "Date of this chip", onchange: choose },
    chips.map((one) => h("option", { value: one.chip_id, selected: one === chip }, day(one.date))));
}

function dateLinks(chips, chip, ask) {
  const others = chips.filter((other) => other !== chip);
  return h("p", { class: "asked-dates" }, "Also ",
    others.flatMap((other, place) => [
      place > 0 && ", ",
      button("link", () => ask(other), {}, day(other.date)),
    ]));
}
