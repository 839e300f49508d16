"""Figures by hand, and by scikit-learn and scikit-bio called directly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import silhouette_score
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from clay_assets.errors import InvalidValueError
from clay_assets.evaluation.metrics import (
    check_finite,
    knn_accuracy,
    nearest_rows,
    permanova,
    recall_at,
    silhouette,
)

LINE = np.array([[0], [1], [2], [10], [11], [3.6]], np.float32)
"""Three of class 0 near the origin, two of class 1 far off, and a third one astray at 3.6."""
CLASSES = np.array([0, 0, 0, 1, 1, 1])


def clusters(count=60, width=8, classes=3, *, spread=0.2, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=count)
    middles = rng.normal(size=(classes, width))
    return (middles[labels] + spread * rng.normal(size=(count, width))).astype("float32"), labels


def test_neighbours_on_a_line_by_hand():
    found = nearest_rows(LINE, 2, "euclidean")
    assert found.tolist() == [[1, 2], [2, 0], [1, 5], [4, 5], [3, 5], [2, 1]] or (
        # 1 is as far from 0 as from 2
        found.tolist() == [[1, 2], [0, 2], [1, 5], [4, 5], [3, 5], [2, 1]]
    )


def test_accuracy_and_recall_on_a_line_by_hand():
    """With one neighbour only the astray one is wrong; its nearest of class 1 is the fourth."""
    found = nearest_rows(LINE, 4, "euclidean")
    assert knn_accuracy(found[:, :1], CLASSES) == pytest.approx(5 / 6)
    assert recall_at(found, CLASSES, 1) == pytest.approx(5 / 6)
    assert recall_at(found, CLASSES, 3) == pytest.approx(5 / 6)
    assert recall_at(found, CLASSES, 4) == 1.0


def test_of_equal_votes_the_nearer_neighbours_win():
    neighbours = np.array([[1, 2], [0, 2], [3, 0], [2, 0]])
    classes = np.array([0, 0, 1, 1])
    # Each has one of both classes; the first is of its own.
    assert knn_accuracy(neighbours, classes) == 1.0
    assert knn_accuracy(neighbours[:, ::-1], classes) == 0.0


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("k", [1, 3, 5])
def test_accuracy_is_that_of_scikit_learn_left_one_out(metric, k):
    vectors, labels = clusters(classes=2, spread=1.5)
    wanted = cross_val_score(
        KNeighborsClassifier(k, metric=metric, algorithm="brute"), vectors, labels, cv=LeaveOneOut()
    ).mean()
    found = knn_accuracy(nearest_rows(vectors, k, metric), labels)
    assert 0.5 < wanted < 1  # else it shows nothing
    assert found == pytest.approx(wanted)


def test_the_silhouette_is_that_of_scikit_learn():
    vectors, labels = clusters()
    found = silhouette(vectors, labels, "cosine")
    assert found == pytest.approx(silhouette_score(vectors, labels, metric="cosine"))


def test_the_silhouette_on_a_line_by_hand():
    """(b - a) / max(a, b): two and two points at 0, 1 and 10, 12."""
    vectors = np.array([[0], [1], [10], [12]], np.float32)
    wanted = np.mean([(11 - 1) / 11, (10 - 1) / 10, (9.5 - 2) / 9.5, (11.5 - 2) / 11.5])
    found = silhouette(vectors, np.array([0, 0, 1, 1]), "euclidean")
    assert found == pytest.approx(wanted)


def test_permanova_by_hand():
    """In one dimension it is the analysis of variance: F and R² of the sums of squares."""
    vectors, labels = np.array([[0], [1], [10], [12]], np.float32), np.array([0, 0, 1, 1])
    within = 2 * 0.5**2 + 2 * 1**2
    between = 2 * (0.5 - 5.75) ** 2 + 2 * (11 - 5.75) ** 2
    found = permanova(vectors, labels, "euclidean", seed=0)
    assert found.f == pytest.approx(between / (within / 2))
    assert found.r2 == pytest.approx(between / (between + within))
    # Of the 6 ways to part them 2 are these; scikit-bio counts the data itself as well.
    assert found.p == pytest.approx(1 / 3, abs=0.06)


def test_permanova_has_the_permutations_of_its_seed():
    vectors, labels = clusters(spread=3.0)
    one, same, other = (permanova(vectors, labels, "cosine", seed=seed) for seed in (1, 1, 2))
    assert one == same
    assert one.f == other.f
    assert one.p != other.p


def test_classes_without_any_spread_explain_all():
    vectors, labels = np.array([[0], [0], [1], [1]], np.float32), np.array([0, 0, 1, 1])
    assert permanova(vectors, labels, "euclidean", seed=0).r2 == 1.0


def test_vectors_that_are_all_the_same_explain_nothing():
    vectors, labels = np.full((6, 3), 0.3, np.float32), np.array([0, 0, 0, 1, 1, 1])
    found = permanova(vectors, labels, "cosine", seed=0)
    assert (found.f, found.r2, found.p) == (0, 0, 1)


def test_shuffled_labels_explain_nothing():
    vectors, labels = clusters(120)
    told = permanova(vectors, labels, "cosine", seed=0)
    by_chance = permanova(vectors, np.random.default_rng(1).permutation(labels), "cosine", seed=0)
    assert (told.r2 > 0.8, told.p) == (True, 0.001)
    assert by_chance.r2 < 0.1
    assert by_chance.p > 0.01


@given(st.integers(0, 100), st.sampled_from(["cosine", "euclidean"]))
def test_a_row_is_never_its_own_neighbour(seed, metric):
    vectors, _ = clusters(12, 2, seed=seed)
    vectors[5] = vectors[6]  # not even a double finds itself
    found = nearest_rows(vectors, 11, metric)
    assert all(sorted(row) == sorted({*range(12)} - {own}) for own, row in enumerate(found))


def test_a_vector_that_is_not_finite_is_named():
    vectors = np.array([[1, 2], [np.nan, 0]], np.float32)
    with pytest.raises(InvalidValueError, match=r"the embedding of b.jpg is not finite; make it"):
        check_finite(["a.jpg", "b.jpg"], vectors)
