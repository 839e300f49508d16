"""A place on the globe of what is known in a map projection."""

from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Transformer
from pyproj.enums import TransformDirection
from shapely.affinity import translate

from clay_assets.errors import InvalidValueError

T = TypeVar("T", float, npt.NDArray[np.float64])
_HALF_TURN = 180.0
_MILLIMETRES = 3
_MOST_ASKEW_M = 0.01


def footprint_wgs84(bounds: tuple[float, float, float, float], epsg: int) -> shapely.Geometry:
    """The four corners of a box as a polygon in longitude and latitude, straight edges between.

    A box across the antimeridian becomes two polygons, as GeoJSON and GeoParquet ask.

    Args:
        bounds: west, south, east, north in the CRS of `epsg`.
        epsg: EPSG code of that CRS.

    Returns:
        Polygon or MultiPolygon, OGC:CRS84.
    """
    return cell_footprints_wgs84(bounds, epsg, rows=1, columns=1)[0]


def cell_footprints_wgs84(
    bounds: tuple[float, float, float, float], epsg: int, *, rows: int, columns: int
) -> npt.NDArray[np.object_]:
    """The cells of a box cut into equal rows and columns, each as by `footprint_wgs84`.

    Neighbours share their corners to the last bit, so there is neither gap nor overlap.

    Args:
        bounds: west, south, east, north in the CRS of `epsg`.
        epsg: EPSG code of that CRS.
        rows: from north to south.
        columns: from west to east.

    Returns:
        (rows * columns,) polygons or multipolygons row by row, OGC:CRS84.
    """
    west, south, east, north = bounds
    xs, ys = np.linspace(west, east, columns + 1), np.linspace(north, south, rows + 1)
    corners = np.stack(_transformer(epsg).transform(*np.meshgrid(xs, ys)), axis=-1)
    above, below = corners[:-1], corners[1:]
    rings = np.stack([below[:, 1:], above[:, 1:], above[:, :-1], below[:, :-1]], axis=2)
    rings = rings.reshape(rows * columns, 4, 2)  # lower right first, against the clock
    cells: npt.NDArray[np.object_] = shapely.polygons(rings)
    lon = rings[:, :, 0]
    for cell in np.flatnonzero(np.ptp(lon, axis=1) >= _HALF_TURN):
        cells[cell] = _cut_in_two(rings[cell])
    return cells


def _cut_in_two(ring: npt.NDArray[np.float64]) -> shapely.MultiPolygon:
    """A ring across the antimeridian, (4, 2) lon and lat."""
    unrolled = shapely.Polygon([(lon % 360, lat) for lon, lat in ring])
    eastern = unrolled & shapely.box(0, -90, 180, 90)
    western = translate(unrolled & shapely.box(180, -90, 360, 90), xoff=-360)
    return shapely.MultiPolygon([eastern, western])


def box_of_footprint(footprint: shapely.Geometry, epsg: int) -> tuple[float, float, float, float]:
    """The box that `footprint_wgs84` made a footprint of: west, south, east, north, to the mm.

    >>> box_of_footprint(footprint_wgs84((699960, 2690220, 705080, 2695340), 32629), 32629)
    (699960.0, 2690220.0, 705080.0, 2695340.0)

    Args:
        footprint: Polygon, or MultiPolygon across the antimeridian, OGC:CRS84.
        epsg: EPSG code of the CRS that the box is one in.

    Raises:
        InvalidValueError: it is no box in that CRS.
    """
    lon, lat = shapely.get_coordinates(footprint).T
    is_corner = np.abs(lon) < _HALF_TURN  # the others are where it was cut in two
    transform = _transformer(epsg).transform
    xs, ys = transform(lon[is_corner], lat[is_corner], direction=TransformDirection.INVERSE)
    west, south, east, north = (
        float(np.round(side, _MILLIMETRES)) for side in (xs.min(), ys.min(), xs.max(), ys.max())
    )
    askew_m = max(
        np.minimum(np.abs(xs - west), np.abs(xs - east)).max(),
        np.minimum(np.abs(ys - south), np.abs(ys - north)).max(),
    )
    if askew_m > _MOST_ASKEW_M:
        raise InvalidValueError(
            f"a footprint must be a box in EPSG:{epsg}, got one whose corners are {askew_m:.2f} m "
            f"off the sides of any: {footprint.wkt}"
        )
    return west, south, east, north


def centre_wgs84(bounds: tuple[T, T, T, T], epsg: int) -> tuple[T, T]:
    """The middle of a box, taken in its own CRS, as longitude and latitude in degrees.

    Args:
        bounds: west, south, east, north in the CRS of `epsg`; numbers, or arrays for many boxes.
        epsg: EPSG code of that CRS.
    """
    west, south, east, north = bounds
    lon, lat = _transformer(epsg).transform((west + east) / 2, (south + north) / 2)
    return lon, lat


@lru_cache(maxsize=128)
def _transformer(epsg: int) -> Transformer:
    # always_xy: otherwise PROJ gives lat, lon
    return Transformer.from_crs(epsg, "OGC:CRS84", always_xy=True)
