"""How much of the true answer an index gives: its own way against scoring every chip."""

import time
from dataclasses import dataclass

import numpy as np

from clay_assets.search.index import Index
from clay_assets.search.query import Query


@dataclass(frozen=True)
class Recall:
    """Answers of an index beside the true ones."""

    recall: float
    """Share of the true k nearest chips that it gave, 0 to 1."""
    samples: int
    """Queries asked."""
    k: int
    """Neighbours a query."""
    same_order_share: float
    """Share of queries with the very same chips in the same order."""
    score_difference: float
    """Largest difference of a score from the true one, over chips in both answers."""
    exact_share: float
    """Share of queries that the index itself answered by scoring every chip."""
    median_ms: float
    """Time of its answers, half were faster."""


def measure_recall(
    index: Index,
    product: str,
    *,
    reference: Index | None = None,
    k: int = 10,
    samples: int = 100,
    seed: int = 0,
) -> Recall:
    """Ask for the neighbours of chips drawn by seed, as a user would and by scoring every chip.

    Every other query is filtered to the tile of another chip: that leaves out most of what looks
    like the query, and is the hardest case for a sketch.

    Args:
        index: what is measured.
        product: embedding product.
        reference: index that gives the true answers; `index` itself by default.
        k: neighbours a query.
        samples: most queries.
        seed: of the chips.

    Raises:
        NotFoundError: an index or product is not there.
    """
    reference = reference or index
    drawn = index.sample(product, samples, seed=seed)
    tiles = np.roll(drawn["mgrs"].to_numpy(), 1)
    found = true = same = exact = 0
    seconds, differences = [], [0.0]
    for number, (row_id, tile) in enumerate(zip(drawn["id"], tiles, strict=True)):
        query = Query(product, k, row_id, mgrs=tile if number % 2 else None)
        started = time.perf_counter()
        served = index.search(query)
        seconds.append(time.perf_counter() - started)
        truth = reference.search(query, exact=True)
        scores = dict(zip(served.frame["id"], served.frame["score"], strict=True))
        both = [row for row in truth.frame.itertuples() if row.id in scores]
        differences += [abs(row.score - scores[row.id]) for row in both]
        found += len(both)
        true += len(truth.frame)
        same += list(scores) == truth.frame["id"].tolist()
        exact += served.exact
    return Recall(
        recall=found / true if true else 1.0,
        samples=len(drawn),
        k=k,
        same_order_share=same / max(1, len(drawn)),
        score_difference=max(differences),
        exact_share=exact / max(1, len(drawn)),
        median_ms=float(np.median(seconds or [0.0])) * 1000,
    )
