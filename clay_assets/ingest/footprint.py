"""A place on the globe of what is known in a map projection."""

from functools import lru_cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Transformer
from shapely.affinity import translate

T = TypeVar("T", float, npt.NDArray[np.float64])


def footprint_wgs84(bounds: tuple[float, float, float, float], epsg: int) -> shapely.Geometry:
    """The four corners of a box as a polygon in longitude and latitude, straight edges between.

    A box across the antimeridian becomes two polygons, as GeoJSON and GeoParquet ask.

    Args:
        bounds: west, south, east, north in the CRS of `epsg`.
        epsg: EPSG code of that CRS.

    Returns:
        Polygon or MultiPolygon, OGC:CRS84.
    """
    west, south, east, north = bounds
    lon, lat = _transformer(epsg).transform([east, east, west, west], [south, north, north, south])
    if max(lon) - min(lon) < 180:
        return shapely.Polygon(list(zip(lon, lat, strict=True)))
    unrolled = shapely.Polygon([(x % 360, y) for x, y in zip(lon, lat, strict=True)])
    eastern = unrolled & shapely.box(0, -90, 180, 90)
    western = translate(unrolled & shapely.box(180, -90, 360, 90), xoff=-360)
    return shapely.MultiPolygon([eastern, western])


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
