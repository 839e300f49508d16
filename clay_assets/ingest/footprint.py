"""A place on the globe of what is known in a map projection."""

from functools import lru_cache

import shapely
from pyproj import Transformer
from shapely.affinity import translate


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


@lru_cache(maxsize=128)
def _transformer(epsg: int) -> Transformer:
    # always_xy: otherwise PROJ gives lat, lon
    return Transformer.from_crs(epsg, "OGC:CRS84", always_xy=True)
