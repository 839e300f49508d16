"""Items kept as stac-geoparquet: of a large file only the rows around a tile are read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pystac
import stac_geoparquet.arrow
from pystac.errors import STACError

from clay_assets.errors import ImageryError
from clay_assets.ingest.footprint import footprint_wgs84
from clay_assets.mgrs import tile_box
from clay_assets.store import Store

TABLE_SUFFIXES = (".parquet", ".geoparquet")
_NEEDED = ("id", "geometry", "bbox", "assets", "datetime")


def read_item_table(href: str, tile: str | None) -> list[pystac.Item]:
    """Items of a stac-geoparquet file.

    Args:
        href: absolute path or URL.
        tile: MGRS tile whose surroundings are wanted; None for all items, without their assets.

    Raises:
        ImageryError: not stac-geoparquet.
        NotFoundError: there is no such file.
    """
    folder, _, name = href.rpartition("/")
    with Store(folder or "/", Path()).open(name) as file:
        try:
            return [item for table in _tables(href, file, tile) for item in _items(href, table)]
        except (pa.ArrowException, STACError, KeyError) as error:
            raise ImageryError(
                f"{href} is not stac-geoparquet: {type(error).__name__} {error}; write it with "
                "stac-geoparquet or rustac"
            ) from error


def _tables(href: str, file: BinaryIO, tile: str | None) -> Iterator[pa.Table]:
    parquet = pq.ParquetFile(file)
    names = parquet.schema_arrow.names
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise ImageryError(
            f"{href} is not stac-geoparquet: it has no column {', '.join(missing)}; its columns: "
            f"{', '.join(names[:10])}"
        )
    # Assets are most of the file, and not needed to tell a tile where the collection is known.
    light = [name for name in names if name != "assets" or "collection" not in names]
    for number in range(parquet.num_row_groups):
        if tile is None:
            yield parquet.read_row_group(number, columns=light)
            continue
        near = _near(parquet.read_row_group(number, columns=["bbox"]), tile)
        if pc.any(near).as_py():
            yield parquet.read_row_group(number).filter(near)


def _near(table: pa.Table, tile: str) -> pa.Array:
    """Whether the bounding box of each row touches that of a tile."""
    box = tile_box(tile)
    place = footprint_wgs84((box.west, box.south, box.east, box.north), box.epsg)
    west, south, east, north = (
        pc.struct_field(table["bbox"], side) for side in ("xmin", "ymin", "xmax", "ymax")
    )
    around = pc.greater(west, east)  # across the antimeridian
    near = pa.scalar(False)
    for part in getattr(place, "geoms", [place]):
        w, s, e, n = part.bounds
        in_lon = pc.or_(around, pc.and_(pc.less_equal(west, e), pc.greater_equal(east, w)))
        in_lat = pc.and_(pc.less_equal(south, n), pc.greater_equal(north, s))
        near = pc.or_(near, pc.and_(in_lon, in_lat))
    return near


def _items(href: str, table: pa.Table) -> Iterator[pystac.Item]:
    for fields in stac_geoparquet.arrow.stac_table_to_items(table):
        item = pystac.Item.from_dict(_said(fields) | {"links": []}, href=href)
        item.make_asset_hrefs_absolute()
        yield item


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    """An item without what a table has to fill in for it: a null for what only others say."""
    properties = {name: v for name, v in fields["properties"].items() if v is not None}
    assets = {
        key: {name: value for name, value in asset.items() if value is not None}
        for key, asset in (fields.get("assets") or {}).items()
    }
    return fields | {"properties": {"datetime": None} | properties, "assets": assets}
