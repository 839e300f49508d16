// Names of what is searched: a chip's id, or a patch's as chip/row/column.

import { corners } from "./ground.js";
import { findChip, placeOfChip } from "./places.js";

/** The chip that a row belongs to. */
export function chipOf(id) {
  return id.split("/")[0];
}

/** [row, column] of a patch, null for a chip. */
export function patchOf(id) {
  const [, row, column] = id.split("/");
  return column === undefined ? null : [Number(row), Number(column)];
}

/** The id of what a click at `lngLat` means: the chip, or its patch there if there is a grid. */
export function rowAt(chip, place, lngLat, grid) {
  if (!grid) return chip.chip_id;
  const [right, down] = shareAlong(place.geometry, [lngLat.lng, lngLat.lat]);
  const cell = (share, cells) => Math.min(Math.max(Math.floor(share * cells), 0), cells - 1);
  return `${chip.chip_id}/${cell(down, grid[0])}/${cell(right, grid[1])}`;
}

/** Corners of a row's footprint: its place's, or those of its part of the place. */
export function footprintOf(id, places, grid) {
  const place = placeOfChip(places, chipOf(id));
  if (!place) return null;
  const patch = patchOf(id);
  if (!patch || !grid) return place.geometry;
  const [topLeft, topRight, , bottomLeft] = corners(place.geometry);
  const at = (row, column) => topLeft.map((value, axis) =>
    value + ((topRight[axis] - value) * column) / grid[1] +
    ((bottomLeft[axis] - value) * row) / grid[0]);
  const [row, column] = patch;
  const ring = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]];
  return {
    type: "Polygon",
    coordinates: [ring.map(([down, right]) => at(row + down, column + right))],
  };
}

/** Ids of the patches of a chip whose middle passes `isInside`. */
export function rowsWithin(chip, place, [rows, columns], isInside) {
  const [topLeft, topRight, , bottomLeft] = corners(place.geometry);
  const ids = [];
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const middle = topLeft.map((value, axis) =>
        value + ((topRight[axis] - value) * (column + 0.5)) / columns +
        ((bottomLeft[axis] - value) * (row + 0.5)) / rows);
      if (isInside(middle)) ids.push(`${chip.chip_id}/${row}/${column}`);
    }
  }
  return ids;
}

/** A row as a mark or a hit names it, with what its place says of it. */
export function describeRow(id, places) {
  const chip = findChip(places, chipOf(id));
  const place = placeOfChip(places, chipOf(id));
  return {
    id,
    chipId: chipOf(id),
    date: chip?.date ?? null,
    mgrs: place?.properties.mgrs ?? null,
    place: place?.id ?? null,
    hash: chip?.hash ?? "",
  };
}

/** Shares of a footprint's width and height, from its top left corner to a point. */
function shareAlong(geometry, [lon, lat]) {
  const [[x, y], [rightX, rightY], , [downX, downY]] = corners(geometry);
  const [ax, ay, bx, by] = [rightX - x, rightY - y, downX - x, downY - y];
  const area = ax * by - ay * bx;
  const [dx, dy] = [lon - x, lat - y];
  return [(dx * by - dy * bx) / area, (ax * dy - ay * dx) / area];
}
