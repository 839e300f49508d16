// Rank numbers on the map, drawn when MapLibre asks for them: it needs no font files this way.

import { colour } from "./theme.js";

const HEIGHT = 18;
const SCALE = 2; // drawn at twice the size, for dense screens

/** Add the image `rank:N` to the map; other names are not ours. Rank 0 marks the asked chip. */
export function badgeFor(map, id) {
  const [kind, text] = id.split(":");
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
