"""Which rows take part, and the figures of a whole product."""

import numpy as np
import pytest

from clay_assets.errors import InvalidValueError
from clay_assets.evaluation.evaluate import EvaluationSettings, evaluate
from clay_assets_tests.evaluation.test_metrics import clusters


def run(vectors, labels, **settings):
    names = [f"{row}.jpg" for row in range(len(labels))]
    return evaluate(names, labels, lambda rows: vectors[rows], EvaluationSettings(**settings))


def texts(labels) -> list[str | None]:
    return [f"class {label}" for label in labels]


def test_separate_clusters_are_told_apart_and_shuffled_labels_are_not():
    vectors, labels = clusters(120)
    told = run(vectors, texts(labels))
    assert (told.knn_accuracy, told.recall["1"]) == (1.0, 1.0)
    assert told.silhouette > 0.5
    assert told.permanova_p == 0.001
    by_chance = run(vectors, texts(np.random.default_rng(1).permutation(labels)))
    assert by_chance.knn_accuracy < 0.55
    assert abs(by_chance.silhouette) < 0.1
    assert by_chance.permanova_r2 < 0.1
    assert told.majority_share == by_chance.majority_share == np.bincount(labels).max() / 120


def test_rows_without_a_label_and_classes_of_one_take_no_part():
    vectors, labels = clusters(40)
    named = [*texts(labels), None, "alone", "", "alone too"]
    far = np.full((4, vectors.shape[1]), 1e6, "float32")
    found = run(np.concatenate([vectors, far]), named)
    alone = run(vectors, texts(labels))
    assert (found.rows, found.unlabelled, found.left_out, found.sampled) == (44, 2, 2, 40)
    assert (alone.rows, alone.unlabelled, alone.left_out, alone.sampled) == (40, 0, 0, 40)
    assert found.classes == alone.classes == 3
    for name in ("knn_accuracy", "silhouette", "permanova_f", "recall", "majority_share"):
        assert getattr(found, name) == pytest.approx(getattr(alone, name)), name


def test_only_rows_that_take_part_are_read():
    asked = []

    def gather(rows):
        asked.append(rows.tolist())
        return clusters(6)[0][rows]

    evaluate(list("abcdef"), ["x", None, "y", "x", "z", "y"], gather, EvaluationSettings(k=1))
    assert asked == [[0, 2, 3, 5]]


def test_of_many_rows_a_seeded_sample_is_taken_and_stated():
    vectors, labels = clusters(500)
    labels[:3] = 7  # a small class
    one = run(vectors, texts(labels), max_rows=100)
    assert 90 <= one.sampled <= 100
    assert one.classes == 4  # the small one is whole
    assert run(vectors, texts(labels), max_rows=100) == one
    other = run(vectors, texts(labels), max_rows=100, seed=1)
    assert other.silhouette != one.silhouette  # of other rows


def test_permanova_is_of_fewer_rows(monkeypatch):
    monkeypatch.setattr("clay_assets.evaluation.evaluate.PERMANOVA_ROWS", 30)
    vectors, labels = clusters(100)
    found = run(vectors, texts(labels))
    assert (found.sampled, found.permanova_rows) == (100, 30)


def test_where_there_are_too_many_classes_some_go_whole():
    vectors = np.random.default_rng(0).normal(size=(100, 4)).astype("float32")
    found = run(vectors, [f"{row // 2}" for row in range(100)], max_rows=20, k=1)
    assert (found.sampled, found.classes) == (20, 10)


def test_recall_is_stated_for_as_many_neighbours_as_there_are():
    vectors, labels = clusters(8, classes=2)
    assert set(run(vectors, texts(labels), k=2).recall) == {"1", "5"}


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([None] * 4, r"needs two classes .* there are 0 labelled rows in 0 classes: none"),
        (["a", "a", "b", None], r"3 labelled rows in 2 classes: a \(2\), b \(1\)"),
        (["a", "a", "a", "a"], r"4 labelled rows in 1 classes: a \(4\)"),
        (["a", "a", "b", "b"], r"k must be less than the 4 rows that are compared, got 5"),
    ],
)
def test_labels_that_say_nothing_are_refused(labels, message):
    with pytest.raises(InvalidValueError, match=message):
        run(np.eye(4, dtype="float32"), labels)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": 0}, "k must be 1 or more neighbours, got 0"),
        ({"metric": "manhattan"}, "metric must be one of cosine, euclidean, got 'manhattan'"),
        ({"max_rows": 3}, "max_rows must be 4 or more, got 3"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(InvalidValueError, match=message):
        EvaluationSettings(**settings)
