"""How much of the true answer the sketches of an index find, measured while it is built."""

import numpy as np

from clay_assets.search.duckdb_before import Planned
from clay_assets.search.duckdb_tables import DuckDBTables
from clay_assets.search.hits import ENGINE_ERROR, Examples
from clay_assets.search.plan import Task, by_sketch
from clay_assets.search.row_files import Vectors

RECALL_SAMPLES = 40
"""Rows whose neighbours are asked for."""
_NEIGHBOURS = 10
_ROWS_AT_ONCE = 8_192


def sketch_recall(tables: DuckDBTables, product: Planned, vectors: Vectors) -> float | None:
    """Recall@10 of rows drawn by seed; None where there are no sketches.

    Every other query may find rows of a fourth of the tiles only, its own not among them: that
    leaves out most of what looks like it, and is the hardest case for a sketch. The truth comes
    from one pass over all vectors.
    """
    if product.centre is None:
        return None
    rng = np.random.default_rng(0)
    places = rng.choice(product.rows, min(RECALL_SAMPLES, product.rows), replace=False)
    tile_of_row = np.repeat(np.arange(len(product.files)), [file.rows for file in product.files])
    allowed = [
        _tiles(rng, len(product.files), int(tile_of_row[place])) if number % 2 else None
        for number, place in enumerate(places)
    ]
    queries = vectors[places]
    worst = _worst_of_true(vectors, queries, places, tile_of_row, allowed)
    found = true = 0
    for query, place, tiles, least in zip(queries, places, allowed, worst, strict=True):
        best = _served(tables, product, query, tiles)
        scores = vectors[best[best != place]] @ query
        candidates = int(np.sum(np.isin(tile_of_row, tiles))) if tiles is not None else product.rows
        wanted = min(_NEIGHBOURS, candidates - (tiles is None))
        found += min(wanted, int((scores >= least - ENGINE_ERROR).sum()))
        true += wanted
    return found / true if true else 1.0


def _tiles(rng: np.random.Generator, count: int, own: int) -> np.ndarray | None:
    others = np.delete(np.arange(count), own)
    return rng.choice(others, max(1, count // 4), replace=False) if len(others) else None


def _served(
    tables: DuckDBTables, product: Planned, query: np.ndarray, tiles: np.ndarray | None
) -> np.ndarray:
    """Places of the rows that the index gives, the query's own maybe among them."""
    condition, values = "TRUE", {}
    if tiles is not None:
        condition, values = "mgrs = ANY($tiles)", {"tiles": [product.files[t].tile for t in tiles]}
    most = _NEIGHBOURS + 1
    task = Task(product.rows, _NEIGHBOURS, most, tiles is not None, True, True, None)
    examples = Examples(query[None], query[:0].reshape(0, len(query)))
    return tables.best(
        product.indexed, examples, condition, values, plan=by_sketch(task), most=most
    )


def _worst_of_true(
    vectors: Vectors,
    queries: Vectors,
    places: np.ndarray,
    tile_of_row: np.ndarray,
    allowed: list[np.ndarray | None],
) -> np.ndarray:
    """(Q,) score of the last of each query's true neighbours, itself left out."""
    best = np.full((_NEIGHBOURS, len(queries)), -np.inf, np.float32)
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        scores = vectors[part] @ queries.T
        for number, tiles in enumerate(allowed):
            if tiles is not None:
                scores[~np.isin(tile_of_row[part], tiles), number] = -np.inf
            own = places[number] - start
            if 0 <= own < len(scores):
                scores[own, number] = -np.inf
        both = np.concatenate([best, scores])
        best = np.partition(both, len(both) - _NEIGHBOURS, axis=0)[-_NEIGHBOURS:]
    worst: np.ndarray = best.min(axis=0)
    return worst
