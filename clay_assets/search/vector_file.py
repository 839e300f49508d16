"""The vectors of an index, in one file a product: a row is found by its place alone.

They lie beside the database, as .npy: of a thousand rows scattered over a million only those are
read, and a scan runs at the speed of memory. Columns of a database give neither.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from clay_assets.errors import SearchError
from clay_assets.search.hits import Examples
from clay_assets.search.query import NEGATIVE_WEIGHT

VECTORS_FOLDER = "indexes/vectors"
"""Where the files lie in the store."""
Vectors = npt.NDArray[np.float32]
"""(N, D), unit length; a memory map."""
_ROWS_AT_ONCE = 8_192


def vectors_key(product: str, version: str) -> str:
    """Where the vectors of a product lie, for a version of its rows."""
    return f"{VECTORS_FOLDER}/{product}_{version}.npy"


def open_vectors(path: Path) -> Vectors:
    """Vectors as they lie on disk, none is read yet.

    Raises:
        SearchError: it is not such a file.
    """
    try:
        vectors: Vectors = np.load(path, mmap_mode="r")
    except (ValueError, EOFError) as error:
        raise SearchError(
            f"{path} does not hold the vectors of an index: {error}; delete the index and "
            "materialise duckdb_index again"
        ) from error
    return vectors


@contextmanager
def writing_vectors(path: Path, rows: int, width: int) -> Iterator[Callable[[Vectors], None]]:
    """Gives a function that appends vectors, some at a time.

    Raises:
        SearchError: there were not as many as was said.
    """
    written = 0
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f4", "fortran_order": False, "shape": (rows, width)}
        )

        def append(vectors: Vectors) -> None:
            nonlocal written
            for start in range(0, len(vectors), _ROWS_AT_ONCE):
                file.write(np.ascontiguousarray(vectors[start : start + _ROWS_AT_ONCE]).data)
            written += len(vectors)

        yield append
    if written != rows:
        raise SearchError(
            f"{rows} rows were to be indexed and {written} were read: embeddings were written "
            "anew meanwhile; build the index again"
        )


def best_places(
    vectors: Vectors, examples: Examples, most: int, places: npt.NDArray[np.uint32] | None = None
) -> npt.NDArray[np.uint32]:
    """Places of the `most` best rows by their float32 score, in no order.

    Args:
        vectors: of the product.
        examples: what is looked for.
        most: rows that are wanted.
        places: rows that may be chosen; all by default.
    """
    if places is None:
        places, parts = np.arange(len(vectors), dtype=np.uint32), _slices(len(vectors))
        scores = [_scores(vectors[part], examples) for part in parts]
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
