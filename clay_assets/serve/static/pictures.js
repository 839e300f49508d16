// Chip pictures in the panel: a calm placeholder until one is there, a word when there is none.

import { thumbnailUrl } from "./api.js";
import { h, icon } from "./dom.js";

/** A square picture of a chip. */
export function picture({ chipId, hash, size = 256, alt }) {
  const image = h("img", {
    alt, width: size, height: size, decoding: "async", loading: "lazy", draggable: "false",
  });
  // The gallery's size, which the browser has already, stands in until a larger one is there.
  const standIn = size > 256 ? { "background-image": `url("${thumbnailUrl(chipId, hash)}")` } : {};
  const frame = h("span", { class: "picture", style: standIn }, image);
  image.addEventListener("load", () => frame.classList.add("loaded"));
  image.addEventListener("error", () => {
    frame.classList.add("missing");
    frame.replaceChildren(icon("warning"), h("span", {}, "No picture"));
    frame.title = "The chip's file could not be read.";
  });
  image.src = thumbnailUrl(chipId, hash, size);
  if (image.complete) frame.classList.add("loaded", "at-once"); // seen before: nothing to fade in
  return frame;
}
