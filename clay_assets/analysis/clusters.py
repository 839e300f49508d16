"""Clusters: which kinds of ground a product tells apart without any label."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from clay_assets.analysis.models import threads_for
from clay_assets.analysis.rows import KEPT, Vectors, batches, sample_rows
from clay_assets.errors import InvalidValueError
from clay_assets.search.hits import embedding_of
from clay_assets.search.source import SourceFile
from clay_assets.store import Store

CODE_VERSION = "1"
"""Raised when the same vectors would give other clusters."""
MOST_CLUSTERS = 64
SAMPLE_ROWS = 20_000
_SILHOUETTE_ROWS = 2_000
_STARTS = 4
TYPICAL = 5
"""Rows nearest to its centre that stand for a cluster."""


@dataclass(frozen=True)
class ClusterSettings:
    """How rows are grouped."""

    clusters: int = 8
    """How many, 2 to `MOST_CLUSTERS`."""
    seed: int = 0
    """Of the sample and the start."""

    def __post_init__(self) -> None:
        """Check the number of clusters."""
        if not 2 <= self.clusters <= MOST_CLUSTERS:
            raise InvalidValueError(f"clusters must be 2 to {MOST_CLUSTERS}, got {self.clusters}")


@dataclass(frozen=True)
class Centres:
    """Where the clusters lie."""

    vectors: Vectors
    """(K, D), the largest cluster of the sample first."""
    sampled: int
    """Rows that they were found on."""
    silhouette: float
    """-1 to 1, of a part of the sample; near 0 when the clusters flow into each other."""
    explained: float
    """Share of the sample's variance that lies between the clusters, 0 to 1."""


@dataclass(frozen=True)
class ClusterSummary:
    """One cluster, over all rows."""

    cluster: int
    """Its number, from 0."""
    rows: int
    """In it."""
    typical: tuple[str, ...]
    """Ids of the rows nearest to its centre, nearest first, one a place."""
    source_urls: tuple[str, ...]
    """Where the chips of those rows lie."""


def find_centres(
    store: Store, files: Sequence[SourceFile], settings: ClusterSettings | None = None
) -> Centres:
    """Centres by k-means on a seeded sample of the unit vectors.

    Raises:
        InvalidValueError: there are fewer rows than clusters.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    settings = settings or ClusterSettings()
    vectors = sample_rows(store, files, SAMPLE_ROWS, seed=settings.seed).vectors
    if len(vectors) <= settings.clusters:
        raise InvalidValueError(
            f"clusters must be fewer than the {len(vectors)} rows of product "
            f"{files[0].product!r}, got {settings.clusters}"
        )
    with threads_for(len(vectors)):
        found = KMeans(settings.clusters, n_init=_STARTS, random_state=settings.seed).fit(vectors)
        few = vectors[:_SILHOUETTE_ROWS], found.labels_[:_SILHOUETTE_ROWS]
        has_two = 1 < len(np.unique(few[1])) < len(few[1])
        silhouette = float(silhouette_score(*few)) if has_two else 0.0
    order = np.argsort(-np.bincount(found.labels_, minlength=settings.clusters), kind="stable")
    spread = float(((vectors - vectors.mean(axis=0)) ** 2).sum())
    return Centres(
        found.cluster_centers_[order].astype(np.float32),
        len(vectors),
        silhouette,
        1 - float(found.inertia_) / spread if spread else 0.0,
    )


def assign(store: Store, files: Sequence[SourceFile], centres: Centres) -> Iterator[pa.Table]:
    """The cluster of every row, some thousand at a time.

    Yields:
        Columns id, mgrs, date, cloud_share, source_url, geometry, `cluster` (its number) and
        `distance` (from its centre).
    """
    lengths = (centres.vectors**2).sum(axis=1)
    for rows in batches(store, files, "Telling clusters apart"):
        vectors = embedding_of(rows)
        squares = lengths - 2 * vectors @ centres.vectors.T
        nearest = squares.argmin(axis=1)
        offsets = vectors - centres.vectors[nearest]
        distances = np.sqrt((offsets * offsets).sum(axis=1))
        kept = rows.select(KEPT)
        kept = kept.append_column("cluster", pa.array(nearest, pa.int16()))
        yield kept.append_column("distance", pa.array(distances, pa.float32()))


class Summaries:
    """Counts the rows of each cluster and remembers the most typical ones."""

    def __init__(self, clusters: int) -> None:
        """Nothing has been seen yet."""
        self._rows = np.zeros(clusters, np.int64)
        self._typical: list[list[tuple[float, str, str, bytes]]] = [[] for _ in range(clusters)]

    def add(self, rows: pa.Table) -> None:
        """Take in what `assign` yields."""
        clusters, distances = rows["cluster"].to_numpy(), rows["distance"].to_numpy()
        self._rows += np.bincount(clusters, minlength=len(self._rows))
        for cluster in np.unique(clusters):
            own = np.flatnonzero(clusters == cluster)
            nearest = own[np.argsort(distances[own], kind="stable")[: 4 * TYPICAL]]
            few = rows.take(nearest)
            self._typical[cluster] = _one_a_place(
                [
                    *self._typical[cluster],
                    *zip(
                        few["distance"].to_pylist(),
                        few["id"].to_pylist(),
                        few["source_url"].to_pylist(),
                        few["geometry"].to_pylist(),
                        strict=True,
                    ),
                ]
            )

    def list(self) -> tuple[ClusterSummary, ...]:
        """Each cluster."""
        return tuple(
            ClusterSummary(
                number,
                int(rows),
                tuple(id_ for _, id_, _, _ in typical),
                tuple(url for _, _, url, _ in typical),
            )
            for number, (rows, typical) in enumerate(zip(self._rows, self._typical, strict=True))
        )


def clusters_to_json(centres: Centres, found: Sequence[ClusterSummary]) -> dict[str, Any]:
    """The figures as JSON values."""
    return {
        "sampled": centres.sampled,
        "silhouette": centres.silhouette,
        "explained": centres.explained,
        "clusters": [asdict(cluster) for cluster in found],
    }


def _one_a_place(
    typical: list[tuple[float, str, str, bytes]],
) -> list[tuple[float, str, str, bytes]]:
    nearest: dict[bytes, tuple[float, str, str, bytes]] = {}
    for row in sorted(typical):
        nearest.setdefault(row[3], row)
    return list(nearest.values())[:TYPICAL]
