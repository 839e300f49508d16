// Footprints in degrees: their corners, bounds and size on the screen.

/** Outer rings of a polygon, or of the two that a footprint has across the antimeridian. */
export function ringsOf({ type, coordinates }) {
  return type === "Polygon" ? [coordinates[0]] : coordinates.map(([outer]) => outer);
}

/** Top left, top right, bottom right, bottom left of a footprint, however its ring runs. */
export function corners(geometry) {
  const ring = ringsOf(geometry)[0];
  const [west, south, east, north] = boundsOf([{ geometry }]);
  const [width, height] = [east - west || 1, north - south || 1];
  return [[-1, 1], [1, 1], [1, -1], [-1, -1]].map(([right, up]) =>
    ring.reduce((best, point) => {
      const along = ([x, y]) => (right * (x - west)) / width + (up * (y - south)) / height;
      return along(point) > along(best) ? point : best;
    }),
  );
}

/** West, south, east, north of some features. */
export function boundsOf(features) {
  const bounds = [Infinity, Infinity, -Infinity, -Infinity];
  for (const { geometry } of features) {
    for (const [x, y] of ringsOf(geometry).flat()) {
      bounds[0] = Math.min(bounds[0], x);
      bounds[1] = Math.min(bounds[1], y);
      bounds[2] = Math.max(bounds[2], x);
      bounds[3] = Math.max(bounds[3], y);
    }
  }
  return bounds;
}

/** Middle of a feature's bounds. */
export function middleOf(feature) {
  const [west, south, east, north] = boundsOf([feature]);
  return [(west + east) / 2, (south + north) / 2];
}

/** Zoom at which the narrowest of some features is so many pixels wide. */
export function zoomOfPixels(features, pixels) {
  const widths = features.map((feature) => {
    const [west, , east] = boundsOf([feature]);
    return east - west;
  });
  const narrowest = Math.max(widths.reduce((least, width) => Math.min(least, width)), 1e-6);
  return Math.log2((pixels * 360) / (narrowest * 512));
}

/** A ring that runs clockwise. */
export function clockwise(ring) {
  let area = 0;
  for (let place = 0; place < ring.length - 1; place += 1) {
    const [[x0, y0], [x1, y1]] = [ring[place], ring[place + 1]];
    area += x0 * y1 - x1 * y0;
  }
  return area > 0 ? [...ring].reverse() : ring;
}
