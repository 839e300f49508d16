"""How much of the true answer a pgvector index gives, and how long its walks have to be for it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from clay_assets.search.hits import ENGINE_ERROR, Examples, embedding_of
from clay_assets.search.pgvector_tables import PgvectorTables
from clay_assets.search.plan import Plan, Rerank
from clay_assets.search.sketch_recall import (
    LEAST_RECALL,
    SAMPLES,
    Queries,
    Truth,
    draw_queries,
    find_truth,
    needed_reranks,
)
from clay_assets.search.tables import IndexedProduct

EF_SEARCH = (80, 100, 120, 150, 200, 250, 300, 400, 600, 800, 1000)
"""Rows a walk may keep in hand, the shortest walk first; pgvector takes 1,000 at most."""
NEIGHBOURS = 10
"""Of a row, that walks are asked for."""
_SPARE = 64
"""Candidates beyond the hits, as a search asks for."""


@dataclass(frozen=True)
class MeasuredRecall:
    """What of the true nearest neighbours was found."""

    reranks: tuple[Rerank, ...] = ()
    """What sketches have to propose; empty where they are not used."""
    by_ef: Mapping[int, float] = field(default_factory=dict)
    """Rows that a walk kept in hand -> its recall@10, 0 to 1."""
    hnsw_ef: int | None = None
    """The shortest walk that finds enough; None where none does."""

    @property
    def kept(self) -> dict[str, Any]:
        """As the database keeps it: `sketch`, and `hnsw` if walks find enough."""
        kept: dict[str, Any] = {"sketch": [asdict(one) for one in self.reranks]}
        if self.hnsw_ef is not None:
            kept["hnsw"] = self.by_ef[self.hnsw_ef]
        return kept


def measured_recall(
    tables: PgvectorTables, product: IndexedProduct, *, has_graphs: bool
) -> MeasuredRecall:
    """Ask for the neighbours of rows drawn by seed; the truth comes from one pass over all."""
    if product.centre is None and not has_graphs:
        return MeasuredRecall()
    drawn = tables.sample(product, 0, SAMPLES, vectors=True)
    queries = draw_queries(drawn, sorted(tables.tile_versions(product)))
    truth = find_truth(queries, tables.vectors(product), product.centre)
    reranks = needed_reranks(queries, truth) if product.centre is not None else ()
    by_ef: dict[int, float] = {}
    for ef in EF_SEARCH if has_graphs else ():
        by_ef[ef] = _share_walked(tables, replace(product, hnsw_ef=ef), queries, truth)
        if by_ef[ef] >= LEAST_RECALL:
            return MeasuredRecall(reranks, by_ef, ef)
    return MeasuredRecall(reranks, by_ef, None)


def _share_walked(
    tables: PgvectorTables, product: IndexedProduct, queries: Queries, truth: Truth
) -> float:
    """Share of the true neighbours that walks over the graphs find; graphs know no filters."""
    most = NEIGHBOURS + 1 + _SPARE
    found = wanted = 0
    for number in np.flatnonzero(~queries.is_hard):
        row_id, vector = queries.ids[number], queries.vectors[number]
        examples = Examples(vector[None], vector[None][:0], (row_id,))
        rows = tables.candidates(product, examples, "TRUE", {}, plan=Plan("hnsw"), most=most)
        scores = embedding_of(rows)[rows["id"].to_numpy() != row_id] @ vector
        true = truth.scores[number, :NEIGHBOURS]
        there = int(np.isfinite(true).sum())
        wanted += there
        found += min(there, int((scores >= true[:there].min(initial=np.inf) - ENGINE_ERROR).sum()))
    return found / wanted if wanted else 1.0
