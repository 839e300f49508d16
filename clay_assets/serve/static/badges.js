// Rank numbers on the map, drawn when MapLibre asks for them: it needs no font files this way.

import { colour } from "./theme.js";

const HEIGHT = 18;
const SIGN = 20;
const SCALE = 2; // drawn at twice the size, for dense screens

/**
 * Add the image `rank:N` or `class:TOKEN:SIGN` to the map; other names are not ours. Rank 0 marks
 * the asked chip.
 */
export function badgeFor(map, id) {
  const [kind, text, ...sign] = id.split(":");
  if (kind === "class") return addSign(map, id, text, sign.join(":"));
  if (kind !== "rank") return;
  const canvas = document.createElement("canvas");
  const width = Math.max(HEIGHT, 8 + 7 * text.length);
  canvas.width = width * SCALE;
  canvas.height = HEIGHT * SCALE;
  const context = canvas.getContext("2d");
  context.scale(SCALE, SCALE);
  if (text === "0") drawAsked(context);
  else drawRank(context, text, width);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  map.addImage(id, pixels, { pixelRatio: SCALE });
}

/** A disc in the colour of a class of marks, with its sign. */
function addSign(map, id, token, text) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIGN * SCALE;
  const context = canvas.getContext("2d");
  context.scale(SCALE, SCALE);
  const middle = SIGN / 2;
  for (const [radius, fill] of [[middle, "casing"], [middle - 1.5, token]]) {
    context.fillStyle = colour(fill);
    context.beginPath();
    context.arc(middle, middle, radius, 0, 2 * Math.PI);
    context.fill();
  }
  context.fillStyle = colour("class-ink");
  context.font = `700 14px ${getComputedStyle(document.body).fontFamily}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, middle, middle + 0.5);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  map.addImage(id, pixels, { pixelRatio: SCALE });
}

function drawRank(context, text, width) {
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

/** The sign of "find chips like this": a dot in a ring. */
function drawAsked(context) {
  const middle = HEIGHT / 2;
  const disc = (radius, style) => {
    context.fillStyle = style;
    context.beginPath();
    context.arc(middle, middle, radius, 0, 2 * Math.PI);
    context.fill();
  };
  disc(9, "#ffffff");
  disc(6, colour("badge"));
  disc(4, "#ffffff");
  disc(2, colour("badge"));
}
