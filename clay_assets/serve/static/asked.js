// The chip that is asked about: its picture, its dates, and the way out.

import { button, h, icon } from "./dom.js";
import { picture } from "./pictures.js";
import { placeOfChip } from "./places.js";
import { day, percent, shortName } from "./words.js";

const MOST_LINKS = 4; // more dates than that become a menu

/** The card of the asked chip; null while it is not known which one that is. */
export function askedCard(state, actions) {
  const place = placeOfChip(state.places, state.query?.chipId);
  if (!place) return null;
  const { mgrs, chips } = place.properties;
  const chip = chips.find(({ chip_id: chipId }) => chipId === state.query.chipId);
  const details = { "aria-label": "Details of this chip", title: "Details of this chip" };
  const clear = { "aria-label": "Clear the search", title: "Clear the search (Esc)" };
  const cloud = h("span", { class: "cloud" }, icon("cloud"), percent(chip.cloud_share));
  return h("section", { class: "asked", "aria-label": "The chip you asked about" },
    button("asked-picture", () => actions.open(chip.chip_id), details,
      picture({ chipId: chip.chip_id, hash: chip.hash, alt: "" })),
    h("div", { class: "asked-words" },
      h("p", { class: "over" }, "Looks like"),
      h("h2", {}, `${mgrs} ${shortName(chip.chip_id)}`),
      h("p", { class: "facts" }, day(chip.date), cloud),
      chips.length > 1 && otherDates(chips, chip, actions)),
    button("icon-button asked-close", actions.clear, clear, icon("close")));
}

function otherDates(chips, chip, actions) {
  const dates = chips.length > MOST_LINKS ? dateMenu : dateLinks;
  return dates(chips, chip, actions);
}

function dateMenu(chips, chip, actions) {
  const choose = (event) => actions.ask({ chipId: event.target.value });
  return h("select",
    { class: "asked-dates", "aria-label": "Date of this chip", onchange: choose },
    chips.map((one) => h("option", { value: one.chip_id, selected: one === chip }, day(one.date))));
}

function dateLinks(chips, chip, actions) {
  const others = chips.filter((other) => other !== chip);
  return h("p", { class: "asked-dates" }, "Also ",
    others.flatMap(({ chip_id: chipId, date }, place) => [
      place > 0 && ", ",
      button("link", () => actions.ask({ chipId }), {}, day(date)),
    ]));
}
