"""How a query is answered: score every row, let a sketch choose which to score, or walk a graph.

How many rows a sketch has to propose is measured when an index is built, see `sketch_recall`. For
most queries few are enough, and the answer tells: its hits are then among the first of those that
were proposed. Only where they are not, as many are proposed as the worst queries need.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

EXACT_MAX_ROWS = 10_000
"""Up to this many rows are all scored."""
LEAST_RERANK = 1_000
"""A sketch proposes so many rows or more: scoring them costs next to nothing."""
LEAST_RERANK_HARD = 4_000
"""The same where few rows look like the query: under a filter, or for several examples."""
SURE = 4
"""Hits among the first fourth of the rows that a sketch proposed are taken for the best of all."""
MAX_EF = 1_000
"""Most rows that a walk may keep in hand, in pgvector."""
_UNMEASURED_PER_HIT = 40

How = Literal["exact", "sketch", "hnsw"]


@dataclass(frozen=True)
class Rerank:
    """How many rows the sketches of a product have to propose, measured for one kind of query."""

    k: int
    """Hits that are asked for, or fewer."""
    is_hard: bool
    """Whether most of what looks like the query is left out by a filter."""
    first: int
    """Rows that are proposed at first, and then scored."""
    rows: int
    """Rows that are proposed where the hits are not among the first of those; or as many."""
    recall: float
    """Share of the true k nearest rows that are found so, 0 to 1."""


@dataclass(frozen=True)
class Walk:
    """How long walks over the graphs of a product have to be, measured without a filter."""

    k: int
    """Hits that are asked for, or fewer."""
    ef: int
    """Rows that a walk keeps in hand; pgvector's `hnsw.ef_search`."""
    recall: float
    """Share of the true k nearest rows that it finds, 0 to 1."""


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
    is_final: bool = True
    """Whether its answer stands wherever its hits rank among the rows that a sketch proposed."""
    ef: int | None = None
    """How many rows a walk keeps in hand."""

    def stands(self, last_proposed: int) -> bool:
        """Whether an answer is taken, whose hits rank so by their sketches or before."""
        return self.is_final or self.rerank is None or SURE * last_proposed <= self.rerank


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
    walks: tuple[Walk, ...] = ()
    """How long walks over the product's graphs have to be; empty without any."""

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
    sketched, _ = _by_sketch(task)
    if _is_cheaper_exact(sketched, task, matches):
        return EXACT
    enough = [walk for walk in task.walks if walk.k >= task.last_rank]
    if enough and task.is_single and not task.is_filtered and task.candidates <= MAX_EF:
        walk = min(enough, key=lambda walk: walk.k)
        return Plan("hnsw", ef=max(walk.ef, task.candidates), recall=walk.recall)
    return sketched


def surer(plan: Plan, task: Task, matches: Callable[[int], int]) -> Plan:
    """The plan to go on with when the answer of a plan is not taken."""
    first, final = _by_sketch(task)
    wanted = first if plan.how == "hnsw" else final
    return EXACT if _is_cheaper_exact(wanted, task, matches) else wanted


def _is_cheaper_exact(plan: Plan, task: Task, matches: Callable[[int], int]) -> bool:
    """Whether scoring every row costs less than a plan with sketches."""
    # Fetching a row by its sketch costs as much as scoring four.
    most = max(EXACT_MAX_ROWS, 4 * plan.rerank) if plan.rerank else task.rows
    return task.rows <= most or (task.is_filtered and matches(most + 1) <= most)


def _by_sketch(task: Task) -> tuple[Plan, Plan]:
    """The plan with sketches to begin with and the final one; to score every row without them."""
    if not task.has_sketches:
        return EXACT, EXACT
    unmeasured = max(LEAST_RERANK_HARD, _UNMEASURED_PER_HIT * task.last_rank)
    measured = {one.k: one for one in task.reranks if one.is_hard == task.is_hard}
    if not measured:
        return (Plan("sketch", unmeasured),) * 2
    k = min((k for k in measured if k >= task.last_rank), default=max(measured))
    more = max(1.0, task.last_rank / k)
    first, rows = ceil(measured[k].first * more), ceil(measured[k].rows * more)
    recall = measured[k].recall if task.last_rank <= k else None
    if not task.is_single:  # several examples were not measured
        first, rows, recall = max(first, unmeasured), max(rows, unmeasured), None
    final = Plan("sketch", rows, recall)
    return replace(final, rerank=first, is_final=first >= rows), final
