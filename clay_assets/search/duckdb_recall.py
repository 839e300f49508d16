"""How much of the true answer the sketches of an index find, measured while it is built."""

from collections.abc import Iterator

import numpy as np

from clay_assets.search.duckdb_before import Planned
from clay_assets.search.duckdb_tables import DuckDBTables
from clay_assets.search.hits import Examples
from clay_assets.search.plan import Task, by_sketch
from clay_assets.search.row_files import Vectors
from clay_assets.search.true_neighbours import NEIGHBOURS, Scores, share_found, worst_of_true

RECALL_SAMPLES = 40
"""Rows whose neighbours are asked for."""
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
    blocks = _scores_of_all(vectors, queries, places, tile_of_row, allowed)
    worst = worst_of_true(len(queries), blocks)
    served = _scores_of_served(tables, product, vectors, queries, places, allowed)
    rows = [_rows_to_find(tile_of_row, tiles) for tiles in allowed]
    return share_found(served, worst, [min(NEIGHBOURS, count) for count in rows])


def _tiles(rng: np.random.Generator, count: int, own: int) -> np.ndarray | None:
    others = np.delete(np.arange(count), own)
    return rng.choice(others, max(1, count // 4), replace=False) if len(others) else None


def _rows_to_find(tile_of_row: np.ndarray, tiles: np.ndarray | None) -> int:
    """How many rows a query may find: those of the tiles, or all but itself."""
    return len(tile_of_row) - 1 if tiles is None else int(np.isin(tile_of_row, tiles).sum())


def _scores_of_all(
    vectors: Vectors,
    queries: Vectors,
    places: np.ndarray,
    tile_of_row: np.ndarray,
    allowed: list[np.ndarray | None],
) -> Iterator[Scores]:
    """(Q, N) scores of some thousand rows at a time; -inf where a query may not find a row."""
    for start in range(0, len(vectors), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        scores = (vectors[part] @ queries.T).T
        for number, tiles in enumerate(allowed):
            if tiles is not None:
                scores[number, ~np.isin(tile_of_row[part], tiles)] = -np.inf
            own = places[number] - start
            if 0 <= own < scores.shape[1]:
                scores[number, own] = -np.inf
        yield scores


def _scores_of_served(
    tables: DuckDBTables,
    product: Planned,
    vectors: Vectors,
    queries: Vectors,
    places: np.ndarray,
    allowed: list[np.ndarray | None],
) -> Iterator[Scores]:
    """For each query the scores of the rows that the index gives, itself left out."""
    for query, place, tiles in zip(queries, places, allowed, strict=True):
        best = _served(tables, product, query, tiles)
        yield vectors[best[best != place]] @ query


def _served(
    tables: DuckDBTables, product: Planned, query: np.ndarray, tiles: np.ndarray | None
) -> np.ndarray:
    """Places of the rows that the index gives, the query's own maybe among them."""
    condition, values = "TRUE", {}
    if tiles is not None:
        condition, values = "mgrs = ANY($tiles)", {"tiles": [product.files[t].tile for t in tiles]}
    most = NEIGHBOURS + 1
    task = Task(product.rows, NEIGHBOURS, most, tiles is not None, True, True, None)
    examples = Examples(query[None], query[:0].reshape(0, len(query)))
    return tables.best(
        product.indexed, examples, condition, values, plan=by_sketch(task), most=most
    )
