// Asking by a picture or a GeoTIFF: chosen, or dropped on the page.

import { button, h, icon } from "./dom.js";
import { failure } from "./states.js";
import { parsePlace } from "./words.js";

const ACCEPTED = ".tif,.tiff,.png,.jpg,.jpeg,.webp,image/tiff,image/png,image/jpeg,image/webp";

/** A button that asks for a file; it goes beside the field that asks. */
export function uploadButton(actions) {
  const input = h("input", {
    id: "upload-file", type: "file", accept: ACCEPTED, hidden: true,
    onchange: () => {
      const [file] = input.files;
      if (file) actions.askByImage(file);
      input.value = ""; // the same file may be chosen again
    },
  });
  return [
    input,
    button("icon-button", () => input.click(),
      { id: "upload", "aria-label": "Search by an image or GeoTIFF",
        title: "Search by an image or GeoTIFF; or drop one on the page (U)" }, icon("upload")),
  ];
}

/** Let a file be dropped anywhere on the page. */
export function addDropping(store, actions) {
  const hasFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const mark = (on) => document.body.classList.toggle("dropping", on);
  addEventListener("dragover", (event) => {
    if (!hasFile(event) || store.get().phase !== "ready") return;
    event.preventDefault();
    mark(true);
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) mark(false);
  });
  addEventListener("drop", (event) => {
    mark(false);
    if (!hasFile(event) || store.get().phase !== "ready") return;
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (!file) return;
    if (/json$/i.test(file.name)) actions.openLabelFile(file);
    else actions.askByImage(file);
  });
}

/** What stands in the panel when a file could not be asked about; it may want a place and a day. */
export function uploadFailure({ askFailure, upload }, actions, map) {
  const again = () => actions.askByImage(upload.file, upload);
  if (!/lonlat|coordinate|georef/i.test(`${askFailure.error} ${askFailure.nextStep}`)) {
    return failure(askFailure, again);
  }
  const place = h("input", {
    id: "upload-place", required: true, placeholder: "Latitude, longitude", autocomplete: "off",
    value: upload.lonlat ? [...upload.lonlat].reverse().join(", ") : "",
  });
  const date = h("input", { id: "upload-date", type: "date", value: upload.date ?? "" });
  const useMiddle = () => {
    const { lat, lng } = map.getCenter();
    place.value = `${lat.toFixed(4)}, ${lng.toFixed(4)}`;
  };
  const submit = (event) => {
    event.preventDefault();
    const lonlat = parsePlace(place.value);
    place.setCustomValidity(lonlat ? "" : "A place is like 60.39, 5.32.");
    if (!place.reportValidity()) return;
    actions.askByImage(upload.file, { lonlat, date: date.value || undefined });
  };
  place.addEventListener("input", () => place.setCustomValidity(""));
  return h("form", { class: "message upload-form", onsubmit: submit },
    h("h2", {}, "Where was this taken?"),
    h("p", { class: "said" }, askFailure.error),
    h("div", { class: "field" }, h("label", { for: "upload-place", class: "field-name" }, "Place"),
      h("div", { class: "pair" }, place,
        button("small-button", useMiddle, {}, "Map’s middle"))),
    h("div", { class: "field" },
      h("label", { for: "upload-date", class: "field-name" }, "Day"), date),
    h("button", { class: "button", id: "upload-again" }, "Search"));
}
