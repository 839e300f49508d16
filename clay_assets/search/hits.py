"""The answer to a query, and the one scoring that both engines end with."""

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas
import numpy as np
import pyarrow as pa
import shapely

from clay_assets.search.query import NEGATIVE_WEIGHT, Query

ROW_SCHEMA = pa.schema(
    [
        ("chip_id", pa.string()),
        ("mgrs", pa.string()),
        ("date", pa.date32()),
        ("cloud_share", pa.float32()),
        ("source_url", pa.string()),
        ("geometry", pa.binary()),
    ]
)
"""What an index tells of a chip, besides its vector; geometry is WKB in OGC:CRS84."""

ENGINE_ERROR = 1e-5
"""Most that an engine's float32 score is off the true one, for unit vectors of usual width."""
_DIGITS = 9


@dataclass(frozen=True)
class Hits:
    """The chips that answer a query, best first."""

    frame: geopandas.GeoDataFrame
    """Columns chip_id, score, mgrs, date, cloud_share (NaN when unknown), source_url, product and
    geometry, the footprint in OGC:CRS84."""
    engine: str
    """`duckdb` or `pgvector`."""
    exact: bool
    """Whether every chip that passes the filters was scored; otherwise a sketch chose first."""
    query_chips: tuple[str, ...]
    """Chips that served as examples, positives first."""


@dataclass(frozen=True)
class Examples:
    """What a query looks for, as unit vectors."""

    positives: np.ndarray
    """(P, D) float32, at least one row."""
    negatives: np.ndarray
    """(N, D) float32, may be empty."""
    chip_ids: tuple[str, ...]
    """The examples that are chips, positives first."""


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Rows of (N, D) scaled to length 1, float32; a row of zeros or not finite becomes NaN."""
    wide = vectors.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        unit: np.ndarray = (wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float32)
    return unit


def score(vectors: np.ndarray, examples: Examples) -> np.ndarray:
    """Scores of (N, D) unit vectors, (N,) float64.

    A row's score does not depend on the other rows, so equal vectors have equal scores and both
    engines give the same ones. It is rounded, so that sums equal but for their last bits tie.
    """
    wide = vectors.astype(np.float64)
    wide /= np.sqrt((wide * wide).sum(axis=1, keepdims=True))
    found: np.ndarray = _nearest(wide, examples.positives)
    if len(examples.negatives):
        found -= NEGATIVE_WEIGHT * _nearest(wide, examples.negatives)
    return found.round(_DIGITS)


def _nearest(wide: np.ndarray, examples: np.ndarray) -> np.ndarray:
    best: np.ndarray = np.full(len(wide), -np.inf)
    for example in examples.astype(np.float64):
        # Not a matrix product: BLAS sums a row differently by its place in the matrix.
        cosine = (wide * (example / np.sqrt((example * example).sum()))).sum(axis=1)
        np.maximum(best, cosine, out=best)
    return best.clip(-1.0, 1.0)


@dataclass(frozen=True)
class Ranking:
    """Candidates of an engine, scored exactly and put in order."""

    rows: pa.Table
    """Columns of `ROW_SCHEMA`, best first, at most k."""
    scores: np.ndarray
    """(N,) float64."""
    is_complete: bool
    """False when a chip that the engine left out could belong among these."""


def rank(candidates: pa.Table, examples: Examples, query: Query, limit: int) -> Ranking:
    """The best of an engine's candidates.

    Args:
        candidates: columns of `ROW_SCHEMA` and `embedding`; the best by the engine's own score.
        examples: what is looked for.
        query: gives k, the least score, and whether the examples may be hits.
        limit: most candidates the engine was asked for.
    """
    scores = score(embedding_of(candidates), examples)
    worst = scores.min(initial=np.inf)
    ids = candidates["chip_id"].to_numpy()
    keep = np.ones(len(ids), dtype=bool)
    if not query.include_query:
        keep &= ~np.isin(ids, examples.chip_ids)
    if query.min_score is not None:
        keep &= scores >= query.min_score
    chosen = np.flatnonzero(keep)
    chosen = chosen[np.lexsort((ids[chosen].astype(str), -scores[chosen]))][: query.k]
    last = scores[chosen[-1]] if len(chosen) == query.k else query.min_score
    is_complete = len(ids) < limit or (last is not None and last > worst + 2 * ENGINE_ERROR)
    rows = candidates.select(ROW_SCHEMA.names).take(chosen).cast(ROW_SCHEMA)
    return Ranking(rows, scores[chosen], is_complete)


def embedding_of(rows: pa.Table) -> np.ndarray:
    """(N, D) float32 of the column `embedding` of an index's rows, N may be 0."""
    lists = rows["embedding"].combine_chunks()
    flat: np.ndarray = lists.flatten().to_numpy()
    return flat.reshape(len(rows), lists.type.list_size)


def hits_frame(
    rows: pa.Table, product: str, scores: Sequence[float] | np.ndarray | None = None
) -> geopandas.GeoDataFrame:
    """Rows of `ROW_SCHEMA` as a frame, with the product and, when given, the scores."""
    frame = rows.drop_columns(["geometry"]).to_pandas()
    if scores is not None:
        frame.insert(1, "score", np.asarray(scores, dtype=np.float64))
    frame["product"] = product
    geometry = shapely.from_wkb(rows["geometry"].to_numpy())
    return geopandas.GeoDataFrame(frame, geometry=geometry, crs="OGC:CRS84")
