"""Patch and group vectors as rows: one a patch, each with its own place on the ground."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from clay_assets.checkpoints import find_checkpoint
from clay_assets.chips import ChipRow, read_manifest
from clay_assets.chips.manifest import manifest_rows
from clay_assets.embeddings.dtypes import tensors, vectors_of
from clay_assets.embeddings.file import (
    BOUNDS,
    METADATA_KEY,
    FileMetadata,
    file_schema,
    read_metadata,
    read_rows,
)
from clay_assets.embeddings.patch_ids import patch_id
from clay_assets.errors import ChipError, InvalidValueError
from clay_assets.geotable import geo_metadata
from clay_assets.ingest.footprint import cell_footprints_wgs84
from clay_assets.models import ClayV0Config
from clay_assets.models.clay_v0 import groups_in
from clay_assets.store import Store

_PATCH_LEVEL, _GROUP_LEVEL = 3, 4
"""Sides of an embedding's shape: (rows, columns, D), and (G, rows, columns, D)."""
_COPIED = ("source_url", "date", "chip_id", "mgrs", "chip_hash", "cloud_share", "nodata_share")
"""Columns that all patches of a chip have in common."""


@dataclass(frozen=True)
class _Chips:
    """The tile's chips as they are now."""

    rows: Mapping[str, ChipRow]
    """By chip id."""
    config: ClayV0Config | None
    """Of a network whose band groups have vectors of their own."""

    @classmethod
    def of_tile(cls, store: Store, tile: str, metadata: FileMetadata) -> "_Chips":
        rows = {row.chip_id: row for row in manifest_rows(read_manifest(store, tile))}
        if len(metadata.shape) == _PATCH_LEVEL:
            return cls(rows, None)
        card = find_checkpoint(store, metadata.checkpoint_id).card
        return cls(rows, ClayV0Config.from_json(card["config"]))

    def of(self, table: pa.Table) -> list[ChipRow]:
        """The chips of some rows of the embedding file."""
        ids, hashes = (table[name].to_pylist() for name in ("chip_id", "chip_hash"))
        return [self._find(*names) for names in zip(ids, hashes, strict=True)]

    def _find(self, chip_id: str, content_hash: str) -> ChipRow:
        chip = self.rows.get(chip_id)
        if chip is None or chip.content_hash != content_hash:
            found = "is gone" if chip is None else f"has content hash {chip.content_hash} now"
            raise ChipError(
                f"chip {chip_id} was embedded with content hash {content_hash} and {found}; "
                "materialise the embeddings of its tile again"
            )
        return chip

    def groups(self, chip: ChipRow) -> tuple[str | None, ...]:
        """Band groups of an embedding, in its order; one without a name at level patch."""
        return tuple(groups_in(chip.bands, self.config)) if self.config else (None,)


def patch_schema(width: int) -> pa.Schema:
    """Columns of a file of patch rows: those of an embedding file, then which patch it is."""
    return pa.schema(
        [
            *file_schema((width,)),
            ("patch_id", pa.string()),
            ("row", pa.int16()),
            ("col", pa.int16()),
            ("group", pa.string()),
        ]
    )


def write_patch_rows(
    store: Store, key: str, source_key: str, tile: str, *, to: Store | None = None
) -> int:
    """Explode an embedding file of level patch or group; memory holds one row group at a time.

    A patch's polygon is its part of the chip's square, in OGC:CRS84. Patches of a chip share their
    corners exactly; `row` counts from the north and `col` from the west, from 0. `group` is the
    name of the band group, null at level patch.

    Args:
        store: with the embedding file, the tile's chips and the checkpoint.
        key: where the rows go.
        source_key: of the embedding file.
        tile: MGRS tile it is of.
        to: where to write, if not into the same store.

    Returns:
        How many rows there are.

    Raises:
        InvalidValueError: the file has one vector a chip.
        ChipError: the tile's chips have changed since the file was made.
    """
    metadata = read_metadata(store, source_key)
    if len(metadata.shape) not in (_PATCH_LEVEL, _GROUP_LEVEL):
        raise InvalidValueError(
            f"{store.url(source_key)} has one vector a chip (level {metadata.level}), so there are "
            "no patches to write; use a product of level patch or group"
        )
    chips, rows = _Chips.of_tile(store, tile, metadata), 0
    schema = patch_schema(metadata.shape[-1])
    geo = {"geo": json.dumps(_geo_metadata(store, source_key, metadata, chips))}
    with (to or store).writing(key) as path, _writer(path, schema.with_metadata(geo)) as writer:
        for table in read_rows(store, source_key):
            part = _explode(table, metadata, chips)
            writer.write_table(part)
            rows += len(part)
        about = replace(metadata, shape=metadata.shape[-1:], dtype="float32")
        writer.add_key_value_metadata({METADATA_KEY: about.to_json()})
    return rows


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=[*_COPIED, "geometry", "group"],
        column_encoding={"embeddings.list.element": "BYTE_STREAM_SPLIT"},
    )


def _geo_metadata(
    store: Store, key: str, metadata: FileMetadata, chips: _Chips
) -> dict[str, object]:
    """From all patches of all chips; it stands before them in the file."""
    types: set[str] = set()
    bounds = []
    for table in read_rows(store, key, ["chip_id", "chip_hash"]):
        for chip in chips.of(table):
            cells = _cells(chip, metadata)
            types |= {cell.geom_type for cell in cells}
            bounds.append(shapely.total_bounds(cells))
    west_south, east_north = np.min(bounds, axis=0)[:2], np.max(bounds, axis=0)[2:]
    return geo_metadata(types, [*west_south.tolist(), *east_north.tolist()], covering=BOUNDS)


def _cells(chip: ChipRow, metadata: FileMetadata) -> npt.NDArray[np.object_]:
    rows, columns = metadata.shape[-3:-1]
    return cell_footprints_wgs84(chip.bounds, chip.epsg, rows=rows, columns=columns)


def _explode(table: pa.Table, metadata: FileMetadata, chips: _Chips) -> pa.Table:
    """The patch rows of some rows: chip by chip, group by group, row by row."""
    width = metadata.shape[-1]
    listed = chips.of(table)
    names = [name for chip in listed for name in _patches(chip, chips.groups(chip), metadata)]
    cells = [np.tile(_cells(chip, metadata), len(chips.groups(chip))) for chip in listed]
    footprints = np.concatenate(cells)
    chip_of_patch = pa.array(np.repeat(np.arange(len(listed)), [len(part) for part in cells]))
    sides = [pa.array(values) for values in shapely.bounds(footprints).T]
    exploded = {name: table[name].take(chip_of_patch) for name in _COPIED} | {
        "embeddings": tensors(vectors_of(table["embeddings"]).reshape(-1, width), (width,)),
        "geometry": shapely.to_wkb(footprints),
        "bbox": pa.StructArray.from_arrays(sides, names=BOUNDS),
        **dict(zip(("patch_id", "group", "row", "col"), zip(*names, strict=True), strict=True)),
    }
    schema = patch_schema(width)
    return pa.table({name: exploded[name] for name in schema.names}, schema=schema)


def _patches(
    chip: ChipRow, groups: tuple[str | None, ...], metadata: FileMetadata
) -> Iterator[tuple[str, str | None, int, int]]:
    """Id, group, row and column of a chip's patches in the order of its embedding."""
    rows, columns = (range(side) for side in metadata.shape[-3:-1])
    for group, row, column in product(groups, rows, columns):
        yield patch_id(chip.chip_id, group, row, column), group, row, column
