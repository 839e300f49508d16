// The answer as a file for other programs.

import { ApiError, exportHits } from "./api.js";
import { button, h, icon } from "./dom.js";

const FORMATS = [
  ["geojson", "GeoJSON", "for QGIS and the web"],
  ["csv", "CSV", "for spreadsheets"],
  ["parquet", "GeoParquet", "for geopandas and DuckDB"],
];

/** A menu that saves the hits of `state` in a format. */
export function exportMenu(state, actions) {
  const menu = h("details", { class: "menu" },
    h("summary", {
      id: "export", class: "icon-button", title: "Save the hits as a file",
      "aria-label": "Save the hits as a file",
    }, icon("download")),
    h("div", { class: "menu-items" },
      FORMATS.map(([format, name, use]) =>
        button("menu-item", () => {
          menu.open = false;
          save(state, format, actions);
        }, { id: `export-${format}` }, h("b", {}, name), h("span", {}, use)))));
  closeWithFocus(menu);
  return menu;
}

async function save(state, format, actions) {
  actions.say("The file is being made …");
  try {
    const name = state.query.chipId ?? state.query.picture?.name ?? "marks";
    download(await exportHits(state, format), `hits_${name}.${format}`);
    actions.say(`Saved as ${FORMATS.find(([id]) => id === format)[1]}`);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    actions.say(`${error.error} ${error.nextStep}`);
  }
}

/** Hand a blob to the browser as a file to keep. */
export function download(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** A menu closes when the focus leaves it, or by Escape. */
export function closeWithFocus(menu) {
  menu.addEventListener("focusout", ({ relatedTarget }) => {
    if (relatedTarget && !menu.contains(relatedTarget)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    event.stopPropagation();
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}
