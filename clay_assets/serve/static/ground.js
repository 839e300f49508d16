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

const EARTH_M = 6_371_008.8; // mean radius
const radians = (degrees) => (degrees * Math.PI) / 180;
const degrees = (angle) => (angle * 180) / Math.PI;

/** Metres along the ground between two [lon, lat]. */
export function distanceOf([lon, lat], [otherLon, otherLat]) {
  const [up, along] = [radians(otherLat - lat) / 2, radians(otherLon - lon) / 2];
  const chord = Math.sin(up) ** 2 +
    Math.cos(radians(lat)) * Math.cos(radians(otherLat)) * Math.sin(along) ** 2;
  return 2 * EARTH_M * Math.asin(Math.min(Math.sqrt(chord), 1));
}

/**
 * Points of a circle on the ground, [lon, lat] by bearing in degrees from north, clockwise.
 * @param {{lon: number, lat: number, radius: number}} circle with its radius in metres
 * @param {number[]} bearings
 */
export function aroundOf({ lon, lat, radius }, bearings) {
  const [angle, from] = [radius / EARTH_M, radians(lat)];
  return bearings.map((bearing) => {
    const [north, east] = [Math.cos(radians(bearing)), Math.sin(radians(bearing))];
    const to = Math.asin(
      Math.sin(from) * Math.cos(angle) + Math.cos(from) * Math.sin(angle) * north,
    );
    const turn = Math.atan2(
      east * Math.sin(angle) * Math.cos(from), Math.cos(angle) - Math.sin(from) * Math.sin(to),
    );
    return [lon + degrees(turn), degrees(to)];
  });
}
