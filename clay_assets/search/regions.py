"""Regions on the globe as cells, so that an index decides by boxes and few footprints are tested.

A region is cut into cells, each wholly inside it or on its edge. A row whose bounds meet no cell is
outside. A footprint is connected: when its bounds meet a cell that lies inside, and do not reach
beyond it both in longitude and in latitude, then the footprint itself meets it. Only the other
rows' footprints have to be looked at.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import numpy as np
import shapely
from pyproj import CRS, Geod, Transformer

from clay_assets.ingest.antimeridian import within_globe
from clay_assets.search.query import Query
from clay_assets.search.shapes import Bbox, Circle

_MOST_CELLS = 64
_SMALLEST_CELL = 0.05  # degrees, about a chip: smaller ones hold no chip's bounds
_CIRCLE_CORNERS = 128
_CIRCLE_SPARE = 0.002  # chords of the circle, and edges straight in degrees, are off by less
_GEOD = Geod(ellps="WGS84")


@dataclass(frozen=True)
class Cell:
    """A box with west <= east, within -180 to 180 degrees."""

    bounds: Bbox
    """West, south, east, north."""
    is_inside: bool
    """Whether all of it is in the region."""


@dataclass(frozen=True)
class Region:
    """Where hits may lie."""

    cells: tuple[Cell, ...]
    """They cover it."""
    meets: Callable[[np.ndarray], np.ndarray]
    """Which of some footprints meet it: (N,) geometries in OGC:CRS84 -> (N,) bool."""


def regions_of(query: Query) -> list[Region]:
    """The regions that a query names; hits meet all of them."""
    regions = []
    if query.bbox_wgs84 is not None:
        regions.append(_box(query.bbox_wgs84))
    if query.area is not None:
        regions.append(_polygon(query.area))
    if query.circle is not None:
        regions.append(_circle(query.circle))
    return regions


def _box(bbox: Bbox) -> Region:
    west, south, east, north = bbox
    sides = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    boxes = [(left, south, right, north) for left, right in sides]
    # A box without width or height is a line or a point to shapely all the same.
    whole = shapely.union_all([_box_shape(box) for box in boxes])
    return Region(
        tuple(Cell(box, is_inside=True) for box in boxes),
        lambda footprints: shapely.intersects(whole, footprints),
    )


def _box_shape(box: Bbox) -> shapely.Geometry:
    west, south, east, north = box
    if west < east and south < north:
        return shapely.box(*box)
    if (west, south) == (east, north):
        return shapely.Point(west, south)
    return shapely.LineString([(west, south), (east, north)])


def _polygon(area: shapely.Geometry) -> Region:
    return Region(
        _cells(area, area),
        lambda footprints: shapely.intersects(area, footprints),
    )


def _circle(circle: Circle) -> Region:
    lon, lat, radius_m = circle
    # Distances from its centre are true in this projection.
    crs = CRS.from_dict({"proj": "aeqd", "lat_0": lat, "lon_0": lon, "ellps": "WGS84"})
    project = Transformer.from_crs("OGC:CRS84", crs, always_xy=True).transform
    centre = shapely.Point(0, 0)

    def meets(footprints: np.ndarray) -> np.ndarray:
        near = shapely.transform(footprints, lambda xy: np.column_stack(project(*xy.T)))
        is_near: np.ndarray = shapely.distance(centre, near) <= radius_m
        return is_near

    to_pole_m = _GEOD.inv(lon, lat, lon, np.copysign(90.0, lat))[2]
    if to_pole_m <= radius_m * (1 + _CIRCLE_SPARE):
        away = 180.0 if lat >= 0 else 0.0
        _, far_lat, _ = _GEOD.fwd(lon, lat, away, radius_m * (1 + _CIRCLE_SPARE))
        south, north = sorted((far_lat, float(np.copysign(90.0, lat))))
        return Region((Cell((-180.0, south, 180.0, north), is_inside=False),), meets)
    outer = _ring(circle, 1 + _CIRCLE_SPARE)
    return Region(_cells(outer, _ring(circle, 1 - _CIRCLE_SPARE)), meets)


def _ring(circle: Circle, share: float) -> shapely.Geometry:
    """A polygon of a circle that is wider or narrower by some share."""
    lon, lat, radius_m = circle
    azimuths = np.linspace(0, 360, _CIRCLE_CORNERS, endpoint=False)
    start, far = np.full_like(azimuths, 1.0), np.full_like(azimuths, radius_m * share)
    lons, lats, _ = _GEOD.fwd(lon * start, lat * start, azimuths, far)
    lons = lon + (np.asarray(lons) - lon + 180) % 360 - 180
    return within_globe(shapely.Polygon(np.column_stack([lons, lats])))


def _cells(outer: shapely.Geometry, inner: shapely.Geometry) -> tuple[Cell, ...]:
    """Boxes that cover `outer`; of those on its edge the largest is halved again and again.

    A box inside `inner` is inside.
    """
    for geometry in (outer, inner):
        shapely.prepare(geometry)
    numbers = count()
    done: list[Cell] = []
    edge: list[tuple[float, int, Bbox]] = []

    def sort_in(box: Bbox) -> None:
        shape = shapely.box(*box)
        if inner.covers(shape):
            done.append(Cell(box, is_inside=True))
        elif outer.intersects(shape):
            west, south, east, north = box
            heapq.heappush(edge, (-(east - west) * (north - south), next(numbers), box))

    for part in shapely.get_parts(outer):
        sort_in(part.bounds)
    while edge and len(done) + len(edge) < _MOST_CELLS:
        _, _, (west, south, east, north) = heapq.heappop(edge)
        if max(east - west, north - south) < 2 * _SMALLEST_CELL:
            done.append(Cell((west, south, east, north), is_inside=False))
        elif east - west > north - south:
            middle = (west + east) / 2
            sort_in((west, south, middle, north))
            sort_in((middle, south, east, north))
        else:
            middle = (south + north) / 2
            sort_in((west, south, east, middle))
            sort_in((west, middle, east, north))
    return (*done, *(Cell(box, is_inside=False) for _, _, box in edge))
