"""Tables with a place in each row, kept as GeoParquet with a word on how they were made."""

import json
from collections.abc import Collection, Sequence
from typing import Any

import geopandas
import pyarrow.parquet as pq

from clay_assets.errors import NotFoundError
from clay_assets.store import Store

_METADATA_KEY = b"clay_assets"


def write_geotable(
    store: Store, key: str, frame: geopandas.GeoDataFrame, metadata: dict[str, Any]
) -> None:
    """Write a table, replacing any of that key.

    Args:
        store: where it goes.
        key: its path in the store.
        frame: rows with a geometry in OGC:CRS84.
        metadata: JSON values kept in the file.
    """
    with store.writing(key) as path:
        frame.to_parquet(path, index=False, schema_version="1.1.0")
        table = pq.read_table(path)  # to_parquet takes no metadata of others
        # Without pandas' own, which names types that it cannot read back.
        about = {b"geo": table.schema.metadata[b"geo"], _METADATA_KEY: json.dumps(metadata)}
        pq.write_table(table.replace_schema_metadata(about), path, compression="zstd")


def geo_metadata(
    geometry_types: Collection[str], bounds: Sequence[float], *, covering: Sequence[str] = ()
) -> dict[str, Any]:
    """GeoParquet 1.1's own metadata of a column `geometry`; without a `crs` it means OGC:CRS84.

    Args:
        geometry_types: of its rows, `Polygon`.
        bounds: west, south, east, north of all rows; empty without rows.
        covering: fields of the column `bbox` with each row's own bounds, where there is one.
    """
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": sorted(geometry_types),
    }
    if bounds:
        column["bbox"] = list(bounds)
    if covering:
        column["covering"] = {"bbox": {side: ["bbox", side] for side in covering}}
    return {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}


def read_geotable(store: Store, key: str) -> geopandas.GeoDataFrame:
    """A table, geometry in OGC:CRS84.

    Raises:
        NotFoundError: there is no such table.
    """
    with store.open(key) as file:
        return geopandas.read_parquet(file)


def read_geotable_metadata(store: Store, key: str) -> dict[str, Any]:
    """What a table says of how it was made; empty when there is no such table."""
    try:
        with store.open(key) as file:
            metadata = pq.read_schema(file).metadata
    except NotFoundError:
        return {}
    return dict(json.loads(metadata[_METADATA_KEY]))
