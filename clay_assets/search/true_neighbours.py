"""The true nearest neighbours of some rows, and the share of them that an index finds."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from clay_assets.search.hits import ENGINE_ERROR

NEIGHBOURS = 10
"""Of each query; the recall is recall@10."""
Scores = npt.NDArray[np.float32]


def worst_of_true(queries: int, blocks: Iterable[Scores]) -> Scores:
    """(Q,) score of the last of each query's true neighbours; -inf where there are not enough.

    Args:
        queries: how many, Q.
        blocks: (Q, N) scores of some rows after the other, of all there are; -inf where a row is
            not to be found by a query, as itself.
    """
    best = np.full((queries, NEIGHBOURS), -np.inf, np.float32)
    for scores in blocks:
        both = np.concatenate([best, scores], axis=1)
        best = np.partition(both, both.shape[1] - NEIGHBOURS, axis=1)[:, -NEIGHBOURS:]
    worst: Scores = best.min(axis=1)
    return worst


def share_found(served: Iterable[Scores], worst: Scores, wanted: Sequence[int]) -> float:
    """Share of the true neighbours that an index gave, 0 to 1; 1 where there are none.

    Args:
        served: for each query the scores of the rows that the index gave, itself left out.
        worst: (Q,) what `worst_of_true` gives.
        wanted: for each query how many true neighbours there are, at most `NEIGHBOURS`.
    """
    found = sum(
        min(most, int((scores >= least - ENGINE_ERROR).sum()))
        for scores, least, most in zip(served, worst, wanted, strict=True)
    )
    return found / sum(wanted) if any(wanted) else 1.0
