"""From an area of interest to the Sentinel-2 tiles that cover it, without a grid file."""

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Transformer
from shapely.affinity import translate

from clay_assets.errors import InvalidValueError
from clay_assets.ingest.antimeridian import within_globe
from clay_assets.mgrs import SQUARE_M
from clay_assets.tiling import ZONE_STEPS, ZONES, ZoneTiles, zone_edges, zone_tiles

MAX_TILES = 30_000
"""All land is 20,430 of the 56,686 tiles; much more is taken for a mistake."""
_DEGREES_BETWEEN_POINTS = 0.1
_INSET_M = 1.0
_GRID_M = 0.01
_POINTS_A_SIDE = 12
_REACH_M = 120_000.0
_METRES_A_DEGREE = 111_320.0
_TILE_DEG = 1.5
_LAST_LATITUDE = 85.0
_HALF_TURN = 180.0
# A place on an edge belongs to the zone or square to the east or north.
_EDGE_DEG, _EDGE_M = 1e-9, 2e-4
_POLYGONS = 2


def tiles_of_area(area: shapely.Geometry, *, every: bool = False) -> list[str]:
    """Sentinel-2 tiles of an area, sorted.

    Tiles overlap: each is 109.8 km wide and stands for a square of 100 km, and those of one UTM
    zone reach into the next. By default a place counts for the tile whose square holds it in its
    own UTM zone, so an area gets hardly more tiles than are needed to cover it. A place that lies
    in a sliver of a square for which ESA made no tile counts for the tile of the zone beside it
    that covers it.

    Args:
        area: points, lines or polygons, OGC:CRS84; a longitude beyond 180 is the next turn's.
        every: every tile whose 109.8 km box touches the area, as a scene search would find.

    Raises:
        InvalidValueError: the area is empty, crosses itself, lies outside of the grid, or takes
            more than `MAX_TILES` tiles.
    """
    checked = _checked(area)
    found = _touching(checked) if every else _covering(checked)
    if not found and not every:  # so small that it lies between two squares' edges
        found = _covering(checked.representative_point())
    if not found:
        raise InvalidValueError(
            f"the area {_bounds(area)} lies outside of the Sentinel-2 tiles, which reach from "
            "about 83 degrees south to 84 degrees north"
        )
    if len(found) > MAX_TILES:
        raise InvalidValueError(
            f"the area {_bounds(area)} takes {len(found)} tiles, at most {MAX_TILES} are taken at "
            "once; check its coordinates or cut it into parts"
        )
    return sorted(found)


def _checked(area: shapely.Geometry) -> shapely.Geometry:
    if area.is_empty:
        raise InvalidValueError("the area is empty; give points, lines or polygons in degrees")
    west, south, east, north = area.bounds
    if not (-360 <= west and east <= 360 and -90 <= south and north <= 90):
        raise InvalidValueError(
            f"the area {_bounds(area)} is not in degrees; longitudes must be -180 to 180 and "
            "latitudes -90 to 90, in this order"
        )
    if not area.is_valid:
        raise InvalidValueError(
            f"the area is not valid: {shapely.is_valid_reason(area)}; mend its outline, for "
            "example with `ogr2ogr -makevalid`"
        )
    return within_globe(area)


def _bounds(area: shapely.Geometry) -> str:
    return ",".join(f"{value:g}" for value in area.bounds)


def _covering(area: shapely.Geometry) -> set[str]:
    found: set[str] = set()
    for zone, southern, part in _parts_by_zone(area):
        names, left = _squares_of(part, zone_tiles(zone, southern=southern))
        found |= names
        for step in (-1, 1, -2, 2):  # Svalbard lacks every other zone
            if not left.is_empty:
                beside = zone_tiles((zone + step - 1) % 60 + 1, southern=southern)
                names, left = _squares_of(left, beside, with_boxes=True)
                found |= names
    return found


def _parts_by_zone(area: shapely.Geometry) -> Iterator[tuple[int, bool, shapely.Geometry]]:
    """Zone, whether south of the equator, and what of the area lies there."""
    parts = _flat(area)
    tree = shapely.STRtree(parts)
    for zone in ZONES:
        for southern in (False, True):
            for box in _zone_boxes(zone, southern=southern):
                whole = parts[tree.query(box)]
                inside = shapely.intersection(whole, box)
                # What only touches the edge of a zone becomes a line or a sliver there.
                same = shapely.get_dimensions(inside) == shapely.get_dimensions(whole)
                thin = shapely.area(inside) <= _EDGE_DEG * shapely.length(inside)
                same &= ~thin | (shapely.get_dimensions(whole) < _POLYGONS)
                if same.any():
                    yield zone, southern, shapely.GeometryCollection(list(inside[same]))


def _zone_boxes(zone: int, *, southern: bool) -> list[shapely.Polygon]:
    steps = (-90.0, 0.0) if southern else ZONE_STEPS
    bands = [(low, high, zone_edges(zone, low)) for low, high in pairwise(steps)]
    return [
        shapely.box(edges[0] - _EDGE_DEG, low - _EDGE_DEG, _last(edges[1]), high - _EDGE_DEG)
        for low, high, edges in bands
        if edges
    ]


def _last(east: float) -> float:
    return east if east == _HALF_TURN else east - _EDGE_DEG


def _flat(area: shapely.Geometry) -> npt.NDArray[Any]:
    """(N,) points, lines and polygons of a shape, however nested."""
    parts: npt.NDArray[Any] = shapely.get_parts(area)
    while any(hasattr(part, "geoms") for part in parts):
        parts = shapely.get_parts(parts)
    return parts


def _squares_of(
    part: shapely.Geometry, tiles: ZoneTiles, *, with_boxes: bool = False
) -> tuple[set[str], shapely.Geometry]:
    """Tiles whose squares an area touches, and what of it they leave uncovered.

    Args:
        part: OGC:CRS84, in or near the tiles' zone.
        tiles: tiles of the zone.
        with_boxes: also tiles whose 109.8 km box covers what no square does.
    """
    moved = _moved(shapely.segmentize(part, _DEGREES_BETWEEN_POINTS), "OGC:CRS84", tiles.epsg)
    inset = _INSET_M if shapely.get_dimensions(moved) == _POLYGONS else 0.0
    west, south = tiles.west + inset - _EDGE_M, tiles.south + inset - _EDGE_M
    side = SQUARE_M - 2 * inset - _EDGE_M
    shapely.prepare(moved)
    touched = shapely.intersects(moved, shapely.box(west, south, west + side, south + side))
    boxes = shapely.box(*tiles.boxes.T)
    left = _bare(moved, boxes[touched], inset)
    if with_boxes and not left.is_empty:
        touched |= shapely.intersects(left, boxes)
        left = _bare(moved, boxes[touched], inset)
    return {str(name) for name in tiles.names[touched]}, _moved(left, tiles.epsg, "OGC:CRS84")


def _bare(part: shapely.Geometry, boxes: npt.NDArray[Any], inset: float) -> shapely.Geometry:
    """What of a part lies in none of the boxes, but for slivers as thin as the inset."""
    if not inset:
        return shapely.union_all(_flat(part)) - shapely.union_all(boxes)
    # A valid outline may be none in another CRS, by the last digit.
    pieces = _flat(shapely.make_valid(part))
    pieces = pieces[shapely.get_dimensions(pieces) == _POLYGONS]
    whole = shapely.union_all(pieces, grid_size=_GRID_M)
    return (whole - shapely.union_all(boxes)).buffer(-2 * inset)


def _touching(area: shapely.Geometry) -> set[str]:
    turns = shapely.GeometryCollection([translate(area, turn) for turn in (-360.0, 0.0, 360.0)])
    parts = _flat(turns)
    tree = shapely.STRtree(parts)
    lowest, highest = area.bounds[1], area.bounds[3]
    polar = min(max(abs(lowest), abs(highest)), _LAST_LATITUDE)
    reach = _REACH_M / (_METRES_A_DEGREE * math.cos(math.radians(polar)))
    found: set[str] = set()
    for zone in ZONES:
        window = shapely.box(zone * 6 - 189 - reach, -90, zone * 6 - 177 + reach, 90)
        near = parts[tree.query(window)]
        for southern in (False, True) if len(near) else ():
            tiles = zone_tiles(zone, southern=southern)
            footprints, names = _footprints(tiles, zone, lowest, highest)
            shapely.prepare(near)
            pairs = shapely.STRtree(footprints).query(near, predicate="intersects")
            found |= {str(name) for name in names[np.unique(pairs[1])]}
    return found


def _footprints(
    tiles: ZoneTiles, zone: int, lowest: float, highest: float
) -> tuple[npt.NDArray[Any], npt.NDArray[np.str_]]:
    """Outlines of the 109.8 km boxes between two latitudes in degrees; longitudes do not jump."""
    from_utm = _transformer(tiles.epsg, "OGC:CRS84")
    west, south, east, north = tiles.boxes.T
    _, middle_lat = from_utm.transform((west + east) / 2, (south + north) / 2)
    near = (middle_lat > lowest - _TILE_DEG) & (middle_lat < highest + _TILE_DEG)
    along = np.linspace(0, 1, _POINTS_A_SIDE, endpoint=False)
    x = np.concatenate([along, np.ones_like(along), 1 - along, np.zeros_like(along)])
    y = np.roll(x, len(along))
    width, height = east[near] - west[near], north[near] - south[near]
    lon, lat = from_utm.transform(
        west[near, None] + width[:, None] * x, south[near, None] + height[:, None] * y
    )
    middle = zone * 6 - 183
    lon = (lon - middle + 180) % 360 - 180 + middle
    return shapely.polygons(np.stack([lon, lat], 2)), tiles.names[near]


def _moved(shape: shapely.Geometry, source: int | str, target: int | str) -> shapely.Geometry:
    return shapely.transform(shape, _transformer(source, target).transform, interleaved=False)


@lru_cache(maxsize=256)
def _transformer(source: int | str, target: int | str) -> Transformer:
    # always_xy: otherwise PROJ gives lat, lon
    return Transformer.from_crs(source, target, always_xy=True)
