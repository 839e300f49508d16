// The dialog that tells the keys.

import { fill, h, icon } from "./dom.js";

const KEYS = [
  [["/"], "Type a chip id or a place"],
  [["F"], "Filters"],
  [["←", "→", "↑", "↓"], "Through the hits, or over the map"],
  [["Enter"], "Details of a hit"],
  [["S"], "Find chips like the hit"],
  [["P"], "Mark: more like this"],
  [["N"], "Mark: less like this"],
  [["R"], "Refine with the marks"],
  [["V"], "A click asks"],
  [["M"], "A click marks"],
  [["L"], "Lasso: mark many; Shift: less like"],
  [["Ctrl", "Z"], "Undo; with Shift, redo"],
  [["U"], "Search by a picture or GeoTIFF"],
  [["A"], "Show all hits on the map"],
  [["T"], "Light or dark"],
  [["Esc"], "Back, then clear"],
];

const WHAT =
  "Each square is a place; a chip is its picture on one date. Ask about a chip, and the others " +
  "light up by how much they look like it: dim violet to glowing amber. Mark hits as more or " +
  "less like what you seek, and refine.";

/** Fill the dialog and let `button` open it. */
export function addHelp(dialog, button) {
  fill(dialog,
    h("form", { method: "dialog" },
      h("header", {}, h("h2", { id: "help-title" }, "Keys and help"),
        h("button", { class: "icon-button", "aria-label": "Close" }, icon("close")))),
    h("p", {}, WHAT),
    h("dl", { class: "keys" },
      KEYS.map(([keys, meaning]) =>
        h("div", {}, h("dt", {}, keys.map((key) => h("kbd", {}, key))), h("dd", {}, meaning)))));
  button.addEventListener("click", () => dialog.showModal());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close(); // on the backdrop
  });
}
