"""The manifest of a tile's chips: one GeoParquet, a row for each chip that was kept."""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import date as Date
from functools import cached_property
from types import MappingProxyType
from typing import Any

import geopandas
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from clay_assets import __version__
from clay_assets.errors import NotFoundError
from clay_assets.geotable import geo_metadata
from clay_assets.ingest.footprint import footprint_wgs84
from clay_assets.provenance import fingerprint
from clay_assets.store import Store

SCHEMA = pa.schema(
    [
        ("chip_id", pa.string()),
        ("mgrs", pa.string()),
        ("date", pa.date32()),
        ("number", pa.int32()),
        ("row", pa.int32()),
        ("col", pa.int32()),
        ("path", pa.string()),
        ("epsg", pa.int32()),
        ("west", pa.float64()),
        ("south", pa.float64()),
        ("east", pa.float64()),
        ("north", pa.float64()),
        ("gsd_m", pa.float64()),
        ("chip_size", pa.int32()),
        ("bands", pa.list_(pa.string())),
        ("cloud_share", pa.float32()),
        ("nodata_share", pa.float32()),
        ("scenes", pa.list_(pa.string())),
        ("content_hash", pa.string()),
        ("geometry", pa.binary()),
    ]
)


_LOOKUPS_AT_ONCE = 32


@dataclass(frozen=True)
class ChipRow:
    """One chip of a manifest."""

    chip_id: str
    """Unique among all chips."""
    mgrs: str
    """Tile it was cut from."""
    date: str
    """Day of the Sentinel-2 scene, `YYYY-MM-DD`."""
    number: int
    """Position among the tile's possible chips, row by row, from 1."""
    row: int
    """First pixel row in the tile's grid."""
    col: int
    """First pixel column in the tile's grid."""
    path: str
    """Key of the store, or absolute path or URL of a chip that stays where it is."""
    epsg: int
    """EPSG code of the chip's CRS."""
    bounds: tuple[float, float, float, float]
    """West, south, east, north in the chip's CRS."""
    gsd_m: float
    """Side of a pixel on the ground in metres."""
    chip_size: int
    """Side of the chip in pixels."""
    bands: tuple[str, ...]
    """Names of its bands in order."""
    cloud_share: float | None
    """Share of its pixels, 0 to 1, in `bands.SCL_BAD`; None when there is no classification."""
    nodata_share: float
    """Share of its pixels, 0 to 1, that are 0 in some Sentinel-2 band."""
    scenes: tuple[str, ...]
    """Ids of the STAC items it was made from."""
    content_hash: str
    """Changes when the chip's pixels, bands, date or place change."""


@dataclass(frozen=True)
class DateRecord:
    """What a manifest knows of one date."""

    inputs: str
    """Fingerprint of all that its chips were made from."""
    rejected: Mapping[str, int]
    """Chips that were not kept, by reason."""
    places: Mapping[str, Sequence[Sequence[int]]] = field(default_factory=dict)
    """Number, row and column of each of them, by reason; older manifests have none."""


@dataclass(frozen=True)
class Manifest:
    """The chips of one tile."""

    table: pa.Table
    """One row a chip, sorted by date and number; columns of `SCHEMA`."""
    meta: dict[str, Any]
    """`data_version`, `inputs`, `run_id`, `package_version`, `chip_size`, `rejected` by reason,
    `source`, where the imagery came from, and `dates`, a `DateRecord` for each."""

    @cached_property
    def rows(self) -> geopandas.GeoDataFrame:
        """The table as a frame, geometry in OGC:CRS84."""
        geometry = shapely.from_wkb(self.table["geometry"].to_numpy())
        frame = self.table.drop_columns(["geometry"]).replace_schema_metadata(None).to_pandas()
        return geopandas.GeoDataFrame(frame, geometry=geometry, crs="OGC:CRS84")


def manifest_key(tile: str) -> str:
    """Where a tile's manifest lies in the store."""
    return f"chips/{tile}/chips.parquet"


def write_manifest(
    store: Store,
    tile: str,
    rows: Sequence[ChipRow],
    *,
    inputs: str,
    run_id: str,
    chip_size: int,
    rejected: Mapping[str, int],
    source: str,
    dates: Mapping[str, DateRecord] = MappingProxyType({}),
) -> str:
    """Write a tile's manifest.

    Args:
        store: where it goes.
        tile: MGRS tile id.
        rows: its chips, in any order.
        inputs: fingerprint of all that the chips were made from.
        run_id: run that made them.
        chip_size: side of a chip in pixels.
        rejected: chips that were not kept, by reason.
        source: where the imagery came from.
        dates: the same for each date, so that an unchanged one is not cut again.

    Returns:
        Its data version: a fingerprint of the chips' ids and content.
    """
    ordered = sorted(rows, key=lambda row: (row.date, row.number))
    meta = {
        "data_version": fingerprint([(row.chip_id, row.content_hash) for row in ordered]),
        "inputs": inputs,
        "run_id": run_id,
        "package_version": __version__,
        "chip_size": chip_size,
        "rejected": dict(rejected),
        "source": source,
        "dates": {
            # not asdict: it takes a Counter apart
            date: {
                "inputs": record.inputs,
                "rejected": dict(record.rejected),
                "places": dict(record.places),
            }
            for date, record in dates.items()
        },
    }
    polygons = [footprint_wgs84(row.bounds, row.epsg) for row in ordered]
    records = [
        _record(row) | {"geometry": shapely.to_wkb(polygon)}
        for row, polygon in zip(ordered, polygons, strict=True)
    ]
    bounds = shapely.total_bounds(polygons).tolist() if polygons else []
    geo = geo_metadata({polygon.geom_type for polygon in polygons}, bounds)
    table = pa.Table.from_pylist(records, schema=SCHEMA).replace_schema_metadata(
        {"geo": json.dumps(geo), "clay_assets": json.dumps(meta)}
    )
    with store.writing(manifest_key(tile)) as path:
        pq.write_table(table, path, compression="zstd")
    return str(meta["data_version"])


def read_manifest(store: Store, tile: str) -> Manifest:
    """The manifest of a tile.

    Raises:
        NotFoundError: the tile has no chips yet.
    """
    try:
        with store.open(manifest_key(tile)) as file:
            table = pq.read_table(file)
    except NotFoundError as error:
        raise NotFoundError(
            f"tile {tile} has no chips yet ({store.url(manifest_key(tile))} does not exist); "
            "materialise `chips` of this tile first"
        ) from error
    return Manifest(table, json.loads(table.schema.metadata[b"clay_assets"]))


def has_no_chips(store: Store, tile: str) -> bool:
    """Whether a tile was cut and not one chip was kept, or its imagery has gone."""
    try:
        return not len(read_manifest(store, tile).table)
    except NotFoundError:
        return False


def manifest_rows(manifest: Manifest) -> list[ChipRow]:
    """The rows of a manifest as they were written."""
    return [
        chip_row(
            record
            | {
                "date": record["date"].isoformat(),
                "bounds": [record[side] for side in ("west", "south", "east", "north")],
            }
        )
        for record in manifest.table.to_pylist()
    ]


def chip_row(fields: Mapping[str, Any]) -> ChipRow:
    """A row from its fields by name, lists for tuples; other fields are ignored."""
    row = {name: fields[name] for name in ChipRow.__dataclass_fields__}
    return ChipRow(**row | {name: tuple(row[name]) for name in ("bounds", "bands", "scenes")})


def manifest_tiles(store: Store) -> list[str]:
    """Tiles that have chips, sorted."""
    tiles = store.folders("chips")
    with ThreadPoolExecutor(_LOOKUPS_AT_ONCE) as pool:
        present = pool.map(lambda tile: store.exists(manifest_key(tile)), tiles)
        return [tile for tile, is_there in zip(tiles, present, strict=True) if is_there]


def _record(row: ChipRow) -> dict[str, Any]:
    record = asdict(row)
    west, south, east, north = record.pop("bounds")
    record |= {"west": west, "south": south, "east": east, "north": north}
    return record | {"date": Date.fromisoformat(row.date)}
