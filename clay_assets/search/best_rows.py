"""Choosing the best of many rows by their vectors, at the speed of memory."""

import threading
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from clay_assets.search.hits import Examples
from clay_assets.search.query import NEGATIVE_WEIGHT
from clay_assets.search.sketch import Places

Vectors = npt.NDArray[np.float32]
"""(N, D), unit length."""
_ROWS_AT_ONCE = 8_192
_ONE_AT_A_TIME = threading.Lock()
"""Held by whoever multiplies: one product takes all that memory gives, and of several at once the
threads of BLAS spin against each other, which costs twenty times the processor's time."""
_GATHER_COST = 5  # of a row picked out, in rows read one after the other; measured


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
        scores = [_scores(vectors[part], examples) for part in _parts(len(vectors))]
    else:
        places = np.sort(places)
        scores = list(_scores_at(vectors, examples, places))
    found = np.concatenate([np.empty(0, np.float32), *scores])
    if len(found) <= most:
        return places
    return places[np.argpartition(found, len(found) - most)[len(found) - most :]]


def _parts(rows: int) -> list[slice]:
    return [slice(start, start + _ROWS_AT_ONCE) for start in range(0, rows, _ROWS_AT_ONCE)]


def _scores_at(vectors: Vectors, examples: Examples, places: Places) -> Iterator[Vectors]:
    """Scores at places in order; where these lie close, of all rows there: that reads on."""
    parts = _parts(len(vectors))
    cuts = np.searchsorted(places, [part.start for part in parts[1:]])
    for part, own in zip(parts, np.split(places, cuts), strict=True):
        if len(own) * _GATHER_COST >= _ROWS_AT_ONCE:
            yield _scores(vectors[part], examples)[own - part.start]
        elif len(own):
            yield _scores(vectors[own], examples)


def _scores(vectors: Vectors, examples: Examples) -> Vectors:
    """(N,) float32; see `hits.score` for what they mean."""
    found = _nearest(vectors, examples.positives)
    if len(examples.negatives):
        found -= np.float32(NEGATIVE_WEIGHT) * _nearest(vectors, examples.negatives)
    return found


def _nearest(vectors: Vectors, examples: Vectors) -> Vectors:
    """(N,) the largest inner product with one of some vectors."""
    with _ONE_AT_A_TIME:
        scores: Vectors = vectors @ (examples[0] if len(examples) == 1 else examples.T)
    return scores if scores.ndim == 1 else scores.max(axis=1)
