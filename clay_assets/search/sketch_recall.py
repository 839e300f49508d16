"""How many rows sketches have to propose, and the true neighbours of some rows: in one pass.

Of rows drawn by seed the true nearest are found by brute force, and where their sketches rank
among all. So many rows are proposed that nearly all of the true ones are among them; at first only
as many as cost least, given how often the answer would have to be sought again, see `plan`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from clay_assets.search.hits import embedding_of
from clay_assets.search.plan import LEAST_RERANK, LEAST_RERANK_HARD, SURE, Rerank
from clay_assets.search.sketch import differing_bits, sketch_words

KS = (10, 30, 100, 1_000)
"""Numbers of hits that are measured."""
LEAST_RECALL = 0.99
"""What is aimed at."""
SAMPLES = 200
"""Rows whose neighbours are asked for, half of them under a filter."""
_MARGIN = 1.5  # on the rows proposed: the samples are few
_MOST = max(KS)
_MOST_SURE = 100  # of more hits it is not known what stands beside the true ones in a first answer


@dataclass(frozen=True)
class Queries:
    """Rows whose neighbours are asked for."""

    ids: list[str]
    """(Q,)."""
    vectors: npt.NDArray[np.float32]
    """(Q, D)."""
    tiles: list[str]
    """(T,) all tiles of the product."""
    allowed: npt.NDArray[np.bool_]
    """(Q, T) in which tiles each may find rows."""

    @property
    def is_hard(self) -> npt.NDArray[np.bool_]:
        """(Q,) which may find rows of other tiles than their own only."""
        return np.array([not tiles.all() for tiles in self.allowed], dtype=bool)


def draw_queries(rows: pa.Table, tiles: Sequence[str]) -> Queries:
    """Every other one may find rows of a fourth of the tiles only, its own not among them.

    That leaves out most of what looks like it, and is the hardest case for a sketch.

    Args:
        rows: `id`, `mgrs` and `embedding` of the rows drawn.
        tiles: all tiles of the product.
    """
    rng = np.random.default_rng(0)
    allowed = np.ones((len(rows), len(tiles)), dtype=bool)
    for number, own in enumerate(rows["mgrs"].to_pylist()):
        others = [place for place, tile in enumerate(tiles) if tile != own]
        if number % 2 and others:
            allowed[number] = False
            allowed[number, rng.choice(others, max(1, len(tiles) // 4), replace=False)] = True
    return Queries(rows["id"].to_pylist(), embedding_of(rows), list(tiles), allowed)


@dataclass(frozen=True)
class Truth:
    """The true nearest rows of some queries."""

    scores: npt.NDArray[np.float32]
    """(Q, 1000), the best first; -inf where a query may find fewer rows."""
    ranks: npt.NDArray[np.int64]
    """(Q, 1000) by their sketches, among all rows that the query may find, from 1; 0 without."""


def find_truth(
    queries: Queries, batches: Iterable[pa.Table], centre: npt.NDArray[np.float32] | None
) -> Truth:
    """The true nearest rows, and where their sketches rank.

    Args:
        queries: what is asked.
        batches: `id`, `mgrs` and `embedding` of all rows, some thousand at a time.
        centre: of the sketches; None for none.
    """
    count, width = queries.vectors.shape
    scores = np.full((count, _MOST), -np.inf, np.float32)
    differing = np.full((count, _MOST), width + 1, np.int64)
    histogram = np.zeros((count, width + 2), np.int64)
    offsets = np.arange(count)[:, None] * (width + 2)
    for batch in batches:
        may_find = _may_find(queries, batch)
        vectors = embedding_of(batch)
        found = np.where(may_find, queries.vectors @ vectors.T, np.float32(-np.inf))
        bits = np.full(found.shape, width + 1, np.int64)
        if centre is not None:
            words = sketch_words(vectors, centre)
            for number, sketch in enumerate(sketch_words(queries.vectors, centre).T):
                bits[number] = differing_bits(words, sketch)
            bits[~may_find] = width + 1
            counted = np.bincount((bits + offsets).ravel(), minlength=histogram.size)
            histogram += counted.reshape(histogram.shape)
        both = np.concatenate([scores, found], axis=1)
        best = np.argpartition(-both, _MOST - 1, axis=1)[:, :_MOST]
        scores = np.take_along_axis(both, best, axis=1)
        differing = np.take_along_axis(np.concatenate([differing, bits], axis=1), best, axis=1)
    order = np.argsort(-scores, axis=1)
    differing = np.take_along_axis(differing, order, axis=1)
    ranks = np.take_along_axis(histogram.cumsum(axis=1), differing, axis=1)
    ranks[differing > width] = 0
    return Truth(np.take_along_axis(scores, order, axis=1), ranks)


def _may_find(queries: Queries, batch: pa.Table) -> npt.NDArray[np.bool_]:
    """(Q, N) which rows each query may find; never itself."""
    tile = pc.index_in(batch["mgrs"], value_set=pa.array(queries.tiles, pa.string())).to_numpy()
    may_find: npt.NDArray[np.bool_] = queries.allowed[:, tile]
    own = pc.index_in(batch["id"], value_set=pa.array(queries.ids, pa.string()))
    rows = np.flatnonzero(own.is_valid().to_numpy())
    may_find[own.drop_null().to_numpy().astype(np.int64), rows] = False
    return may_find


def needed_reranks(queries: Queries, truth: Truth) -> tuple[Rerank, ...]:
    """How many rows sketches have to propose for each of `KS`, with and without a hard filter.

    A product of one tile has no hard queries, and so no figures for them.
    """
    reranks = []
    for is_hard, least in ((False, LEAST_RERANK), (True, LEAST_RERANK_HARD)):
        ranks = truth.ranks[queries.is_hard == is_hard]
        reranks += [_needed(ranks, k, least, is_hard=is_hard) for k in KS if (ranks > 0).any()]
    return tuple(reranks)


def _needed(ranks: npt.NDArray[np.int64], k: int, least: int, *, is_hard: bool) -> Rerank:
    """What is needed for k hits, of queries whose true nearest rank so, (Q, 1000)."""
    known = np.sort(ranks[:, :k][ranks[:, :k] > 0])
    enough = known[int(np.ceil(LEAST_RECALL * len(known))) - 1]
    rows = max(least, int(_MARGIN * enough))
    chosen, least_cost = Rerank(k, is_hard, rows, rows, float((known <= rows).mean())), float(rows)
    first = least
    while k <= _MOST_SURE and first < rows:
        found, again = _share_found(ranks, k, first, rows)
        if found >= LEAST_RECALL and first + again * rows < least_cost:
            chosen, least_cost = Rerank(k, is_hard, first, rows, found), first + again * rows
        first *= 2
    return chosen


def _share_found(
    ranks: npt.NDArray[np.int64], k: int, first: int, rows: int
) -> tuple[float, float]:
    """Share of the true k nearest that are found, and of queries that are asked again."""
    is_near = (ranks > 0) & (ranks <= first)
    hits = is_near & (is_near.cumsum(axis=1) <= k)
    last = np.where(hits, ranks, 0).max(axis=1)
    stands = (hits.sum(axis=1) == k) & (SURE * last <= first)
    true = ranks[:, :k]
    found = np.where(stands[:, None], hits[:, :k], (true > 0) & (true <= rows))
    return float(found.sum() / (true > 0).sum()), float(1 - stands.mean())
