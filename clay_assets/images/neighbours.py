"""The nearest pictures of some pictures of a set: what the sheet shows."""

# N pictures, Q queries, D numbers in a vector

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from clay_assets.embeddings.dtypes import vectors_of
from clay_assets.errors import InvalidValueError, NotFoundError, ProductError
from clay_assets.images.file import read_image_metadata, read_image_rows, set_key
from clay_assets.store import Store

METRICS = ("cosine", "euclidean")
"""How far two vectors are apart."""


@dataclass(frozen=True)
class SheetSettings:
    """What a sheet of neighbours shows."""

    queries: int = 6
    """Pictures asked about, drawn by seed."""
    k: int = 3
    """Neighbours of each."""
    metric: str = "cosine"
    """One of `METRICS`."""
    seed: int = 0
    """Of the choice."""
    include_self: bool = False
    """Whether a picture counts as its own nearest, at distance 0."""
    names: tuple[str, ...] = ()
    """File names to ask about instead of drawn ones."""

    def __post_init__(self) -> None:
        """Check what an arbitrary number could not be."""
        for name in ("queries", "k"):
            if getattr(self, name) < 1:
                raise InvalidValueError(f"{name} must be 1 or more, got {getattr(self, name)}")
        if self.metric not in METRICS:
            raise InvalidValueError(
                f"metric must be one of {', '.join(METRICS)}, got {self.metric!r}"
            )


@dataclass(frozen=True)
class Neighbour:
    """A picture near another."""

    filename: str
    """Path below the set's location."""
    distance: float
    """By the metric; 0 for the same vector."""


@dataclass(frozen=True)
class ImageNeighbours:
    """A picture that was asked about, and its nearest."""

    query: str
    """Path below the set's location."""
    neighbours: tuple[Neighbour, ...]
    """Nearest first; fewer than asked for where the set is small."""

    def to_json(self) -> dict[str, object]:
        """Itself as JSON values."""
        return asdict(self)


def image_neighbours(
    store: Store, product: str, image_set: str, settings: SheetSettings
) -> list[ImageNeighbours]:
    """Exact neighbours of some pictures of a set; memory holds a part of its vectors at a time.

    Args:
        store: with the set's embeddings.
        product: name of the product.
        image_set: name of the set.
        settings: which, and how near is measured.

    Returns:
        In the order of `settings.names`, or sorted by file name.

    Raises:
        NotFoundError: the set has no embeddings of that product, or not that of a named file.
        ProductError: the product gives many vectors a picture.
    """
    key = set_key(product, image_set)
    if len(read_image_metadata(store, key).shape) != 1:
        raise ProductError(
            f"neighbours need one vector a picture, and product {product} gives many; use level "
            "mean, cls or chip"
        )
    names = [name for part in read_image_rows(store, key, ["filename"]) for name in _names(part)]
    rows = _queries(names, image_set, settings)
    vectors = _vectors_at(store, key, rows)
    distances, found = _nearest(store, key, vectors, settings.k + 1, settings.metric)
    return [
        _neighbours(names, row, list(zip(found[q], distances[q], strict=True)), settings)
        for q, row in enumerate(rows)
    ]


def _queries(names: Sequence[str], image_set: str, settings: SheetSettings) -> list[int]:
    """Rows to ask about."""
    if settings.names:
        places = {name: row for row, name in enumerate(names)}
        if missing := [name for name in settings.names if name not in places]:
            raise NotFoundError(
                f"image set {image_set} has no embedding of {missing[0]!r}; its files are named "
                f"such as {names[0]!r}"
            )
        return [places[name] for name in settings.names]
    rng = np.random.default_rng(settings.seed)
    drawn = rng.choice(len(names), min(settings.queries, len(names)), replace=False)
    return sorted(drawn.tolist())


def _vectors_at(store: Store, key: str, rows: Sequence[int]) -> npt.NDArray[np.float32]:
    """(Q, D) vectors of some rows."""
    found: dict[int, npt.NDArray[np.float32]] = {}
    start = 0
    for table in read_image_rows(store, key, ["embeddings"]):
        inside = [row for row in rows if start <= row < start + len(table)]
        if inside:
            vectors = vectors_of(table["embeddings"])
            found |= {row: vectors[row - start] for row in inside}
        start += len(table)
    return np.stack([found[row] for row in rows])


def _nearest(
    store: Store, key: str, queries: npt.NDArray[np.float32], k: int, metric: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Distances and rows of the k nearest of each query, the queries themselves among them."""
    from sklearn.neighbors import NearestNeighbors

    distances = np.empty((len(queries), 0))
    rows = np.empty((len(queries), 0), np.int64)
    start = 0
    for table in read_image_rows(store, key, ["embeddings"]):
        vectors = vectors_of(table["embeddings"]).astype(np.float64)
        search = NearestNeighbors(metric=metric, algorithm="brute").fit(vectors)
        near, places = search.kneighbors(queries.astype(np.float64), min(k, len(vectors)))
        distances = np.concatenate([distances, near], axis=1)
        rows = np.concatenate([rows, places + start], axis=1)
        order = np.lexsort((rows, distances))[:, :k]  # of the same distance the first by name
        distances = np.take_along_axis(distances, order, axis=1)
        rows = np.take_along_axis(rows, order, axis=1)
        start += len(table)
    return distances, rows


def _neighbours(
    names: Sequence[str],
    query: int,
    found: Sequence[tuple[int, float]],
    settings: SheetSettings,
) -> ImageNeighbours:
    """The query's neighbours without or with itself, which then comes first."""
    others = [Neighbour(names[row], float(distance)) for row, distance in found if row != query]
    if settings.include_self:
        others.insert(0, Neighbour(names[query], 0.0))
    return ImageNeighbours(names[query], tuple(others[: settings.k]))


def _names(table: pa.Table) -> list[str]:
    names: list[str] = table["filename"].to_pylist()
    return names
