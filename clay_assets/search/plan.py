"""How a query is answered: score every row, let a sketch choose which to score, or walk a graph.

How many rows a sketch has to propose is measured when an index is built, see `sketch_recall`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

EXACT_MAX_ROWS = 10_000
"""Up to this many rows are all scored."""
LEAST_RERANK = 1_000
"""A sketch proposes so many rows or more: scoring them costs next to nothing."""
LEAST_RERANK_HARD = 4_000
"""The same where few rows look like the query: under a filter, or for several examples."""
_UNMEASURED_PER_HIT = 40

How = Literal["exact", "sketch", "hnsw"]


@dataclass(frozen=True)
class Rerank:
    """How many rows the sketches of a product have to propose, measured for one kind of query."""

    k: int
    """Hits that are asked for, or fewer."""
    is_hard: bool
    """Whether most of what looks like the query is left out by a filter."""
    rows: int
    """Rows that are proposed, and then scored."""
    recall: float
    """Share of the true k nearest rows that are among them, 0 to 1."""


@dataclass(frozen=True)
class Plan:
    """One way to find the best rows."""

    how: How
    """`exact`: every row that passes the filters is scored. `sketch`: the `rerank` rows whose
    sketch is nearest to that of a positive are. `hnsw`: those that a walk over the graph finds."""
    rerank: int | None = None
    """How many rows a sketch proposes."""
    recall: float | None = None
    """Share of the true hits that it finds; None where that was not measured."""


EXACT = Plan("exact", recall=1.0)


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
    reranks: tuple[Rerank, ...] = ()
    """What these have to propose; empty while that was not measured."""
    hnsw_ef: int | None = None
    """Rows that a walk over the product's graph keeps in hand; None without a graph."""
    hnsw_recall: float | None = None
    """Share of the true hits that such walks find."""

    @property
    def is_hard(self) -> bool:
        """Whether it may be that most of what looks like the query is left out."""
        return self.is_filtered or not self.is_single


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
            return Plan("hnsw", recall=task.hnsw_recall)
    return sketched


def by_sketch(task: Task) -> Plan:
    """The plan with sketches, or to score every row where there are none."""
    if not task.has_sketches:
        return EXACT
    unmeasured = max(LEAST_RERANK_HARD, _UNMEASURED_PER_HIT * task.last_rank)
    measured = {one.k: one for one in task.reranks if one.is_hard == task.is_hard}
    if not measured:
        return Plan("sketch", unmeasured)
    k = min((k for k in measured if k >= task.last_rank), default=max(measured))
    rows = max(measured[k].rows, -(-measured[k].rows * task.last_rank // k))
    if not task.is_single:  # several examples were not measured
        return Plan("sketch", max(rows, unmeasured))
    return Plan("sketch", rows, measured[k].recall if task.last_rank <= k else None)
