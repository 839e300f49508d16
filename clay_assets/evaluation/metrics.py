"""How well vectors tell classes apart: four well-known figures, by scikit-learn and scikit-bio."""

# N rows, D numbers in a vector

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clay_assets.errors import InvalidValueError

METRICS = ("cosine", "euclidean")
"""How far two vectors are apart."""
PERMUTATIONS = 999
_NO_DISTANCE = 1e-12

Vectors = npt.NDArray[np.float32]
Classes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Permanova:
    """Whether classes lie apart: permutational analysis of variance on distances."""

    f: float
    """Pseudo-F: variance between the classes over that within."""
    r2: float
    """Share of the sum of squared distances that the classes explain, 0 to 1."""
    p: float
    """Share of permuted labels that give such an F or a larger one."""


def nearest_rows(vectors: Vectors, k: int, metric: str) -> npt.NDArray[np.int64]:
    """The k nearest other rows of each row, nearest first.

    Args:
        vectors: (N, D), finite.
        k: 1 to N - 1.
        metric: one of `METRICS`.

    Returns:
        (N, k) row numbers; a row is never its own neighbour.
    """
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=k, metric=metric, algorithm="brute").fit(vectors)
    rows: npt.NDArray[np.int64] = index.kneighbors(return_distance=False)
    return rows


def knn_accuracy(neighbours: npt.NDArray[np.int64], classes: Classes) -> float:
    """Share of rows whose class most of their neighbours have, each row left out in turn.

    Of classes with as many neighbours the one whose neighbours are nearer by rank wins.

    Args:
        neighbours: (N, k) of `nearest_rows`.
        classes: (N,) numbers from 0.
    """
    count, k = neighbours.shape
    votes = np.zeros((count, int(classes.max()) + 1))
    # The ranks of all k together weigh less than one vote.
    weights = 1 + np.arange(k, 0, -1) / (k * (k + 1))
    np.add.at(votes, (np.arange(count)[:, None], classes[neighbours]), weights)
    return float(np.mean(votes.argmax(axis=1) == classes))


def recall_at(neighbours: npt.NDArray[np.int64], classes: Classes, k: int) -> float:
    """Share of rows with at least one of their own class among their k nearest.

    Args:
        neighbours: (N, K) of `nearest_rows`, K at least k.
        classes: (N,) numbers.
        k: how many are looked at.
    """
    same = classes[neighbours[:, :k]] == classes[:, None]
    return float(same.any(axis=1).mean())


def silhouette(vectors: Vectors, classes: Classes, metric: str) -> float:
    """Mean silhouette, -1 to 1: how much nearer a row is to its class than to the next one.

    Args:
        vectors: (N, D), finite.
        classes: (N,) numbers of at least two classes and fewer than N.
        metric: one of `METRICS`.
    """
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(vectors, classes, metric=metric))


def permanova(vectors: Vectors, classes: Classes, metric: str, *, seed: int) -> Permanova:
    """PERMANOVA of Anderson (2001) with 999 permutations.

    Args:
        vectors: (N, D), finite; all N * N distances are in memory.
        classes: (N,) numbers of at least two classes and fewer than N.
        metric: one of `METRICS`.
        seed: of the permutations.

    Source:
        Anderson, A new method for non-parametric multivariate analysis of variance, 2001; R² of
        its sums of squares is F (a - 1) / (F (a - 1) + N - a) for a classes.
    """
    from skbio import DistanceMatrix
    from skbio.stats import distance
    from sklearn.metrics import pairwise_distances

    distances = pairwise_distances(vectors.astype(np.float64), metric=metric)
    distances = (distances + distances.T) / 2
    np.fill_diagonal(distances, 0)
    if distances.max() < _NO_DISTANCE:
        return Permanova(f=0.0, r2=0.0, p=1.0)  # scikit-bio would call 0 / 0 significant
    with np.errstate(divide="ignore"):  # classes without any spread: F is infinite
        result = distance.permanova(
            DistanceMatrix(distances), classes.astype(str), permutations=PERMUTATIONS, seed=seed
        )
    f, count, groups = (
        float(result[name]) for name in ("test statistic", "sample size", "number of groups")
    )
    between = f * (groups - 1)
    r2 = 1.0 if np.isinf(f) else between / (between + count - groups)
    return Permanova(f=f, r2=float(r2), p=float(result["p-value"]))


def check_finite(names: Sequence[str], vectors: Vectors) -> None:
    """Refuse vectors that no distance can be taken of.

    Raises:
        InvalidValueError: one is not finite.
    """
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        raise InvalidValueError(
            f"the embedding of {names[int(np.argmin(finite))]} is not finite; make it again with "
            "CLAY_PRECISION=fp32 or another checkpoint"
        )
