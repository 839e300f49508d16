// Rank numbers on the map, drawn when MapLibre asks for them: it needs no font files this way.

import { colour } from "./theme.js";

const HEIGHT = 18;
const SCALE = 2; // drawn at twice the size, for dense screens

/** Add the image `rank:N` to the map; other names are not ours. Rank 0 is the asked chip: no badge. */
export function badgeFor(map, id) {
  const [kind, text] = id.split(":");
  if (kind !== "rank") return;
  const canvas = document.createElement("canvas");
  const width = text === "0" ? 1 : Math.max(HEIGHT, 8 + 7 * text.length);
  canvas.width = width * SCALE;
  canvas.height = HEIGHT * SCALE;
  const context = canvas.getContext("2d");
  if (text !== "0") draw(context, text, width);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  map.addImage(id, pixels, { pixelRatio: SCALE });
}

/** Forget the images, to be drawn anew in another theme's colours. */
export function forgetBadges(map) {
  for (const id of map.listImages()) if (id.startsWith("rank:")) map.removeImage(id);
}

function draw(context, text, width) {
  context.scale(SCALE, SCALE);
  context.fillStyle = colour("badge");
  context.beginPath();
  context.roundRect(0, 0, width, HEIGHT, 5);
  context.fill();
  context.fillStyle = colour("badge-ink");
  context.font = `600 11px ${getComputedStyle(document.body).fontFamily}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, width / 2, HEIGHT / 2 + 0.5);
}
