"""The embedding files that are indexed, and their rows as an index keeps them.

Only embeddings of level `mean` are indexed: one vector a chip. All of a product must come from one
checkpoint, else they cannot be compared: the newest file says which; files of another are left
out and named.
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from clay_assets.errors import SearchError
from clay_assets.search.filters import unwrapped_bounds
from clay_assets.search.hits import ROW_SCHEMA, unit_vectors, vectors_of
from clay_assets.store import Store, StoredFile

BOUNDS = ("xmin", "ymin", "xmax", "ymax")
"""Columns of a chip's bounding box in degrees, unwrapped at the antimeridian."""
ROWS_AT_ONCE = 4096
_LOOKUPS_AT_ONCE = 16


@dataclass(frozen=True)
class SourceFile:
    """One embedding file: the chips of one tile in one product."""

    key: str
    """Where it lies in the store."""
    product: str
    """Embedding product."""
    tile: str
    """MGRS tile."""
    checkpoint_id: str
    """Checkpoint the embeddings come from."""
    width: int
    """Numbers in an embedding."""
    rows: int
    """Chips."""
    data_version: str
    """Changes with the content."""
    run_id: str
    """Run that wrote it."""


@dataclass(frozen=True)
class Sources:
    """What there is to index."""

    files: tuple[SourceFile, ...]
    """By product and tile."""
    left_out: tuple[str, ...]
    """Files that are not indexed, each with the reason."""


def find_sources(store: Store, product: str | None = None) -> Sources:
    """What there is to index, of one product or of all."""
    prefix = f"embeddings/{product}" if product else "embeddings"
    stored = [file for file in store.files(prefix) if file.key.endswith(".gpq")]
    with ThreadPoolExecutor(_LOOKUPS_AT_ONCE) as pool:
        described = list(pool.map(lambda file: _describe(store, file), stored))
    newest_first = sorted(
        zip(stored, described, strict=True), key=lambda pair: pair[0].modified, reverse=True
    )
    checkpoints: dict[str, str] = {}
    files: dict[tuple[str, str], SourceFile] = {}
    left_out: list[str] = []
    for _, (file, level) in newest_first:
        current = checkpoints.setdefault(file.product, file.checkpoint_id)
        if level != "mean":
            left_out.append(f"{file.key}: level {level}, only mean is searched")
        elif file.checkpoint_id != current:
            left_out.append(
                f"{file.key}: checkpoint {file.checkpoint_id}, but {file.product} now has "
                f"{current}; materialise its embeddings again"
            )
        else:
            files.setdefault((file.product, file.tile), file)
    return Sources(tuple(files[place] for place in sorted(files)), tuple(sorted(left_out)))


def read_source(store: Store, file: SourceFile) -> Iterator[pa.Table]:
    """The rows of a file, some thousand at a time.

    Yields:
        Columns of `hits.ROW_SCHEMA` and `BOUNDS`, and `embedding`, unit vectors of float32.

    Raises:
        SearchError: an embedding is not finite or has no length.
    """
    with store.open(file.key) as opened:
        columns = [*ROW_SCHEMA.names, "embeddings"]
        for batch in pq.ParquetFile(opened).iter_batches(ROWS_AT_ONCE, columns=columns):
            yield _rows(pa.Table.from_batches([batch]), file)


def sample_vectors(
    store: Store, files: Sequence[SourceFile], most: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """About `most` unit vectors, drawn from up to 64 of the files."""
    chosen = rng.permutation(len(files))[:64]
    share = most / sum(files[number].rows for number in chosen)
    for number in chosen:
        for table in read_source(store, files[number]):
            vectors = vectors_of(table)
            yield vectors[rng.random(len(vectors)) < share]


def _describe(store: Store, stored: StoredFile) -> tuple[SourceFile, str]:
    """What a file's own metadata says of it, and its level."""
    with store.open(stored.key) as opened:
        footer = pq.read_metadata(opened)
    meta = json.loads(footer.metadata[b"clay_assets"])
    path = PurePosixPath(stored.key)
    tile = path.name.partition("_")[0]
    file = SourceFile(
        stored.key,
        path.parent.name,
        tile,
        meta["checkpoint_id"],
        int(np.prod(meta["shape"])),
        footer.num_rows,
        meta["data_version"],
        meta["run_id"],
    )
    return file, str(meta["level"])


def _rows(table: pa.Table, file: SourceFile) -> pa.Table:
    vectors = unit_vectors(vectors_of(table, "embeddings"))
    bad = ~np.isfinite(vectors).all(axis=1)
    if bad.any():
        chip_id = table["chip_id"][int(np.argmax(bad))]
        raise SearchError(
            f"{file.key}: the embedding of chip {chip_id} is all zeros or not finite; "
            f"materialise embeddings/{file.product} of tile {file.tile} again"
        )
    bounds = unwrapped_bounds(shapely.from_wkb(table["geometry"].to_numpy()))
    rows = table.drop_columns(["embeddings"]).set_column(
        table.schema.get_field_index("mgrs"), "mgrs", pa.array([file.tile] * len(table))
    )
    for name, values in zip(BOUNDS, bounds.T, strict=True):
        rows = rows.append_column(name, pa.array(values))
    flat = pa.array(vectors.ravel(), pa.float32())
    return rows.append_column(
        "embedding", pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    )
