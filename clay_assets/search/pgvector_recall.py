"""How much of the true answer a pgvector index gives, and how long its walks have to be for it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from clay_assets.search.hits import ENGINE_ERROR, Examples, embedding_of
from clay_assets.search.pgvector_tables import PgvectorTables
from clay_assets.search.plan import MAX_EF, Plan, Rerank, Walk
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

EF_SEARCH = (100, 120, 150, 200, 250, 300, 400, 600, 800, MAX_EF)
"""Rows a walk may keep in hand, the shortest walk first."""
WALK_KS = (10, 100)
"""Numbers of hits that walks are measured for."""
_SPARE = 64
"""Candidates beyond the hits, as a search asks for."""


@dataclass(frozen=True)
class MeasuredRecall:
    """What of the true nearest neighbours was found."""

    reranks: tuple[Rerank, ...] = ()
    """What sketches have to propose; empty where they are not used."""
    tried: tuple[Walk, ...] = ()
    """Walks, for each number of hits the shortest first."""

    @property
    def kept(self) -> dict[str, Any]:
        """As the database keeps it: `sketch`, and `hnsw` with the walks that find enough."""
        enough = [walk for walk in self.tried if walk.recall >= LEAST_RECALL]
        return {
            "sketch": [asdict(one) for one in self.reranks],
            "hnsw": [asdict(walk) for walk in enough],
        }


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
    tried = _tried(tables, product, queries, truth) if has_graphs else ()
    return MeasuredRecall(reranks, tuple(tried))


def _tried(
    tables: PgvectorTables, product: IndexedProduct, queries: Queries, truth: Truth
) -> Iterator[Walk]:
    """Walks of each number of hits, longer and longer, up to one that finds enough."""
    for k in WALK_KS:
        most = k + 1 + _SPARE
        for ef in (most, *(ef for ef in EF_SEARCH if ef > most)):
            walk = Walk(k, ef, _share_walked(tables, product, queries, truth, k, ef))
            yield walk
            if walk.recall >= LEAST_RECALL:
                break


def _share_walked(
    tables: PgvectorTables,
    product: IndexedProduct,
    queries: Queries,
    truth: Truth,
    k: int,
    ef: int,
) -> float:
    """Share of the true neighbours that walks over the graphs find; graphs know no filters."""
    plan = Plan("hnsw", ef=ef)
    found = wanted = 0
    for number in np.flatnonzero(~queries.is_hard):
        row_id, vector = queries.ids[number], queries.vectors[number]
        examples = Examples(vector[None], vector[None][:0], (row_id,))
        rows = tables.candidates(product, examples, "TRUE", {}, plan=plan, most=k + 1 + _SPARE)
        scores = embedding_of(rows)[rows["id"].to_numpy() != row_id] @ vector
        true = truth.scores[number, :k]
        there = int(np.isfinite(true).sum())
        wanted += there
        found += min(there, int((scores >= true[:there].min(initial=np.inf) - ENGINE_ERROR).sum()))
    return found / wanted if wanted else 1.0
