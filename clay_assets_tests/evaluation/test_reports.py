"""Evaluations in the store, and products side by side."""

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from clay_assets.errors import InvalidValueError, NotFoundError, ProductError, StoreError
from clay_assets.evaluation import (
    EvaluationSettings,
    as_markdown,
    compare_products,
    comparison_key,
    evaluate_image_set,
    evaluate_vectors,
    evaluation_key,
)
from clay_assets.evaluation.comparison import write_table
from clay_assets.evaluation.labels import RuleLabels
from clay_assets.evaluation.reports import EvaluationReport
from clay_assets.evaluation.vectors import chip_vectors, image_vectors
from clay_assets_tests.embeddings.made_files import made_rows, put_file
from clay_assets_tests.evaluation.made_sets import birds, put_set, put_vectors

SETTINGS = EvaluationSettings()


def evaluate(store, product="vit", settings=SETTINGS):
    return evaluate_image_set(store, product, "birds", settings, run_id="run 9")


@pytest.fixture
def two(store):
    """A set of pictures with one good and one useless product."""
    names, vectors = birds()
    put_set(store)
    put_vectors(store, "good", names, vectors)
    noise = np.random.default_rng(5).normal(size=(len(names), 3)).astype("float32")
    put_vectors(store, "useless", names, noise)
    return store


def test_an_evaluation_is_kept_and_read_again(two):
    report = evaluate(two, "good")
    assert (report.labels, report.run_id, report.skipped) == ("genus_species", "run 9", False)
    assert report.evaluation.knn_accuracy == 1.0
    assert report.stored_bytes == two.stat("image_embeddings/good/birds.parquet").size
    kept = EvaluationReport.from_json(two.read_bytes(evaluation_key("good", "birds")))
    assert kept.evaluation == report.evaluation


def test_a_repeat_computes_and_writes_nothing(two, monkeypatch):
    first = evaluate(two, "good")
    before = two.stat(evaluation_key("good", "birds"))
    monkeypatch.setattr("clay_assets.evaluation.reports.evaluate", None)
    again = evaluate(two, "good")
    assert again.skipped
    assert again.evaluation == first.evaluation
    assert two.stat(evaluation_key("good", "birds")) == before


def test_other_vectors_labels_or_settings_are_evaluated_anew(two):
    names, vectors = birds()
    evaluate(two, "good")
    assert not evaluate(two, "good", EvaluationSettings(k=3)).skipped
    put_set(two, r"_(s\d)_")
    assert not evaluate(two, "good", EvaluationSettings(k=3)).skipped
    put_vectors(two, "good", names, vectors, version="v2")
    assert not evaluate(two, "good", EvaluationSettings(k=3)).skipped
    assert evaluate(two, "good", EvaluationSettings(k=3)).skipped


def test_a_report_of_another_version_is_computed_anew(two):
    two.write_bytes(evaluation_key("good", "birds"), b'{"evaluation": {"mood": 1}}')
    assert not evaluate(two, "good").skipped


def test_a_set_without_labels_has_no_figures(two):
    put_set(two, None)
    report = evaluate(two, "good")
    assert (report.labels, report.evaluation) == (None, None)
    assert evaluate(two, "good").skipped
    assert compare_products(two, ["good"], "birds").num_rows == 0


def test_an_unknown_set_and_one_without_embeddings_are_not_found(two):
    with pytest.raises(NotFoundError, match="there is no image set 'cats'; registered are: birds"):
        evaluate_image_set(two, "good", "cats", SETTINGS, run_id="")
    with pytest.raises(NotFoundError, match="has no embeddings of product vit"):
        evaluate(two)


def test_the_comparison_ranks_products_by_accuracy(two):
    for product in ("useless", "good"):
        evaluate(two, product)
    table = compare_products(two, ["useless", "never_run", "good"], "birds")
    assert table["product"].to_pylist() == ["good", "useless"]
    assert table["dimensions"].to_pylist() == [8, 3]
    assert table["rows"].to_pylist() == [40, 40]
    assert table["recall@10"].null_count == 0
    good, useless = (table[name].to_pylist() for name in ("permanova_r2", "silhouette"))
    assert good[0] > 0.8 > 0.2 > good[1]
    assert useless[0] > useless[1]
    assert pq.read_table(two.local_path(comparison_key("birds", ".parquet"))) == table
    assert pyarrow.csv.read_csv(two.local_path(comparison_key("birds"))).num_rows == 2


def test_of_equally_accurate_products_the_best_separated_is_first(two):
    names, vectors = birds(spread=0.02)
    put_vectors(two, "zealous", names, vectors)
    for product in ("good", "zealous"):
        evaluate(two, product)
    table = compare_products(two, ["good", "zealous"], "birds")
    assert table["knn_accuracy"].to_pylist() == [1.0, 1.0]
    assert table["product"].to_pylist() == ["zealous", "good"]


def test_the_comparison_is_written_only_when_it_changes(two):
    evaluate(two, "good")
    compare_products(two, ["good", "useless"], "birds")
    before = two.stat(comparison_key("birds"))
    compare_products(two, ["good", "useless"], "birds")
    assert two.stat(comparison_key("birds")) == before
    evaluate(two, "useless")
    compare_products(two, ["good", "useless"], "birds")
    assert two.stat(comparison_key("birds")) != before


def test_the_comparison_reads_as_markdown(two):
    evaluate(two, "good")
    head, line, row = as_markdown(compare_products(two, ["good"], "birds")).splitlines()
    assert head.startswith("| product | dims | kB | rows | classes | kNN accuracy | recall@1 |")
    assert line.count("---") == head.count("|") - 1
    assert row.startswith("| good | 8 | ")
    assert " | 40 | 3 | 1.000 | 1.000 |" in row


def test_the_comparison_goes_to_a_file(two, tmp_path):
    evaluate(two, "good")
    table = compare_products(two, ["good"], "birds")
    for name in ("a.csv", "a.parquet"):
        write_table(table, tmp_path / name)
        assert (tmp_path / name).exists()
    with pytest.raises(InvalidValueError, match=r"must go to a .csv or .parquet file, got .*a.txt"):
        write_table(table, tmp_path / "a.txt")
    with pytest.raises(StoreError, match=r"none/a.csv cannot be written: "):
        write_table(table, tmp_path / "none" / "a.csv")


def test_chips_are_evaluated_by_tiles(store):
    """Vectors that tell the day; the label is the day in the chip's name."""
    for tile in ("32VKM", "32VLM"):
        rows = made_rows(8, tile)
        days = np.array([row.date == "2023-06-12" for row in rows], float)
        vectors = np.stack([days, 1 - days], axis=1).astype("float32")
        put_file(store, rows=rows, tile=tile, vectors=vectors, shape=(2,))
    vectors = chip_vectors(store, "clay")
    assert len(vectors.rows) == 16
    found = evaluate_vectors(vectors, RuleLabels(r"_(20\d{6})_"), EvaluationSettings(k=3))
    assert (found.knn_accuracy, found.classes, found.rows) == (1.0, 2, 16)
    chosen = np.array([1, 7, 8, 15])
    whole = vectors.gather(np.arange(16))
    assert np.array_equal(vectors.gather(chosen), whole[chosen])
    assert len(chip_vectors(store, "clay", ["32VLM"]).rows) == 8


def test_chip_vectors_are_read_part_by_part(store, monkeypatch):
    made = put_file(store, rows=made_rows(7), shape=(4,))
    monkeypatch.setattr("clay_assets.embeddings.file._BATCH_BYTES", 4 * 4 * 2)
    chosen = np.array([0, 3, 4, 6])
    assert np.array_equal(chip_vectors(store, "clay").gather(chosen), made.vectors[chosen])


def test_products_that_cannot_be_evaluated_are_refused(store):
    put_file(store, "patches", shape=(2, 2, 3))
    with pytest.raises(InvalidValueError, match=r"has many vectors a chip \(level patch\)"):
        chip_vectors(store, "patches")
    with pytest.raises(
        NotFoundError, match=r"product none has no embeddings of chips in .*: patches;"
    ):
        chip_vectors(store, "none")
    put_file(store)
    with pytest.raises(
        NotFoundError, match="product clay has no embeddings of chips, none of tile 32VLM in"
    ):
        chip_vectors(store, "clay", ["32VKM", "32VLM"])
    put_file(store, tile="32VLM", recipe="other")
    with pytest.raises(InvalidValueError, match=r"32VLM_.*gpq was not made as .*32VKM_.*gpq was"):
        chip_vectors(store, "clay")


def test_many_vectors_a_picture_are_refused(two, monkeypatch):
    names, vectors = birds()
    put_vectors(two, "good", names, vectors)
    assert image_vectors(two, "good", "birds").gather(np.array([3]))[0] == pytest.approx(vectors[3])
    monkeypatch.setattr(
        "clay_assets.images.reading.read_image_metadata", lambda *_: _Shape((14, 14, 8))
    )
    with pytest.raises(ProductError, match="gives 14 x 14 x 8 numbers a picture"):
        image_vectors(two, "good", "birds")


class _Shape:
    def __init__(self, shape):
        self.shape = shape
