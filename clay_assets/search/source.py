"""The embedding files that are indexed, and their rows as an index keeps them.

Embeddings with one vector a chip are indexed, whatever it was taken from. All of a product must
come from one checkpoint, else they cannot be compared: the newest file says which; files of another
are left out and named.
"""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from clay_assets.embeddings.dtypes import vectors_of
from clay_assets.embeddings.file import METADATA_KEY, FileMetadata, read_rows
from clay_assets.embeddings.listing import EmbeddingFile, find_file, list_files
from clay_assets.errors import ProductError, SearchError
from clay_assets.provenance import fingerprint
from clay_assets.search.filters import unwrapped_bounds
from clay_assets.search.hits import ROW_SCHEMA, embedding_of, unit_vectors
from clay_assets.store import Store

BOUNDS = ("west", "south", "east", "north")
"""Columns of a chip's bounding box in degrees, unwrapped at the antimeridian."""
_LOOKUPS_AT_ONCE = 16
_COLUMNS = ["chip_id", *ROW_SCHEMA.names[1:]]


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
    recipe: str
    """Embeddings of different recipes cannot be compared."""
    level: str
    """One of `extraction.LEVELS`."""
    is_one_vector: bool
    """Whether a chip has one vector."""
    width: int
    """Numbers in an embedding."""
    rows: int
    """Chips."""
    data_version: str
    """Fingerprint of its rows."""

    @property
    def version(self) -> str:
        """Changes with anything that an index takes from the file."""
        return fingerprint(self.checkpoint_id, self.recipe, self.width, self.data_version)


@dataclass(frozen=True)
class Sources:
    """What there is to index."""

    files: tuple[SourceFile, ...]
    """By product and tile."""
    left_out: tuple[str, ...]
    """Files that are not indexed, each with the reason."""


def find_sources(store: Store, product: str | None = None) -> Sources:
    """What there is to index, of one product or of all."""
    newest_first = sorted(list_files(store, product), key=lambda file: file.modified, reverse=True)
    with ThreadPoolExecutor(_LOOKUPS_AT_ONCE) as pool:
        described = list(pool.map(lambda file: _describe(store, file), newest_first))
    newest: dict[str, SourceFile] = {}
    files: list[SourceFile] = []
    left_out: list[str] = []
    for found in described:
        if isinstance(found, SourceFile):
            reason = _why_not(found, newest.setdefault(found.product, found))
            if reason is None:
                files.append(found)
                continue
            found = reason
        left_out.append(found)
    files.sort(key=lambda file: (file.product, file.tile))
    return Sources(tuple(files), tuple(sorted(left_out)))


def find_source(store: Store, product: str, tile: str) -> SourceFile:
    """The file to index of one tile, found without opening those of all other tiles.

    Raises:
        NotFoundError: the tile has no embeddings of the product.
        SearchError: they cannot be searched, or not together with the product's newest.
    """
    own = _describe(store, find_file(store, product, tile))
    if not isinstance(own, SourceFile):
        raise SearchError(own)
    newest = _describe(store, max(list_files(store, product), key=lambda file: file.modified))
    reason = _why_not(own, newest if isinstance(newest, SourceFile) else own)
    if reason:
        raise SearchError(reason)
    return own


def read_source(store: Store, file: SourceFile) -> Iterator[pa.Table]:
    """The rows of a file, some thousand at a time.

    Yields:
        Columns of `hits.ROW_SCHEMA` and `BOUNDS`, and `embedding`, unit vectors of float32.

    Raises:
        SearchError: an embedding is not finite or has no length.
    """
    for rows in read_rows(store, file.key, [*_COLUMNS, "embeddings"]):
        yield _rows(rows, file)


def sample_vectors(
    store: Store, files: Sequence[SourceFile], most: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """About `most` unit vectors, drawn from up to 64 of the files."""
    chosen = rng.permutation(len(files))[:64]
    share = most / sum(files[number].rows for number in chosen)
    for number in chosen:
        for table in read_source(store, files[number]):
            vectors = embedding_of(table)
            yield vectors[rng.random(len(vectors)) < share]


def _why_not(file: SourceFile, newest: SourceFile) -> str | None:
    """Why a file is not indexed, given the product's newest; None if it is."""
    if not file.is_one_vector:
        return f"{file.key}: level {file.level}; only levels with one vector a chip are searched"
    if file.recipe != newest.recipe:
        return (
            f"{file.key}: made by checkpoint {file.checkpoint_id} (recipe {file.recipe}), the "
            f"newest of {file.product} by {newest.checkpoint_id} (recipe {newest.recipe}); "
            f"materialise embeddings/{file.product} of tile {file.tile} again"
        )
    return None


def _describe(store: Store, file: EmbeddingFile) -> SourceFile | str:
    """What a file's own metadata says of it, or why it cannot be told."""
    with store.open(file.key) as opened:
        footer = pq.read_metadata(opened)
    text = (footer.metadata or {}).get(METADATA_KEY.encode())
    if text is None:
        return f"{file.key}: was not written by this package, it has no metadata {METADATA_KEY!r}"
    try:
        meta = FileMetadata.from_json(text)
    except (KeyError, TypeError, ProductError) as error:
        return f"{file.key}: its metadata {METADATA_KEY!r} are of another version ({error})"
    return SourceFile(
        key=file.key,
        product=file.product,
        tile=file.tile,
        checkpoint_id=meta.checkpoint_id,
        recipe=meta.recipe,
        level=meta.level,
        is_one_vector=meta.extraction.is_one_vector,
        width=math.prod(meta.shape),
        rows=footer.num_rows,
        data_version=meta.data_version,
    )


def _rows(table: pa.Table, file: SourceFile) -> pa.Table:
    vectors = unit_vectors(vectors_of(table["embeddings"]))
    bad = ~np.isfinite(vectors).all(axis=1)
    if bad.any():
        chip_id = table["chip_id"][int(np.argmax(bad))]
        raise SearchError(
            f"{file.key}: the embedding of chip {chip_id} is all zeros or not finite; "
            f"materialise embeddings/{file.product} of tile {file.tile} again"
        )
    cloud_share = pa.array(table["cloud_share"].to_numpy(), pa.float32(), from_pandas=True)
    bounds = unwrapped_bounds(shapely.from_wkb(table["geometry"].to_numpy()))
    rows = table.drop_columns(["embeddings"]).set_column(
        table.schema.get_field_index("mgrs"), "mgrs", pa.array([file.tile] * len(table))
    )
    rows = rows.set_column(rows.schema.get_field_index("cloud_share"), "cloud_share", cloud_share)
    for name, values in zip(BOUNDS, bounds.T, strict=True):
        rows = rows.append_column(name, pa.array(values))
    flat = pa.array(vectors.ravel(), pa.float32())
    rows = rows.rename_columns({"chip_id": "id"})
    return rows.append_column(
        "embedding", pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    )
