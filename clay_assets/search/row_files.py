"""What is read of single rows of the DuckDB index, in files beside it: a row is found by its place.

Three files a product, memory-mapped: vectors as .npy, what an index tells of a row as Arrow, and
the places of ids. Of a thousand rows scattered over a million only those are read, and a scan of
vectors runs at the speed of memory; columns of a database give neither.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from clay_assets.errors import SearchError, UnusableIndexError
from clay_assets.search.hits import ROW_SCHEMA, Examples, embedding_of
from clay_assets.search.query import NEGATIVE_WEIGHT

ROW_FOLDER = "indexes/rows"
"""Where the files lie in the store."""
Vectors = npt.NDArray[np.float32]
"""(N, D), unit length."""
Places = npt.NDArray[np.uint32]
"""(N,) numbers of rows."""
_KINDS = ("vectors.npy", "rows.arrow", "ids.npy")
_ROWS_AT_ONCE = 8_192


def row_keys(name: str) -> tuple[str, str, str]:
    """Where the three files of that name lie."""
    vectors, rows, ids = (f"{ROW_FOLDER}/{name}.{kind}" for kind in _KINDS)
    return vectors, rows, ids


@dataclass(frozen=True)
class RowFiles:
    """The rows of one product."""

    vectors: Vectors
    """(N, D), a memory map."""
    rows: pa.Table
    """`hits.ROW_SCHEMA`, (N,), in memory-mapped batches."""
    hashes: npt.NDArray[np.uint64]
    """(2, N): hashes of the ids in order, and the place of each."""

    def take(self, places: Places, *, vectors: bool) -> pa.Table:
        """`hits.ROW_SCHEMA` of the rows at some places, and `embedding` if asked for."""
        order = np.argsort(places)
        batch_of = np.searchsorted(self._starts, places[order], side="right") - 1
        cuts = np.flatnonzero(np.diff(batch_of)) + 1
        parts = [
            self._batches[batch[0]].take(pa.array(places[own] - self._starts[batch[0]]))
            for own, batch in zip(np.split(order, cuts), np.split(batch_of, cuts), strict=True)
            if len(own)
        ]
        found = pa.Table.from_batches(parts, schema=ROW_SCHEMA)
        if vectors:
            flat = pa.array(self.vectors[places[order]].ravel())
            lists = pa.FixedSizeListArray.from_arrays(flat, self.vectors.shape[1])
            found = found.append_column("embedding", lists)
        return found.take(pa.array(np.argsort(order)))

    def places_of(self, ids: Sequence[str]) -> Places:
        """Places of the rows of some ids, in no order; of those that there are."""
        wanted = _hashes(pa.array(ids, pa.string()))
        left, right = (np.searchsorted(self.hashes[0], wanted, side) for side in ("left", "right"))
        found = [self.hashes[1, start:end] for start, end in zip(left, right, strict=True)]
        places = np.unique(np.concatenate([np.empty(0, np.uint64), *found])).astype(np.uint32)
        names = self.take(places, vectors=False)["id"].to_numpy()
        is_wanted: npt.NDArray[np.bool_] = np.isin(names, ids)
        return places[is_wanted]

    def parts(self, first: int, count: int) -> Iterator[pa.Table]:
        """Rows one after the other with their vectors, some thousand at a time."""
        for start in range(first, first + count, _ROWS_AT_ONCE):
            end = min(start + _ROWS_AT_ONCE, first + count)
            yield self.take(np.arange(start, end, dtype=np.uint32), vectors=True)

    @cached_property
    def _batches(self) -> list[pa.RecordBatch]:
        return [batch for batch in self.rows.to_batches() if batch.num_rows]

    @cached_property
    def _starts(self) -> npt.NDArray[np.int64]:
        starts: npt.NDArray[np.int64] = np.cumsum([0, *(b.num_rows for b in self._batches)])
        return starts[:-1] if self._batches else starts


def open_row_files(paths: Sequence[Path]) -> RowFiles:
    """The files as they lie on disk, next to nothing is read yet.

    Raises:
        UnusableIndexError: one is not such a file.
    """
    vectors, rows, ids = paths
    try:
        return RowFiles(
            np.load(vectors, mmap_mode="r"),
            pa.ipc.open_file(pa.memory_map(str(rows))).read_all(),
            np.load(ids, mmap_mode="r"),
        )
    except (ValueError, EOFError, pa.ArrowInvalid) as error:
        raise UnusableIndexError(
            f"{vectors.name}, {rows.name} or {ids.name} in {rows.parent} does not hold rows of an "
            f"index: {error}; delete the index and materialise duckdb_index again"
        ) from error


@contextmanager
def writing_row_files(
    paths: Sequence[Path], rows: int, width: int
) -> Iterator[Callable[[pa.Table], None]]:
    """Gives a function that appends rows with their vectors, some at a time.

    Raises:
        SearchError: there were not as many as was said.
    """
    hashes = [np.empty(0, np.uint64)]
    with paths[0].open("wb") as vectors, pa.ipc.new_file(str(paths[1]), ROW_SCHEMA) as writer:
        np.lib.format.write_array_header_1_0(
            vectors, {"descr": "<f4", "fortran_order": False, "shape": (rows, width)}
        )

        def append(part: pa.Table) -> None:
            vectors.write(np.ascontiguousarray(embedding_of(part)).data)
            writer.write_table(part.select(ROW_SCHEMA.names), max_chunksize=_ROWS_AT_ONCE)
            hashes.append(_hashes(part["id"]))

        yield append
    hashed = np.concatenate(hashes)
    if len(hashed) != rows:
        raise SearchError(
            f"{rows} rows were to be indexed and {len(hashed)} were read: embeddings were written "
            "anew meanwhile; build the index again"
        )
    order = np.argsort(hashed).astype(np.uint64)
    with paths[2].open("wb") as ids:
        np.save(ids, np.stack([hashed[order], order]))


def best_places(
    vectors: Vectors, examples: Examples, most: int, places: Places | None = None
) -> Places:
    """Places of the `most` best rows by their float32 score, in no order.

    Args:
        vectors: of the product.
        examples: what is looked for.
        most: rows that are wanted.
        places: rows that may be chosen; all by default.
    """
    if places is None:
        places = np.arange(len(vectors), dtype=np.uint32)
        scores = [_scores(vectors[part], examples) for part in _slices(len(vectors))]
    else:
        places = np.sort(places)
        scores = [_scores(vectors[places[part]], examples) for part in _slices(len(places))]
    found = np.concatenate([np.empty(0, np.float32), *scores])
    if len(found) <= most:
        return places
    return places[np.argpartition(found, len(found) - most)[len(found) - most :]]


def _slices(rows: int) -> list[slice]:
    return [slice(start, start + _ROWS_AT_ONCE) for start in range(0, rows, _ROWS_AT_ONCE)]


def _scores(vectors: Vectors, examples: Examples) -> Vectors:
    """(N,) float32; see `hits.score` for what they mean."""
    found: Vectors = (vectors @ examples.positives.T).max(axis=1)
    if len(examples.negatives):
        found -= np.float32(NEGATIVE_WEIGHT) * (vectors @ examples.negatives.T).max(axis=1)
    return found


def _hashes(ids: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """The same on every machine, as they are kept."""
    names = np.asarray(ids.to_pylist(), dtype=object)
    hashed: npt.NDArray[np.uint64] = pd.util.hash_array(names, categorize=False)
    return hashed
