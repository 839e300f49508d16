"""The two kinds of classifier, both by scikit-learn."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from clay_assets.analysis.blocks import Numbers
from clay_assets.analysis.rows import Vectors
from clay_assets.errors import InvalidValueError

MODELS = ("logistic", "boosting")
"""Logistic regression: few labels, one direction a class. Gradient boosting: many labels, bends."""
_STRENGTH = 10.0
"""Inverse of the regularisation, for vectors of any width."""
_COMPONENTS = 32
"""Boosted trees see so many principal components: trees on 768 numbers are slow and no better."""
_LEAST_LEAF, _MOST_LEAF = 3, 20
_TREES, _LEAVES, _RESTRAINT = 60, 8, 1.0
"""Small trees, few of them: people label dozens of chips, and more trees would only be surer."""
_MANY_ROWS = 5_000


def check_model(kind: str) -> None:
    """Refuse what is no kind of classifier.

    Raises:
        InvalidValueError: it is none.
    """
    if kind not in MODELS:
        raise InvalidValueError(f"model must be one of {', '.join(MODELS)}, got {kind!r}")


def fit(kind: str, vectors: Vectors, classes: Numbers, *, seed: int) -> Any:  # noqa: ANN401
    """A fitted estimator with `predict_proba` and `classes_`; classes weigh alike.

    Args:
        kind: one of `MODELS`.
        vectors: (N, D) of length 1.
        classes: (N,) numbers; where all are the same, that one is always told.
        seed: of whatever is random.
    """
    from sklearn.dummy import DummyClassifier

    if len(np.unique(classes)) == 1:
        return DummyClassifier(strategy="prior").fit(vectors, classes)
    make = _logistic if kind == "logistic" else _boosting
    with threads_for(len(vectors)):
        return make(vectors, seed).fit(vectors, classes)


def probabilities(
    estimator: Any,  # noqa: ANN401
    vectors: Vectors,
    count: int,
) -> np.ndarray:
    """(N, count) shares of each class, float32; 0 for a class that the estimator never saw."""
    shares = np.zeros((len(vectors), count), np.float32)
    if len(vectors):
        with threads_for(len(vectors)):
            shares[:, estimator.classes_] = estimator.predict_proba(vectors)
    return shares


@contextmanager
def threads_for(rows: int) -> Iterator[None]:
    """One thread for few rows: several would wait for each other longer than they work."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(None if rows > _MANY_ROWS else 1):
        yield


def _logistic(vectors: Vectors, seed: int) -> Any:  # noqa: ANN401
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    regression = LogisticRegression(
        C=_STRENGTH / vectors.shape[1], class_weight="balanced", max_iter=2_000, random_state=seed
    )
    return make_pipeline(StandardScaler(), regression)


def _boosting(vectors: Vectors, seed: int) -> Any:  # noqa: ANN401
    from sklearn.decomposition import PCA
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline

    rows, width = vectors.shape
    trees = HistGradientBoostingClassifier(
        class_weight="balanced",
        early_stopping=False,
        l2_regularization=_RESTRAINT,
        max_iter=_TREES,
        max_leaf_nodes=_LEAVES,
        min_samples_leaf=min(_MOST_LEAF, max(_LEAST_LEAF, rows // 20)),
        random_state=seed,
    )
    return make_pipeline(PCA(min(_COMPONENTS, width, rows), random_state=seed), trees)
