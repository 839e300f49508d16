"""A picture of what the vectors say: three principal components as red, green and blue.

What looks alike to the network has one colour. Sorts of ground stand out before anyone labels
them, and so do seams between scenes, clouds, and a checkpoint that tells nothing apart.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date as Date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import shapely

from clay_assets.analysis.models import threads_for
from clay_assets.analysis.rows import Vectors, batches, sample_rows
from clay_assets.errors import InvalidValueError
from clay_assets.search.hits import embedding_of
from clay_assets.search.source import SourceFile
from clay_assets.store import Store

CODE_VERSION = "1"
"""Raised when the same vectors would give other colours."""
SAMPLE_ROWS = 20_000
COMPONENTS = 3
_STRETCH = (2, 98)
_DARKEST, _BRIGHTEST = 20, 245


@dataclass(frozen=True)
class ColourScale:
    """Turns vectors into colours."""

    centre: Vectors
    """(D,) mean of the sample."""
    axes: Vectors
    """(3, D) principal components, each with its largest weight positive."""
    limits: npt.NDArray[np.float32]
    """(2, 3) value of the darkest and the brightest."""
    explained: tuple[float, ...]
    """Share of the variance in each component, 0 to 1."""

    def colours(self, vectors: Vectors) -> npt.NDArray[np.uint8]:
        """(N, 3) red, green, blue of (N, D) unit vectors."""
        low, high = self.limits
        share = ((vectors - self.centre) @ self.axes.T - low) / np.maximum(high - low, 1e-9)
        span = _BRIGHTEST - _DARKEST
        colours: npt.NDArray[np.uint8] = np.rint(_DARKEST + span * share.clip(0, 1)).astype(
            np.uint8
        )
        return colours


@dataclass(frozen=True)
class ColouredRows:
    """Rows of one day."""

    date: Date
    """The day."""
    ids: tuple[str, ...]
    """Of the rows."""
    footprints: npt.NDArray[np.object_]
    """(N,) in OGC:CRS84."""
    colours: npt.NDArray[np.uint8]
    """(N, 3)."""


def fit_colours(store: Store, files: Sequence[SourceFile], *, seed: int = 0) -> ColourScale:
    """Colours that fit a seeded sample of some files; the same scale makes tiles comparable.

    Raises:
        InvalidValueError: there are too few rows, or too few numbers in a vector.
    """
    from sklearn.decomposition import PCA

    vectors = sample_rows(store, files, SAMPLE_ROWS, seed=seed).vectors
    if min(vectors.shape) < COMPONENTS:
        raise InvalidValueError(
            f"a picture needs {COMPONENTS} rows of {COMPONENTS} numbers or more, product "
            f"{files[0].product!r} has {vectors.shape[0]} of {vectors.shape[1]}"
        )
    solver = "randomized" if min(vectors.shape) > 500 else "full"
    with threads_for(len(vectors)):
        found = PCA(COMPONENTS, svd_solver=solver, random_state=seed).fit(vectors)
    # A component's sign is arbitrary; with a rule for it, a repeat has the same colours.
    largest = np.abs(found.components_).argmax(axis=1)
    signs = np.sign(found.components_[np.arange(COMPONENTS), largest])
    axes = (found.components_ * signs[:, None]).astype(np.float32)
    values = (vectors - found.mean_) @ axes.T
    return ColourScale(
        found.mean_.astype(np.float32),
        axes,
        np.percentile(values, _STRETCH, axis=0).astype(np.float32),
        tuple(map(float, found.explained_variance_ratio_)),
    )


def coloured(
    store: Store, files: Sequence[SourceFile], scale: ColourScale
) -> Iterator[tuple[pa.Table, npt.NDArray[np.uint8]]]:
    """All rows with their (N, 3) colours, some thousand at a time."""
    for rows in batches(store, files, "Colouring"):
        yield rows.drop_columns(["embedding"]), scale.colours(embedding_of(rows))


def coloured_days(
    store: Store, file: SourceFile, scale: ColourScale, *, day: Date | None = None
) -> list[ColouredRows]:
    """The rows of a tile day by day, oldest first; of one day where given."""
    parts: dict[Date, list[tuple[list[str], npt.NDArray[np.object_], npt.NDArray[np.uint8]]]] = {}
    for rows, colours in coloured(store, [file], scale):
        dates = np.array(rows["date"].to_pylist())
        for found in np.unique(dates):
            if day is not None and found != day:
                continue
            own = np.flatnonzero(dates == found)
            few = rows.take(own)
            footprints = shapely.from_wkb(few["geometry"].to_numpy())
            parts.setdefault(found, []).append((few["id"].to_pylist(), footprints, colours[own]))
    return [
        ColouredRows(
            found,
            tuple(id_ for ids, _, _ in parts[found] for id_ in ids),
            np.concatenate([footprints for _, footprints, _ in parts[found]]),
            np.concatenate([colours for _, _, colours in parts[found]]),
        )
        for found in sorted(parts)
    ]
