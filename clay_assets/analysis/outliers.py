"""Outliers: rows that look like nothing else in their product."""

from collections.abc import Sequence
from dataclasses import dataclass

import geopandas
import numpy as np
import pyarrow as pa
import shapely

from clay_assets.analysis.rows import (
    KEPT,
    Sample,
    Vectors,
    batches,
    robust_z,
    sample_rows,
)
from clay_assets.errors import InvalidValueError
from clay_assets.search.hits import embedding_of
from clay_assets.search.source import SourceFile
from clay_assets.store import Store

CODE_VERSION = "1"
"""Raised when the same vectors would give other outliers."""
MOST_OUTLIERS = 5_000
SAMPLE_ROWS = 4_000
_ROWS_AT_ONCE = 2_048


@dataclass(frozen=True)
class OutlierSettings:
    """What counts as strange."""

    most: int = 100
    """How many are listed, 1 to `MOST_OUTLIERS`."""
    neighbours: int = 5
    """The distance to this nearest of the sample counts, so that a handful alike is strange too."""
    max_cloud_share: float = 1.0
    """Rows known to be cloudier are not listed, 0 to 1."""
    seed: int = 0
    """Of the sample."""

    def __post_init__(self) -> None:
        """Check what an arbitrary number could not be."""
        if not 1 <= self.most <= MOST_OUTLIERS:
            raise InvalidValueError(f"most must be 1 to {MOST_OUTLIERS} outliers, got {self.most}")
        if not 1 <= self.neighbours <= 100:
            raise InvalidValueError(f"neighbours must be 1 to 100, got {self.neighbours}")
        if not 0 <= self.max_cloud_share <= 1:
            raise InvalidValueError(f"max_cloud_share must be 0 to 1, got {self.max_cloud_share}")


@dataclass(frozen=True)
class Outliers:
    """The strangest rows of a product."""

    frame: geopandas.GeoDataFrame
    """Columns id, mgrs, date, cloud_share, source_url, distance (1 - cosine), z (deviations above
    the median of all rows, robust), `nearest` (id of the nearest row of the sample) and geometry;
    strangest first."""
    rows: int
    """That were looked at."""
    sampled: int
    """That they were compared with."""
    median_distance: float
    """Of all rows."""


def find_outliers(
    store: Store, files: Sequence[SourceFile], settings: OutlierSettings | None = None
) -> Outliers:
    """The rows farthest from their n-th nearest row of a seeded sample.

    Raises:
        InvalidValueError: there are not more rows than neighbours.
    """
    settings = settings or OutlierSettings()
    sample = sample_rows(store, files, SAMPLE_ROWS, seed=settings.seed)
    if len(sample.ids) <= settings.neighbours:
        raise InvalidValueError(
            f"neighbours must be fewer than the {len(sample.ids)} rows that are compared with, "
            f"got {settings.neighbours}"
        )
    distances, best = [], None
    for rows in batches(store, files, "Looking for outliers"):
        found = _measured(rows, sample, settings.neighbours)
        distances.append(found["distance"].to_numpy())
        clouds = found["cloud_share"].to_numpy()
        found = found.filter(pa.array(~(clouds > np.float32(settings.max_cloud_share))))
        best = _strangest(pa.concat_tables([best, found]) if best else found, settings.most)
    every = np.concatenate(distances)
    assert best is not None  # `files_of` gives files with rows
    return Outliers(_frame(best, every), len(every), len(sample.ids), float(np.median(every)))


def _measured(rows: pa.Table, sample: Sample, neighbours: int) -> pa.Table:
    """The rows without their vectors, with `distance` and `nearest`."""
    vectors, ids = embedding_of(rows), rows["id"].to_numpy()
    distances, nearest = np.empty(len(ids)), np.empty(len(ids), object)
    for start in range(0, len(ids), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        distances[part], nearest[part] = _nearest(vectors[part], ids[part], sample, neighbours)
    kept = rows.select(KEPT).append_column("distance", pa.array(distances))
    return kept.append_column("nearest", pa.array(nearest, pa.string()))


def _nearest(
    vectors: Vectors, ids: np.ndarray, sample: Sample, neighbours: int
) -> tuple[np.ndarray, np.ndarray]:
    """Distance to the n-th nearest other row of the sample, and the id of the nearest."""
    cosines = vectors @ sample.vectors.T  # (N, S)
    own = np.flatnonzero(np.isin(ids, sample.ids))
    place = {id_: number for number, id_ in enumerate(sample.ids)}
    cosines[own, [place[ids[row]] for row in own]] = -np.inf
    nth = -np.partition(-cosines, neighbours - 1, axis=1)[:, neighbours - 1]
    return (1.0 - nth.astype(np.float64)).clip(0, 2), sample.ids[cosines.argmax(axis=1)]


def _strangest(rows: pa.Table, most: int) -> pa.Table:
    order = [("distance", "descending"), ("id", "ascending")]
    return rows.sort_by(order).slice(0, most)


def _frame(rows: pa.Table, every: np.ndarray) -> geopandas.GeoDataFrame:
    frame = rows.drop_columns(["geometry"]).to_pandas()
    frame.insert(6, "z", robust_z(frame["distance"].to_numpy(), among=every))
    geometry = shapely.from_wkb(rows["geometry"].to_numpy())
    return geopandas.GeoDataFrame(frame, geometry=geometry, crs="OGC:CRS84")
