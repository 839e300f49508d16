"""The area of interest a person names: a file, a box or a list of places."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import geopandas
import shapely
import shapely.geometry

from clay_assets.errors import InvalidValueError, NotFoundError
from clay_assets.ingest.area_tiles import tiles_of_area
from clay_assets.ingest.footprint import footprint_wgs84
from clay_assets.mgrs import tile_box

__all__ = ["read_area", "tiles_of_area", "write_outlines"]

_WHAT_IS_READ = (
    "expected west,south,east,north in degrees, or a file: GeoJSON, GeoPackage, FlatGeobuf, "
    "Shapefile, GeoParquet, or CSV with columns lon and lat"
)
_LON_NAMES, _LAT_NAMES = ("lon", "longitude", "lng", "x"), ("lat", "latitude", "y")
_COLLECTIONS = {"FeatureCollection": "features", "GeometryCollection": "geometries"}


def read_area(text: str) -> shapely.Geometry:
    """The area that a text names.

    Args:
        text: a box `west,south,east,north` in degrees, across the antimeridian if west is more
            than east; or the path of a GeoJSON file (geometry, Feature, FeatureCollection), of any
            vector file GDAL or GeoParquet reads, or of a CSV file of places.

    Returns:
        Points, lines or polygons, OGC:CRS84.

    Raises:
        InvalidValueError: neither a box nor a file that is understood.
        NotFoundError: there is no such file.

    >>> read_area("177,-19,-178,-16").bounds
    (177.0, -19.0, 182.0, -16.0)
    """
    box = _box(text)
    if box is not None:
        return box
    path = Path(text).expanduser()
    if not path.is_file() and path.suffix.lower() != ".gdb":
        raise NotFoundError(f"{text} is no file and no box; {_WHAT_IS_READ}")
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return _places(path)
    return _geojson(path) if suffix in (".json", ".geojson") else _vector(path)


def write_outlines(tiles: Sequence[str], path: Path) -> None:
    """Write the 109.8 km boxes of tiles as a vector file, the format by the name's ending.

    Args:
        tiles: MGRS tile ids.
        path: `.geojson`, `.gpkg`, `.fgb` or `.shp`; columns `tile` and `epsg`, OGC:CRS84.

    Raises:
        InvalidValueError: another ending, or the file cannot be written.
    """
    boxes = [tile_box(tile) for tile in tiles]
    outlines = [footprint_wgs84((b.west, b.south, b.east, b.north), b.epsg) for b in boxes]
    columns = {"tile": list(tiles), "epsg": [box.epsg for box in boxes]}
    frame = geopandas.GeoDataFrame(columns, geometry=outlines, crs="OGC:CRS84")
    try:
        frame.to_file(path)
    except (RuntimeError, ValueError, OSError) as error:
        raise InvalidValueError(
            f"{path} cannot be written: {str(error).splitlines()[0]}; name a file that ends in "
            ".geojson, .gpkg, .fgb or .shp in a folder that exists"
        ) from error


def _box(text: str) -> shapely.Polygon | None:
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        return None
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south < north <= 90):
        raise InvalidValueError(
            "a box must be west,south,east,north in degrees with longitudes -180 to 180, latitudes "
            f"-90 to 90 and south < north, got {text}"
        )
    if west == east:
        raise InvalidValueError(f"a box must not have west equal to east, got {text}")
    return shapely.box(west, south, east + 360 if west > east else east, north)


def _geojson(path: Path) -> shapely.Geometry:
    try:
        content = json.loads(path.read_text())
        parts = list(_geometries(content))
    except (ValueError, KeyError, TypeError, AttributeError, shapely.errors.ShapelyError) as error:
        raise InvalidValueError(
            f"{path} is not GeoJSON ({type(error).__name__}: {error}); expected a geometry, a "
            "Feature or a FeatureCollection"
        ) from error
    crs = str((content.get("crs") or {}).get("properties", {}).get("name", ""))
    if crs and "CRS84" not in crs and "4326" not in crs:
        return _vector(path)  # a file of the older GeoJSON, which may have any CRS
    return _joined(parts, path)


def _geometries(content: dict[str, Any]) -> list[shapely.Geometry]:
    kind = content["type"]
    if kind in _COLLECTIONS:
        return [part for member in content[_COLLECTIONS[kind]] for part in _geometries(member)]
    if kind != "Feature":
        return [shapely.geometry.shape(content)]
    return _geometries(content["geometry"]) if content["geometry"] else []


def _vector(path: Path) -> shapely.Geometry:
    try:
        is_parquet = path.suffix.lower() in (".parquet", ".geoparquet", ".gpq")
        frame = (geopandas.read_parquet if is_parquet else geopandas.read_file)(path)
    except (RuntimeError, ValueError, OSError) as error:  # pyogrio's own are RuntimeErrors
        reason = str(error).splitlines()[0]
        raise InvalidValueError(f"{path} cannot be read: {reason}; {_WHAT_IS_READ}") from error
    if not isinstance(frame, geopandas.GeoDataFrame):
        raise InvalidValueError(f"{path} has no geometries; {_WHAT_IS_READ}")
    if frame.crs is None:
        raise InvalidValueError(
            f"{path} does not say its CRS; set it, for example with `ogr2ogr -a_srs EPSG:4326`"
        )
    return _joined(list(frame.geometry.to_crs("OGC:CRS84").dropna()), path)


def _places(path: Path) -> shapely.Geometry:
    with path.open(newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file)
        names = {name.strip().lower(): name for name in table.fieldnames or ()}
        lon = next((names[name] for name in _LON_NAMES if name in names), None)
        lat = next((names[name] for name in _LAT_NAMES if name in names), None)
        if lon is None or lat is None:
            raise InvalidValueError(
                f"{path} has the columns {', '.join(names) or 'none'}; places need lon and lat"
            )
        return _joined([_place(row[lon], row[lat], path, table.line_num) for row in table], path)


def _place(lon: str, lat: str, path: Path, line: int) -> shapely.Point:
    try:
        return shapely.Point(float(lon), float(lat))
    except (TypeError, ValueError) as error:
        raise InvalidValueError(
            f"{path}, line {line}: lon and lat must be degrees, got {lon!r} and {lat!r}"
        ) from error


def _joined(parts: list[shapely.Geometry], path: Path) -> shapely.Geometry:
    """All parts as one shape; of parts that are in order, overlaps are merged."""
    solid = [part for part in parts if not part.is_empty]
    if not solid:
        raise InvalidValueError(f"{path} holds no geometry; {_WHAT_IS_READ}")
    if all(part.is_valid for part in solid):
        return shapely.union_all(solid)
    return shapely.GeometryCollection(solid)
