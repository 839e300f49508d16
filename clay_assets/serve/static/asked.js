// The chip that is asked about: its picture, its dates, and the way out.

import { h, icon } from "./dom.js";
import { picture } from "./pictures.js";
import { placeOfChip } from "./places.js";
import { day, percent, shortName } from "./words.js";

/** The card of the asked chip; null while it is not known which one that is. */
export function askedCard(state, actions) {
  const place = placeOfChip(state.places, state.query?.chipId);
  if (!place) return null;
  const { mgrs, chips } = place.properties;
  const chip = chips.find(({ chip_id: chipId }) => chipId === state.query.chipId);
  return h("section", { class: "asked", "aria-label": "The chip you asked about" },
    h("button", {
      type: "button", class: "asked-picture", onclick: () => actions.open(chip.chip_id),
      "aria-label": "Details of this chip", title: "Details of this chip",
    }, picture({ chipId: chip.chip_id, hash: chip.hash, alt: "" })),
    h("div", { class: "asked-words" },
      h("p", { class: "over" }, "Looks like"),
      h("h2", {}, `${mgrs} ${shortName(chip.chip_id)}`),
      h("p", { class: "facts" }, day(chip.date), h("span", { class: "cloud" }, icon("cloud"), percent(chip.cloud_share))),
      chips.length > 1 && otherDates(chips, chip, actions)),
    h("button", {
      type: "button", class: "icon-button asked-close", onclick: actions.clear,
      "aria-label": "Clear the search", title: "Clear the search (Esc)",
    }, icon("close")));
}

function otherDates(chips, chip, actions) {
  if (chips.length > 4) {
    return h("select", {
      class: "asked-dates", "aria-label": "Date of this chip",
      onchange: (event) => actions.ask({ chipId: event.target.value }),
    }, chips.map(({ chip_id: value, date }) => h("option", { value, selected: value === chip.chip_id }, day(date))));
  }
  const others = chips.filter((other) => other !== chip);
  return h("p", { class: "asked-dates" }, "Also ",
    others.map(({ chip_id: chipId, date }, place) => [
      place > 0 && ", ",
      h("button", { type: "button", class: "link", onclick: () => actions.ask({ chipId }) }, day(date)),
    ]).flat());
}
