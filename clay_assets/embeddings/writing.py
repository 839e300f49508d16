"""Writing an embedding file row group by row group."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from clay_assets.chips.manifest import ChipRow
from clay_assets.embeddings.dtypes import tensors, to_float16, to_int8
from clay_assets.embeddings.file import (
    BOUNDS,
    METADATA_KEY,
    FileMetadata,
    file_schema,
    rows_at_once,
)
from clay_assets.geotable import geo_metadata
from clay_assets.provenance import fingerprint
from clay_assets.store import Store


@dataclass(frozen=True)
class EmbeddedChip:
    """What a row says besides the embedding."""

    chip: ChipRow
    """The chip, as its manifest has it."""
    source_url: str
    """Absolute path or URL of its file."""
    footprint: shapely.Geometry
    """OGC:CRS84."""

    @property
    def identity(self) -> tuple[object, ...]:
        """JSON values that change with any of the row's values but the embedding."""
        chip = self.chip
        return (
            chip.chip_id,
            chip.content_hash,  # date and place are in it
            chip.mgrs,
            self.source_url,
            chip.cloud_share,
            chip.nodata_share,
        )


_NUMBERS = "embeddings.list.element"
Gather = Callable[[Sequence[ChipRow]], npt.NDArray[np.float32]]
"""The embeddings of some chips, (N, width)."""


def write_file(
    store: Store, key: str, rows: Sequence[EmbeddedChip], gather: Gather, metadata: FileMetadata
) -> FileMetadata:
    """Write an embedding file; memory holds one row group at a time.

    Args:
        store: where to write.
        key: see `file_key`.
        rows: in the order of the file, at least one.
        gather: asked for the embeddings of one row group after the other.
        metadata: all but the data version.

    Returns:
        The metadata as written, with the data version.
    """
    with store.writing(key) as path:
        return _write(path, rows, gather, metadata)


def _write(
    path: Path, rows: Sequence[EmbeddedChip], gather: Gather, metadata: FileMetadata
) -> FileMetadata:
    schema = file_schema(metadata.shape, metadata.dtype)
    footprints = [row.footprint for row in rows]
    step = rows_at_once(int(np.prod(metadata.shape)))
    digest = hashlib.sha256()
    geo = geo_metadata(
        {footprint.geom_type for footprint in footprints},
        shapely.total_bounds(np.array(footprints)).tolist(),
        covering=BOUNDS,
    )
    with pq.ParquetWriter(
        path,
        schema.with_metadata({"geo": json.dumps(geo)}),
        compression="zstd",
        **_encoding(metadata.dtype),
    ) as writer:
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            stored = _stored(part, gather([row.chip for row in part]), metadata.dtype)
            for numbers in stored.values():
                digest.update(numbers.astype(numbers.dtype.newbyteorder("<"), copy=False).data)
            writer.write_table(_table(part, stored, schema))
        metadata = replace(
            metadata,
            data_version=fingerprint(
                [row.identity for row in rows], metadata.shape, digest.hexdigest()
            ),
        )
        writer.add_key_value_metadata({METADATA_KEY: metadata.to_json()})
    return metadata


def _encoding(dtype: str) -> dict[str, Any]:
    """What makes the embeddings small: floats by their bytes' places, steps by their 8 bits."""
    words = ["date", "geometry", "mgrs"]
    if dtype == "int8":  # Parquet keeps them as 32 bits else
        return {"use_dictionary": [*words, _NUMBERS]}
    if dtype == "float16":  # DuckDB reads no others of these
        return {"use_dictionary": words}
    return {"use_dictionary": words, "column_encoding": {_NUMBERS: "BYTE_STREAM_SPLIT"}}


def _stored(
    rows: Sequence[EmbeddedChip], vectors: npt.NDArray[np.float32], dtype: str
) -> dict[str, npt.NDArray[Any]]:
    """The columns of numbers as they are stored."""
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    if dtype == "int8":
        steps, scale = to_int8(vectors)
        return {"embeddings": steps, "scale": scale}
    if dtype == "float16":
        return {"embeddings": to_float16(vectors, [row.chip.chip_id for row in rows])}
    return {"embeddings": vectors}


def _table(
    rows: Sequence[EmbeddedChip], stored: dict[str, npt.NDArray[Any]], schema: pa.Schema
) -> pa.Table:
    chips = [row.chip for row in rows]
    footprints = np.array([row.footprint for row in rows])
    bounds = [pa.array(values) for values in shapely.bounds(footprints).T]
    columns = {
        "source_url": [row.source_url for row in rows],
        "date": np.array([chip.date for chip in chips], dtype="datetime64[D]"),
        "geometry": shapely.to_wkb(footprints),
        "chip_id": [chip.chip_id for chip in chips],
        "mgrs": [chip.mgrs for chip in chips],
        "chip_hash": [chip.content_hash for chip in chips],
        "bbox": pa.StructArray.from_arrays(bounds, names=BOUNDS),
        "cloud_share": [chip.cloud_share for chip in chips],
        "nodata_share": [chip.nodata_share for chip in chips],
        **stored,
        "embeddings": tensors(stored["embeddings"], schema.field("embeddings").type.shape),
    }
    return pa.table(columns, schema=schema)
