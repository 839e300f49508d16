"""What is read of single rows of the DuckDB index, in files beside it: a row is found by its place.

Four files a product, memory-mapped: vectors and their sketches as .npy, what an index tells of a
row as Arrow, and the places of ids. Of a thousand rows scattered over a million only those are
read, and a scan runs at the speed of memory; columns of a database give neither.
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
from clay_assets.search.best_rows import Vectors
from clay_assets.search.hits import ROW_SCHEMA, embedding_of
from clay_assets.search.sketch import Places, Words, sketch_words

ROW_FOLDER = "indexes/rows"
"""Where the files lie in the store."""
_KINDS = ("vectors.npy", "words.npy", "rows.arrow", "ids.npy")
_ROWS_AT_ONCE = 8_192


def row_keys(name: str) -> tuple[str, ...]:
    """Where the four files of that name lie."""
    return tuple(f"{ROW_FOLDER}/{name}.{kind}" for kind in _KINDS)


@dataclass(frozen=True)
class RowFiles:
    """The rows of one product."""

    vectors: Vectors
    """(N, D), a memory map."""
    words: Words
    """(W, N), a memory map of their sketches; (0, N) without."""
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

    def ids_at(self, places: Places) -> npt.NDArray[np.str_]:
        """Ids of the rows at some places."""
        batch_of = np.searchsorted(self._starts, places, side="right") - 1
        rows = places - self._starts[batch_of]
        ids = [batch["id"] for batch in self._batches]
        return np.array(
            [ids[batch][int(row)].as_py() for batch, row in zip(batch_of, rows, strict=True)],
            dtype=str,
        )

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
    vectors, words, rows, ids = paths
    try:
        return RowFiles(
            _mapped(vectors),
            _mapped(words),
            pa.ipc.open_file(pa.memory_map(str(rows))).read_all(),
            _mapped(ids),
        )
    except (ValueError, EOFError, pa.ArrowInvalid) as error:
        raise UnusableIndexError(
            f"{', '.join(path.name for path in paths[:-1])} or {ids.name} in {rows.parent} does "
            f"not hold rows of an index: {error}; delete the index and materialise duckdb_index "
            "again"
        ) from error


def _mapped(path: Path) -> np.ndarray:
    """A .npy file as a plain array: numpy's own class for maps costs time at every slice."""
    return np.asarray(np.load(path, mmap_mode="r"))


@contextmanager
def writing_row_files(
    paths: Sequence[Path], rows: int, width: int, centre: npt.NDArray[np.float32] | None
) -> Iterator[Callable[[pa.Table], None]]:
    """Gives a function that appends rows with their vectors, some at a time.

    Args:
        paths: of the files.
        rows: how many there will be.
        width: numbers in a vector.
        centre: of the sketches; None for none.

    Raises:
        SearchError: there were not as many as was said.
    """
    hashes = [np.empty(0, np.uint64)]
    words = np.zeros((0 if centre is None else -(-width // 64), rows), np.uint64)
    with paths[0].open("wb") as vectors, pa.ipc.new_file(str(paths[2]), ROW_SCHEMA) as writer:
        np.lib.format.write_array_header_1_0(
            vectors, {"descr": "<f4", "fortran_order": False, "shape": (rows, width)}
        )

        def append(part: pa.Table) -> None:
            numbers = np.ascontiguousarray(embedding_of(part))
            vectors.write(numbers.data)
            if centre is not None:
                place = sum(map(len, hashes))
                words[:, place : place + len(part)] = sketch_words(numbers, centre)
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
    for path, numbers in ((paths[1], words), (paths[3], np.stack([hashed[order], order]))):
        with path.open("wb") as file:  # by its name, numpy would add .npy
            np.save(file, numbers)


def _hashes(ids: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.uint64]:
    """The same on every machine, as they are kept."""
    names = np.asarray(ids.to_pylist(), dtype=object)
    hashed: npt.NDArray[np.uint64] = pd.util.hash_array(names, categorize=False)
    return hashed
