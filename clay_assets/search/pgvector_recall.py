"""How much of the true answer a pgvector index gives, and how long its walks have to be for it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from clay_assets.search.hits import Examples, embedding_of
from clay_assets.search.pgvector_tables import PgvectorTables
from clay_assets.search.plan import Plan, Task, by_sketch
from clay_assets.search.tables import IndexedProduct
from clay_assets.search.true_neighbours import NEIGHBOURS, Scores, share_found, worst_of_true

LEAST_RECALL = 0.99
"""Graphs that find less are not used."""
EF_SEARCH = (100, 200, 300, 400, 600, 800, 1000)
"""Rows a walk may keep in hand, the shortest walk first; pgvector takes 1,000 at most."""
SAMPLES = 200
"""Rows whose neighbours are asked for."""
_SPARE = 64
"""Candidates beyond the hits, as a search asks for."""


@dataclass(frozen=True)
class MeasuredRecall:
    """What of the true 10 nearest neighbours was found."""

    by_plan: Mapping[str, float] = field(default_factory=dict)
    """How a plan works -> its share, 0 to 1; only of plans that are used."""
    by_ef: Mapping[int, float] = field(default_factory=dict)
    """Rows that a walk kept in hand -> its share."""
    hnsw_ef: int | None = None
    """The shortest walk that finds enough; None where none does."""


def measured_recall(
    tables: PgvectorTables, product: IndexedProduct, *, has_graphs: bool
) -> MeasuredRecall:
    """Ask for the neighbours of rows drawn by seed; the truth comes from one pass over all."""
    if product.centre is None and not has_graphs:
        return MeasuredRecall({"exact": 1.0})
    drawn = tables.sample(product, 0, SAMPLES, vectors=True)
    queries = _Queries(drawn["id"].to_pylist(), embedding_of(drawn))
    worst = worst_of_true(len(queries.ids), _scores_of_all(tables.vectors(product), queries))
    by_plan: dict[str, float] = {}
    by_ef: dict[int, float] = {}
    if product.centre is not None:
        task = Task(product.rows, NEIGHBOURS, NEIGHBOURS, False, True, True, None)
        by_plan["sketch"] = _share(tables, product, by_sketch(task), queries, worst)
    for ef in EF_SEARCH if has_graphs else ():
        walked = replace(product, hnsw_ef=ef)
        by_ef[ef] = _share(tables, walked, Plan("hnsw"), queries, worst)
        if by_ef[ef] >= LEAST_RECALL:
            return MeasuredRecall(by_plan | {"hnsw": by_ef[ef]}, by_ef, ef)
    return MeasuredRecall(by_plan, by_ef, None)


@dataclass(frozen=True)
class _Queries:
    """Rows whose neighbours are asked for."""

    ids: list[str]
    vectors: np.ndarray


def _share(
    tables: PgvectorTables,
    product: IndexedProduct,
    plan: Plan,
    queries: _Queries,
    worst: Scores,
) -> float:
    """Share of the true neighbours that a plan finds."""
    wanted = [min(NEIGHBOURS, product.rows - 1)] * len(queries.ids)
    return share_found(_scores_of_served(tables, product, plan, queries), worst, wanted)


def _scores_of_served(
    tables: PgvectorTables, product: IndexedProduct, plan: Plan, queries: _Queries
) -> Iterator[Scores]:
    """For each query the scores of the rows that a plan gives, itself left out."""
    most = NEIGHBOURS + 1 + _SPARE
    for row_id, vector in zip(queries.ids, queries.vectors, strict=True):
        examples = Examples(vector[None], vector[None][:0], (row_id,))
        rows = tables.candidates(product, examples, "TRUE", {}, plan=plan, most=most)
        yield embedding_of(rows)[rows["id"].to_numpy() != row_id] @ vector


def _scores_of_all(batches: Iterator[pa.Table], queries: _Queries) -> Iterator[Scores]:
    """(Q, N) scores of some rows at a time; -inf of a query's own row."""
    place = {row_id: number for number, row_id in enumerate(queries.ids)}
    for rows in batches:
        scores = queries.vectors @ embedding_of(rows).T
        for column, row_id in enumerate(rows["id"].to_pylist()):
            if row_id in place:
                scores[place[row_id], column] = -np.inf
        yield scores
