"""How a query is answered: score every row, let a sketch choose which to score, or walk a graph.

Source:
    Measurements of exact scans and sketches at 1e5 and 1e6 rows: a scan is as fast below
    `EXACT_MAX_ROWS`; a rerank of 1000 loses nothing without filters, one of 4000 nothing under the
    hardest filter (one that leaves out whatever looks like the query). Of the best 20 in a
    direction that ridge regression made, 1000 of 21,000 rows keep 18, and 2000 all.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

EXACT_MAX_ROWS = 10_000
"""Up to this many rows are all scored."""
_RERANK = 1_000
_RERANK_HARD = 4_000
_RERANK_PER_HIT = 10

How = Literal["exact", "sketch", "hnsw"]


@dataclass(frozen=True)
class Plan:
    """One way to find the best rows."""

    how: How
    """`exact`: every row that passes the filters is scored. `sketch`: the `rerank` rows whose
    sketch is nearest to that of a positive are. `hnsw`: those that a walk over the graph finds."""
    rerank: int | None = None
    """How many rows a sketch proposes."""


EXACT = Plan("exact")


@dataclass(frozen=True)
class Task:
    """What of a query and a product decides how it is answered."""

    rows: int
    """Rows of the product."""
    last_rank: int
    """Rank of the last hit that is asked for."""
    candidates: int
    """Rows that the engine is asked for."""
    is_filtered: bool
    """Whether some rows are left out."""
    is_single: bool
    """Whether one vector is looked for, like those of rows: one positive, no negative, and not a
    direction that a mode made of several."""
    has_sketches: bool
    """Whether the product has sketches."""
    hnsw_ef: int | None
    """Rows that a walk over the product's graph keeps in hand; None without a graph."""


def choose(task: Task, matches: Callable[[int], int]) -> Plan:
    """The plan that costs least and loses nothing.

    Args:
        task: what is asked.
        matches: counts the rows that pass the filters, up to so many.
    """
    sketched = by_sketch(task)
    # Fetching a row by its sketch costs as much as scoring four.
    most = max(EXACT_MAX_ROWS, 4 * sketched.rerank) if sketched.rerank else task.rows
    if task.rows <= most or (task.is_filtered and matches(most + 1) <= most):
        return EXACT
    if task.hnsw_ef is not None and task.is_single and not task.is_filtered:
        if task.candidates <= task.hnsw_ef:
            return Plan("hnsw")
    return sketched


def by_sketch(task: Task) -> Plan:
    """The plan with sketches, or to score every row where there are none."""
    if not task.has_sketches:
        return EXACT
    rerank = _RERANK if task.is_single and not task.is_filtered else _RERANK_HARD
    return Plan("sketch", max(rerank, _RERANK_PER_HIT * task.last_rank))
