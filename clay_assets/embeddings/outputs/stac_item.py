"""A STAC item for each embedding file: where, when, from what, and the files beside it."""

import json
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from datetime import date as Date
from typing import Any

import numpy as np
import pystac
import shapely
from pystac.extensions.file import FileExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.extensions.table import Column, TableExtension

from clay_assets.embeddings.file import FileMetadata, file_schema, read_rows
from clay_assets.store import Store, StoredFile

STAC_VERSION = "1.0.0"
"""The schema of the embedding extension asks for it."""
EMBEDDING_EXTENSION = "https://stac-extensions.github.io/embeddings/v0.0.1/schema.json"
"""Identifier of the extension by its specification, github.com/geo-embeddings; a proposal."""
PROCESSING_EXTENSION = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"
PARQUET = "application/vnd.apache.parquet"
_ASSETS: dict[str, tuple[str, str, str]] = {
    "csv": ("text/csv", "metadata", "Vectors as CSV: filename, x1 to xD"),
    "numpy": ("application/octet-stream", "data", "Vectors as a numpy array, float32"),
    "ids": ("text/plain", "metadata", "Chip ids of the array's rows, one a line"),
    "patches": (PARQUET, "data", "A row a patch, with the patch's own place"),
}
"""Name of an output -> media type, role, title."""


@dataclass(frozen=True)
class _Seen:
    """What the rows of a file come to."""

    rows: int
    first: Date
    last: Date
    footprint: shapely.Geometry
    """Convex hull of the chips on each side of the antimeridian."""


def item_json(
    store: Store,
    key: str,
    metadata: FileMetadata,
    outputs: Mapping[str, str],
    made_from: str,
) -> bytes:
    """The STAC item of an embedding file.

    Args:
        store: with the file.
        key: of the embedding file.
        metadata: of the embedding file.
        outputs: name -> key of each file beside it, the item itself among them as `stac`.
        made_from: fingerprint to note, by which an item that is up to date is known.

    Returns:
        Itself as UTF-8 JSON; its links and assets are relative to where it lies.
    """
    seen, file = _look(store, key), store.stat(key)
    own = outputs["stac"]
    item = pystac.Item(
        id=posixpath.splitext(posixpath.basename(key))[0],
        geometry=shapely.geometry.mapping(seen.footprint),
        bbox=_bbox(seen.footprint),
        datetime=None,
        start_datetime=datetime.combine(seen.first, time.min, UTC),
        end_datetime=datetime.combine(seen.last, time(23, 59, 59), UTC),
        properties=_properties(metadata, file, made_from)
        | ({"clay_assets:csv": outputs["csv"]} if "csv" in outputs else {}),
        stac_extensions=[EMBEDDING_EXTENSION, PROCESSING_EXTENSION],
    )
    item.add_asset("embeddings", asset := _asset(own, key, PARQUET, "data", "Embeddings"))
    asset.extra_fields["data_type"] = metadata.dtype
    _describe(item, asset, metadata, seen.rows, file)
    for name, output in outputs.items():
        if name in _ASSETS:
            item.add_asset(name, _asset(own, output, *_ASSETS[name]))
    for link in _links(own, metadata, posixpath.basename(key).split("_")[0]):
        item.add_link(link)
    item.extra_fields["collection"] = metadata.product
    return as_json(item)


def as_json(thing: pystac.STACObject) -> bytes:
    """An item or collection as UTF-8 JSON, its links as they are."""
    content = thing.to_dict(include_self_link=False, transform_hrefs=False)
    return json.dumps(content | {"stac_version": STAC_VERSION}, indent=1).encode()


def _properties(metadata: FileMetadata, file: StoredFile, made_from: str) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "processing:datetime": f"{file.modified.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "processing:software": {"clay_assets": metadata.package_version},
        "emb:runtime_parameters": {
            **metadata.extraction.to_json(),
            "shape": list(metadata.shape),
            "precision": metadata.precision,
            "platform": metadata.platform,
            "projection": metadata.projection_id,
        },
        "clay_assets:product": metadata.product,
        "clay_assets:checkpoint_id": metadata.checkpoint_id,
        "clay_assets:chips_data_version": metadata.chips_data_version,
        "clay_assets:data_version": metadata.data_version,
        "clay_assets:run_id": metadata.run_id,
        "clay_assets:made_from": made_from,
    }
    if metadata.dtype != "float32":
        properties["emb:quantization"] = {
            "method": "linear" if metadata.dtype == "int8" else "rounding",
            "original_dtype": "float32",
            "quantized_dtype": metadata.dtype,
        }
    return properties


def _describe(
    item: pystac.Item, asset: pystac.Asset, metadata: FileMetadata, rows: int, file: StoredFile
) -> None:
    """What the table, projection and file extensions have fields for."""
    table = TableExtension.ext(item, add_if_missing=True)  # its schema wants them at the item
    table.columns = [
        Column({"name": field.name, "type": str(field.type)})
        for field in file_schema(metadata.shape, metadata.dtype)
    ]
    item.properties |= {"table:primary_geometry": "geometry", "table:row_count": rows}
    ProjectionExtension.ext(asset, add_if_missing=True).code = "OGC:CRS84"
    FileExtension.ext(asset, add_if_missing=True).size = file.size


def _asset(own: str, key: str, media_type: str, role: str, title: str) -> pystac.Asset:
    return pystac.Asset(relative_href(own, key), title, media_type=media_type, roles=[role])


def _links(own: str, metadata: FileMetadata, tile: str) -> Iterator[pystac.Link]:
    collection = "./collection.json"
    for relation in ("root", "parent", "collection"):
        yield pystac.Link(relation, collection, "application/json")
    model = f"checkpoints/{metadata.checkpoint_id}/card.json"
    yield pystac.Link(
        "emb:model", relative_href(own, model), "application/json", title="Checkpoint"
    )
    chips = f"chips/{tile}/chips.parquet"
    yield pystac.Link("emb:source-data", relative_href(own, chips), PARQUET, title="Chips")


def relative_href(own: str, key: str) -> str:
    """A key as seen from the file of another key.

    >>> relative_href("embeddings/clay/32VKM.json", "chips/32VKM/chips.parquet")
    '../../chips/32VKM/chips.parquet'
    """
    path = posixpath.relpath(key, posixpath.dirname(own))
    return path if path.startswith(".") else f"./{path}"


def _look(store: Store, key: str) -> _Seen:
    """Go through a file once; memory holds hulls, not rows."""
    rows, first, last = 0, Date.max, Date.min
    sides: dict[bool, list[shapely.Geometry]] = {False: [], True: []}
    for table in read_rows(store, key, ["date", "geometry"]):
        rows += len(table)
        dates = table["date"].to_pylist()
        first, last = min(first, *dates), max(last, *dates)
        parts = shapely.get_parts(shapely.from_wkb(table["geometry"].to_pylist()))
        eastern = shapely.bounds(parts)[:, 0] >= 0
        for side in sides:
            if len(chosen := parts[eastern == side]):
                sides[side].append(shapely.convex_hull(shapely.union_all(chosen)))
    hulls = [shapely.convex_hull(shapely.union_all(hulls)) for hulls in sides.values() if hulls]
    if len(hulls) == 2 and np.ptp([hull.centroid.x for hull in hulls]) < 180:
        hulls = [shapely.convex_hull(shapely.union_all(hulls))]  # at Greenwich, not at 180 degrees
    return _Seen(rows, first, last, hulls[0] if len(hulls) == 1 else shapely.MultiPolygon(hulls))


def _bbox(footprint: shapely.Geometry) -> list[float]:
    """West, south, east, north; across the antimeridian west is greater than east (RFC 7946)."""
    west, south, east, north = footprint.bounds
    if east - west > 180:
        western, eastern = sorted(footprint.geoms, key=lambda part: part.centroid.x)
        west, east = eastern.bounds[0], western.bounds[2]
    return [west, south, east, north]
