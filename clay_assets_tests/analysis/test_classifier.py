"""Labels in, classes of every row out."""

import numpy as np
import pyarrow as pa
import pytest

from clay_assets.analysis.classifier import BACKGROUND, ClassifierSettings, train
from clay_assets.analysis.models import MODELS
from clay_assets.analysis.predictions import PredictionFilter, predict
from clay_assets.analysis.reporting import report_markdown
from clay_assets.errors import InvalidValueError, NotFoundError
from clay_assets_tests.analysis.made_land import DAYS, TILES, class_of
from clay_assets_tests.search.embedding_files import patches_of


@pytest.fixture(scope="module")
def labels(land) -> dict[str, str]:
    """A fifth of the places of one day."""
    return {chip.chip_id: class_of(chip) for chip in land if chip.day == DAYS[0]}


@pytest.fixture(scope="module")
def few(labels) -> dict[str, str]:
    return dict(list(labels.items())[::5])


@pytest.fixture(scope="module")
def classifier(land_store, few):
    return train(land_store, "clay", few)


@pytest.mark.parametrize("model", MODELS)
def test_it_learns_what_is_there_to_learn(land, land_store, few, model):
    classifier = train(land_store, "clay", few, ClassifierSettings(model))
    told = pa.concat_tables(predict(land_store, classifier))
    wanted = {chip.chip_id: class_of(chip) for chip in land}
    right = [
        wanted[id_] == name
        for id_, name in zip(told["id"].to_pylist(), told["class"].to_pylist(), strict=True)
    ]
    assert len(right) == len(land)
    assert np.mean(right) > 0.9
    assert classifier.report.validation.balanced_accuracy > 0.85


def test_a_repeat_is_the_same_and_other_labels_are_another(land_store, classifier, few):
    assert train(land_store, "clay", few).version == classifier.version
    again = train(land_store, "clay", few).report.to_json()
    assert again == classifier.report.to_json()
    other = train(land_store, "clay", dict(list(few.items())[:-1]))
    assert other.version != classifier.version


def test_a_confidence_leaves_those_that_reach_it(land_store, classifier):
    every = pa.concat_tables(predict(land_store, classifier))
    confidences = every["confidence"].to_numpy()
    least = float(np.median(confidences))
    sure = pa.concat_tables(predict(land_store, classifier, PredictionFilter(least)))
    assert 0 < len(sure) < len(every)
    assert len(sure) == (confidences >= np.float32(least)).sum()
    shares = np.column_stack([every["p_field"].to_numpy(), every["p_water"].to_numpy()])
    assert shares.sum(axis=1) == pytest.approx(1, abs=1e-6)
    assert shares.max(axis=1) == pytest.approx(confidences)


def test_classes_and_tiles_can_be_chosen(land_store, classifier):
    wanted = PredictionFilter(classes=("water",), tiles=(TILES[1],))
    told = pa.concat_tables(predict(land_store, classifier, wanted))
    assert set(told["class"].to_pylist()) == {"water"}
    assert set(told["mgrs"].to_pylist()) == {TILES[1]}


def test_background_stands_in_for_marks_of_another_class(land, land_store, labels):
    water = {id_: name for id_, name in labels.items() if name == "water"}
    settings = ClassifierSettings(background=150)
    classifier = train(land_store, "clay", dict(list(water.items())[::4]), settings)
    assert classifier.classes == (BACKGROUND, "water")
    assert 90 < classifier.report.labels[BACKGROUND] < 210
    told = pa.concat_tables(predict(land_store, classifier))
    wanted = {chip.chip_id for chip in land if class_of(chip) == "water"}
    found = np.isin(told["id"].to_numpy(), list(wanted))
    share = told["p_water"].to_numpy()
    assert share[found].mean() > share[~found].mean() + 0.3


def test_labels_in_one_block_are_learnt_from_but_not_tested(land, land_store):
    near = [chip for chip in land if chip.day == DAYS[0] and chip.mgrs == TILES[0]][:6]
    found = train(land_store, "clay", {chip.chip_id: class_of(chip) for chip in near},
                  ClassifierSettings(block_km=1000))  # fmt: skip
    assert found.report.validation is None
    assert "within one block of 1000 km" in found.report.note
    assert "no cross-validation" in report_markdown(found.report.to_json())


def test_the_report_reads_well(classifier):
    text = report_markdown(classifier.report.to_json())
    figure = classifier.report.validation.balanced_accuracy
    assert f"balanced accuracy **{figure:.3f}**" in text
    assert "| water |" in text
    assert "| confidence from |" in text


def test_patches_are_rows_too(patch_chips, patch_store):
    patches = patches_of(patch_chips)
    labels = {patch.chip_id: "ab"[number % 2] for number, patch in enumerate(patches[:64])}
    classifier = train(patch_store, "clay", labels)
    told = pa.concat_tables(predict(patch_store, classifier))
    assert told["id"].to_pylist() == [patch.chip_id for patch in patches]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": "forest"}, "one of logistic, boosting, got 'forest'"),
        ({"folds": 1}, "folds must be 2 to 20, got 1"),
        ({"block_km": 0}, "block_km must be 0.1 to 1000, got 0"),
        ({"background": 6000}, "background must be 0 to 5000 rows, got 6000"),
    ],
)
def test_settings_that_make_no_sense_are_refused(values, message):
    with pytest.raises(InvalidValueError, match=message):
        ClassifierSettings(**values)


def test_too_few_classes_are_refused(land_store, few):
    water = {id_: "water" for id_ in few}
    with pytest.raises(InvalidValueError, match=r"2 to 32 classes, got 1 \(water\)"):
        train(land_store, "clay", water)
    with pytest.raises(InvalidValueError, match=r"got 0 \(none\)"):
        train(land_store, "clay", {})
    with pytest.raises(InvalidValueError, match="'background' is both a label and drawn"):
        train(land_store, "clay", {"a": BACKGROUND}, ClassifierSettings(background=9))


def test_too_many_labels_are_refused(land_store):
    labels = {f"{number}": "ab"[number % 2] for number in range(25_001)}
    with pytest.raises(InvalidValueError, match="at most 25000, got 25001"):
        train(land_store, "clay", labels)


def test_background_that_draws_nothing_is_refused(land, land_store):
    every = {chip.chip_id: class_of(chip) for chip in land}
    with pytest.raises(InvalidValueError, match="background 3 drew no row"):
        train(land_store, "clay", every, ClassifierSettings(background=3))


def test_an_unknown_row_or_product_is_named(land_store, few):
    with pytest.raises(NotFoundError, match="'clay' has no row 'claytile_x' among its 600"):
        train(land_store, "clay", {**few, "claytile_x": "water"})
    with pytest.raises(NotFoundError, match="no embeddings of product 'other'"):
        train(land_store, "other", few)


def test_predictions_that_cannot_be_are_refused(land_store, classifier):
    with pytest.raises(InvalidValueError, match="min_confidence must be 0 to 1, got 2"):
        PredictionFilter(2)
    with pytest.raises(InvalidValueError, match="some of field, water, got ice"):
        predict(land_store, classifier, PredictionFilter(classes=("ice",)))
    with pytest.raises(NotFoundError, match="no tile 10SEG; it has 2, from 32VKM to 33VUG"):
        predict(land_store, classifier, PredictionFilter(tiles=("10SEG",)))
