"""Where to search: boxes, polygons and circles on the globe, checked and brought to one form."""

import json
import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import shapely

from clay_assets.errors import SearchError
from clay_assets.ingest.antimeridian import within_globe

Bbox = tuple[float, float, float, float]
"""West, south, east, north in degrees; west > east crosses the antimeridian."""
Circle = tuple[float, float, float]
"""Longitude and latitude of the centre in degrees, radius in metres."""
Area: TypeAlias = Mapping[str, Any] | shapely.Geometry
"""GeoJSON (geometry, Feature or FeatureCollection) or shapely, of polygons in OGC:CRS84."""

MAX_VERTICES = 10_000
"""Most vertices of an area."""
MAX_RADIUS_M = 2_000_000
"""Widest circle."""
_TURN, _HALF_TURN = 360.0, 180.0


def parse_bbox(found: Bbox) -> Bbox:
    """A box as numbers.

    Raises:
        SearchError: it is none on the globe.
    """
    west, south, east, north = (float(value) for value in found)
    inside = all(-180 <= lon <= 180 for lon in (west, east))
    if not (inside and -90 <= south <= north <= 90):
        raise SearchError(
            "bbox_wgs84 must be west, south, east, north in degrees with south <= north, "
            f"got {west}, {south}, {east}, {north}"
        )
    return west, south, east, north


def parse_circle(found: Circle) -> Circle:
    """A circle as numbers.

    Raises:
        SearchError: its centre is not on the globe, or its radius too small or too wide.
    """
    lon, lat, radius_m = (float(value) for value in found)
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise SearchError(
            "circle must be lon, lat, radius_m with longitude -180 to 180 and latitude -90 to 90, "
            f"got {lon}, {lat}"
        )
    if not 0 < radius_m <= MAX_RADIUS_M:
        raise SearchError(
            f"circle must have a radius above 0 and at most {MAX_RADIUS_M} m, got {radius_m}"
        )
    return lon, lat, radius_m


def parse_area(found: Area) -> shapely.Geometry:
    """An area as one polygon or multipolygon with longitudes of -180 to 180.

    A polygon crosses the antimeridian when its longitudes go on beyond 180, or when one of its
    edges is more than half a globe wide: it is then split there.

    >>> parse_area(shapely.Polygon([(179, 0), (-179, 0), (-179, 1), (179, 1)])).bounds
    (-180.0, 0.0, 180.0, 1.0)

    Raises:
        SearchError: it is no polygon, crosses itself, or lies beyond a pole.
    """
    polygons = _polygons(_geometry(found))
    vertices = sum(shapely.get_num_coordinates(polygon) for polygon in polygons)
    if vertices > MAX_VERTICES:
        raise SearchError(f"area must have at most {MAX_VERTICES} vertices, got {vertices}")
    whole = shapely.union_all([within_globe(_unrolled(polygon)) for polygon in polygons])
    shapely.prepare(whole)
    return whole


def _geometry(found: Area) -> shapely.Geometry:
    if isinstance(found, shapely.Geometry):
        return found
    try:
        return shapely.from_geojson(json.dumps(found, allow_nan=False))
    except (shapely.GEOSException, TypeError, ValueError) as error:
        raise SearchError(
            f"area must be a GeoJSON Polygon or MultiPolygon, got {_shortened(found)} "
            f"({str(error).splitlines()[0]})"
        ) from error


def _shortened(found: object) -> str:
    text = repr(found)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _polygons(geometry: shapely.Geometry) -> list[shapely.Polygon]:
    parts = [geometry]
    while any(hasattr(part, "geoms") for part in parts):  # collections may hold multipolygons
        parts = [one for part in parts for one in getattr(part, "geoms", [part])]
    for part in parts:
        if part.geom_type != "Polygon":
            raise SearchError(f"area must be a Polygon or MultiPolygon, got a {part.geom_type}")
    if not parts or any(part.is_empty for part in parts):
        raise SearchError("area must be a Polygon or MultiPolygon, got an empty one")
    return parts


def _unrolled(polygon: shapely.Polygon) -> shapely.Polygon:
    """A polygon whose longitudes go on beyond 180 degrees instead of jumping to -180."""
    shell = _unrolled_ring(np.asarray(polygon.exterior.coords))
    west = shell[:, 0].min()
    holes = []
    for ring in polygon.interiors:
        hole = _unrolled_ring(np.asarray(ring.coords))
        hole[:, 0] += _TURN * math.ceil((west - hole[:, 0].min()) / _TURN)
        holes.append(hole)
    shell[:, 0] += (turn := -_TURN * math.floor((west + _HALF_TURN) / _TURN))
    for hole in holes:
        hole[:, 0] += turn
    unrolled = shapely.Polygon(shell, holes)
    if not unrolled.is_valid:
        raise SearchError(f"area must be a simple polygon, but {_why_invalid(unrolled)}")
    return unrolled


def _unrolled_ring(coordinates: np.ndarray) -> np.ndarray:
    """(N, 2) longitudes and latitudes, no edge more than half a globe wide but one all around."""
    ring = coordinates[:, :2].astype(np.float64)
    lat = ring[:, 1]
    if not np.isfinite(ring).all() or np.abs(lat).max() > 90 or np.abs(ring[:, 0]).max() > _TURN:
        bad = ring[~(np.isfinite(ring).all(axis=1) & (np.abs(ring) <= (_TURN, 90)).all(axis=1))][0]
        raise SearchError(
            "area must have longitudes of -360 to 360 and latitudes of -90 to 90 degrees, got "
            f"{bad[0]:g}, {bad[1]:g}"
        )
    steps = np.diff(ring[:, 0])
    jumps = (np.abs(steps) > _HALF_TURN) & (np.abs(steps) < _TURN)
    ring[1:, 0] -= np.cumsum(np.where(jumps, np.sign(steps) * _TURN, 0.0))
    if abs(ring[-1, 0] - ring[0, 0]) > _HALF_TURN:
        raise SearchError(
            "area must not go around a pole, but its ring does not close: it starts at longitude "
            f"{ring[0, 0]:g} and ends at {ring[-1, 0]:g}; search by latitude with a box instead"
        )
    if np.ptp(ring[:, 0]) > _TURN:
        raise SearchError(
            f"area must be at most 360 degrees wide, got {np.ptp(ring[:, 0]):g} degrees"
        )
    return ring


def _why_invalid(polygon: shapely.Polygon) -> str:
    """Why a polygon is none, and where: `it crosses itself at lon 1.5, lat 0.5`."""
    reason, _, place = shapely.is_valid_reason(polygon).partition("[")
    what = "it crosses itself" if "elf-intersection" in reason else reason.strip().lower()
    lon, lat = (float(number) for number in place.rstrip("]").split())
    lon = (lon + _HALF_TURN) % _TURN - _HALF_TURN
    return f"{what} at lon {lon:g}, lat {lat:g}"
