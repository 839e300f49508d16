"""The answer to a query, and the one scoring that both engines end with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from clay_assets.search.plan import How
from clay_assets.search.query import NEGATIVE_WEIGHT, Query

ROW_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("mgrs", pa.string()),
        ("date", pa.date32()),
        ("cloud_share", pa.float32()),
        ("source_url", pa.string()),
        ("geometry", pa.binary()),
    ]
)
"""What an index tells of a row, besides its vector; geometry is WKB in OGC:CRS84.

A row is a chip or a patch of one; its id is the chip's, or `chip_id/row/col`."""
SKETCH_RANK = "sketch_rank"
"""Column of candidates that a sketch proposed: how many of the rows that it proposed differ no more
from the query."""

ENGINE_ERROR = 1e-5
"""Most that a float32 score is off the true one, for unit vectors of usual width."""
_DIGITS = 9


@dataclass(frozen=True)
class Hits:
    """The rows that answer a query, best first."""

    frame: geopandas.GeoDataFrame
    """Columns id, chip_id, score, mgrs, date, cloud_share (NaN when unknown), source_url, product
    and geometry, the footprint in OGC:CRS84; for products of level patch also patch_row and
    patch_col, after chip_id."""
    engine: str
    """`duckdb` or `pgvector`."""
    how: How
    """`exact` when every row that passes the filters was scored; else what chose first."""
    query_chips: tuple[str, ...]
    """Ids of the rows that served as examples, positives first."""
    expected_recall: float | None = None
    """Share of the true nearest that this way gave when the index was built, 1 when exact;
    None where it was not measured."""

    @property
    def exact(self) -> bool:
        """Whether every row that passes the filters was scored."""
        return self.how == "exact"


@dataclass(frozen=True)
class Examples:
    """What a query looks for, as unit vectors."""

    positives: np.ndarray
    """(P, D) float32, at least one row."""
    negatives: np.ndarray
    """(N, D) float32, may be empty."""
    chip_ids: tuple[str, ...] = ()
    """Ids of the examples that are rows, positives first."""
    is_direction: bool = False
    """Whether the one positive is a direction that a linear mode made, unlike any row."""

    def sketched(self, centre: np.ndarray) -> np.ndarray:
        """(P, D) float32: what to sketch as a row would be, to compare with the rows' sketches.

        A direction is rid of its part along the centre, which all rows share, and is then looked
        for from the centre.
        """
        if not self.is_direction:
            return self.positives
        share = self.positives @ centre / max(float(centre @ centre), 1e-12)
        seen: np.ndarray = self.positives - share[:, None] * centre + centre
        return seen.astype(np.float32)


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
    """Columns of `ROW_SCHEMA`: one page, best first."""
    scores: np.ndarray
    """(N,) float64."""
    is_complete: bool
    """False when a row that the engine left out could belong among these."""
    last_proposed: int
    """The last rank, by their sketches, of the best rows; 0 where no sketch proposed them."""


@dataclass(frozen=True)
class Asked:
    """What an engine was asked for when it gave candidates."""

    most: int
    """Most candidates."""
    error: float
    """Most that the score it chose them by is off the true one."""
    gives_all: bool
    """Whether fewer than `most` candidates mean that there are no more."""


def rank(candidates: pa.Table, examples: Examples, query: Query, asked: Asked) -> Ranking:
    """The best of an engine's candidates.

    Args:
        candidates: columns of `ROW_SCHEMA`, `embedding` and, if a sketch proposed them,
            `SKETCH_RANK`; the best by the engine's own score.
        examples: what is looked for.
        query: gives the page, the least score, and whether the examples may be hits.
        asked: what the engine was asked for.
    """
    scores = score(embedding_of(candidates), examples)
    worst = scores.min(initial=np.inf)
    ids = candidates["id"].to_numpy()
    keep = np.ones(len(ids), dtype=bool)
    if not query.include_query:
        keep &= ~np.isin(ids, examples.chip_ids)
    chosen = np.flatnonzero(keep)
    chosen = chosen[np.lexsort((ids[chosen].astype(str), -scores[chosen]))][: query.last_rank]
    last_proposed = 0
    if SKETCH_RANK in candidates.column_names:
        last_proposed = int(candidates[SKETCH_RANK].to_numpy()[chosen].max(initial=0))
    if query.min_score is not None:
        chosen = chosen[scores[chosen] >= query.min_score]
    last = scores[chosen[-1]] if len(chosen) == query.last_rank else query.min_score
    is_complete = (len(ids) < asked.most and asked.gives_all) or (
        last is not None and last > worst + 2 * asked.error
    )
    page = chosen[query.offset :]
    rows = candidates.select(ROW_SCHEMA.names).take(page).cast(ROW_SCHEMA)
    return Ranking(rows, scores[page], is_complete, last_proposed)


def embedding_of(rows: pa.Table) -> np.ndarray:
    """(N, D) float32 of the column `embedding` of an index's rows, N may be 0."""
    lists = rows["embedding"].combine_chunks()
    flat: np.ndarray = lists.flatten().to_numpy()
    return flat.reshape(len(rows), lists.type.list_size)


def hits_frame(
    rows: pa.Table,
    product: str,
    scores: Sequence[float] | np.ndarray | None = None,
    *,
    grid: tuple[int, int] | None = None,
) -> geopandas.GeoDataFrame:
    """Rows of `ROW_SCHEMA` as a frame.

    Args:
        rows: of the index.
        product: they are of.
        scores: theirs, if they have any.
        grid: rows and columns of patches in a chip; None where a row is a chip.
    """
    parts = _parts_of(rows["id"], is_patch=grid is not None)
    if scores is not None:
        parts["score"] = pa.array(np.asarray(scores, dtype=np.float64))
    told = {name: rows[name] for name in ROW_SCHEMA.names if name not in ("id", "geometry")}
    product_of = pa.repeat(product, len(rows))
    frame = pa.table({"id": rows["id"]} | parts | told | {"product": product_of}).to_pandas()
    geometry = shapely.from_wkb(rows["geometry"].to_numpy())
    return geopandas.GeoDataFrame(frame, geometry=geometry, crs="OGC:CRS84")


def _parts_of(ids: pa.ChunkedArray, *, is_patch: bool) -> dict[str, Any]:
    """What the ids say: the chip, and which of its patches."""
    if not is_patch:
        return {"chip_id": ids}
    parts = pc.extract_regex(ids, r"^(?P<chip_id>.*)/(?P<patch_row>\d+)/(?P<patch_col>\d+)$")
    kinds = {"chip_id": pa.string(), "patch_row": pa.int16(), "patch_col": pa.int16()}
    return {name: pc.struct_field(parts, name).cast(kind) for name, kind in kinds.items()}
