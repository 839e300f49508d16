"""One product against labels: which rows count, and the figures they give."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from clay_assets.errors import InvalidValueError
from clay_assets.evaluation.metrics import (
    METRICS,
    Classes,
    Vectors,
    check_finite,
    knn_accuracy,
    nearest_rows,
    permanova,
    recall_at,
    silhouette,
)

CODE_VERSION = "1"
"""Raised when the same vectors and labels would give other figures."""
PERMANOVA_ROWS = 2_000
"""More would take all distances and 999 permutations long; a seeded sample of so many is taken."""
RECALL_AT = (1, 5, 10)


@dataclass(frozen=True)
class EvaluationSettings:
    """How vectors are compared."""

    k: int = 5
    """Neighbours that vote."""
    metric: str = "cosine"
    """One of `metrics.METRICS`."""
    max_rows: int = 10_000
    """Of more labelled rows a seeded sample is taken."""
    seed: int = 0
    """Of samples and permutations."""

    def __post_init__(self) -> None:
        """Check what an arbitrary number could not be."""
        if self.k < 1:
            raise InvalidValueError(f"k must be 1 or more neighbours, got {self.k}")
        if self.metric not in METRICS:
            raise InvalidValueError(
                f"metric must be one of {', '.join(METRICS)}, got {self.metric!r}"
            )
        if self.max_rows < 4:
            raise InvalidValueError(f"max_rows must be 4 or more, got {self.max_rows}")


@dataclass(frozen=True)
class Evaluation:
    """How well the vectors of one product tell the classes apart."""

    rows: int
    """Vectors there are."""
    unlabelled: int
    """Vectors without a label; they take no part."""
    classes: int
    """Classes that take part, of at least two vectors."""
    left_out: int
    """Classes of one vector, which has no neighbour of its own kind; they take no part."""
    sampled: int
    """Vectors that the figures are of; fewer than labelled where there are many."""
    permanova_rows: int
    """Vectors that PERMANOVA is of."""
    majority_share: float
    """Share of the largest class: the accuracy of always naming it."""
    knn_accuracy: float
    """Share of vectors whose class their k nearest neighbours tell."""
    recall: dict[str, float]
    """k -> share of vectors with one of their own class among the k nearest."""
    silhouette: float
    """-1 to 1."""
    permanova_f: float
    """Pseudo-F."""
    permanova_r2: float
    """Share of the variance that the classes explain."""
    permanova_p: float
    """Of 999 permutations."""
    dimensions: int
    """Numbers in a vector."""
    k: int
    """Neighbours that voted."""
    metric: str
    """How vectors were compared."""
    seed: int
    """Of samples and permutations."""

    def to_json(self) -> dict[str, Any]:
        """Itself as JSON values."""
        return asdict(self)


def evaluate(
    names: Sequence[str],
    labels: Sequence[str | None],
    gather: Callable[[Classes], Vectors],
    settings: EvaluationSettings,
) -> Evaluation:
    """Compare vectors with labels.

    Args:
        names: of the N rows, for messages.
        labels: of the N rows; None for those without.
        gather: asked once for the (n, D) vectors of some row numbers, ascending.
        settings: how.

    Raises:
        InvalidValueError: fewer than two classes have two members, there are not more rows than
            neighbours, or a vector is not finite.
    """
    chosen, classes, left_out = _choose(labels, settings)
    vectors = gather(chosen)
    check_finite([names[row] for row in chosen], vectors)
    neighbours = nearest_rows(
        vectors, min(max(settings.k, *RECALL_AT), len(chosen) - 1), settings.metric
    )
    few = _sample(classes, PERMANOVA_ROWS, settings.seed)
    variance = permanova(vectors[few], classes[few], settings.metric, seed=settings.seed)
    return Evaluation(
        rows=len(labels),
        unlabelled=sum(not label for label in labels),
        classes=int(classes.max()) + 1,
        left_out=left_out,
        sampled=len(chosen),
        permanova_rows=len(few),
        majority_share=float(np.bincount(classes).max() / len(classes)),
        knn_accuracy=knn_accuracy(neighbours[:, : settings.k], classes),
        recall={
            str(k): recall_at(neighbours, classes, k) for k in RECALL_AT if k <= neighbours.shape[1]
        },
        silhouette=silhouette(vectors, classes, settings.metric),
        permanova_f=variance.f,
        permanova_r2=variance.r2,
        permanova_p=variance.p,
        dimensions=vectors.shape[1],
        k=settings.k,
        metric=settings.metric,
        seed=settings.seed,
    )


def _choose(
    labels: Sequence[str | None], settings: EvaluationSettings
) -> tuple[Classes, Classes, int]:
    """Row numbers that take part, their classes from 0, and how many classes do not."""
    labelled = np.array([row for row, label in enumerate(labels) if label], np.int64)
    kinds, classes, sizes = np.unique(
        [labels[row] or "" for row in labelled], return_inverse=True, return_counts=True
    )
    if (sizes >= 2).sum() < 2:
        found = ", ".join(f"{kind} ({size})" for kind, size in zip(kinds[:5], sizes, strict=False))
        raise InvalidValueError(
            f"an evaluation needs two classes of two members or more, and there are {len(labelled)}"
            f" labelled rows in {len(kinds)} classes: {found or 'none'}"
        )
    kept = sizes[classes] >= 2
    labelled, classes = labelled[kept], np.unique(classes[kept], return_inverse=True)[1]
    few = _sample(classes, settings.max_rows, settings.seed)
    if settings.k >= len(few):
        raise InvalidValueError(
            f"k must be less than the {len(few)} rows that are compared, got {settings.k}"
        )
    classes = np.unique(classes[few], return_inverse=True)[1]
    return labelled[few], classes, int((sizes < 2).sum())


def _sample(classes: Classes, most: int, seed: int) -> Classes:
    """At most so many row numbers, ascending, by seed: large classes lose rows before small ones.

    Every class that is kept keeps two rows or more; where two of each are too many, classes go.

    Args:
        classes: (N,) numbers from 0, each at least twice.
        most: 4 or more.
        seed: of the choice.
    """
    if len(classes) <= most:
        return np.arange(len(classes))
    rng = np.random.default_rng(seed)
    sizes = np.bincount(classes)
    allowed = np.zeros(len(sizes), np.int64)
    kept = rng.permutation(len(sizes))[: most // 2]
    caps = np.arange(2, sizes.max() + 1)
    fits = [np.minimum(sizes[kept], cap).sum() <= most for cap in caps]
    allowed[kept] = caps[max(0, int(np.sum(fits)) - 1)]
    shuffled = rng.permutation(len(classes))
    shuffled = shuffled[np.argsort(classes[shuffled], kind="stable")]  # class by class
    ranks = np.arange(len(classes)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(shuffled[ranks < allowed[classes[shuffled]]])
