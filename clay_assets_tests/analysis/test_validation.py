"""Blocks keep apart what lies together, and the report says what that costs."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from clay_assets.analysis.blocks import SIDES_KM, apart_from, blocks_of
from clay_assets.analysis.validation import CONFIDENCES, _rounds, validate


def squares(count: int, side: float = 0.02) -> np.ndarray:
    """`count` squared places, edge to edge, around lon 10, lat 45."""
    cells = [(10 + side * col, 45 + side * row) for row in range(count) for col in range(count)]
    return np.array([shapely.box(x, y, x + side, y + side) for x, y in cells])


@settings(max_examples=20)
@given(st.integers(2, 5), st.sampled_from(SIDES_KM[3:]), st.integers(0, 5))
def test_no_block_is_both_learnt_from_and_tested(folds, side_km, seed):
    footprints = squares(16)
    classes = np.random.default_rng(seed).integers(2, size=len(footprints))
    blocks = blocks_of(footprints, classes, folds=folds, side_km=side_km)
    if blocks.folds < 2:
        return
    tested_rows = []
    for trained, tested, left_out in _rounds(blocks, classes, footprints, seed):
        assert not set(blocks.of_row[trained]) & set(blocks.of_row[tested])
        assert len(trained) + len(tested) + left_out == len(classes)
        tested_rows += tested.tolist()
    assert sorted(tested_rows) == list(range(len(classes)))


def test_blocks_are_as_large_as_allows_the_folds():
    footprints, classes = squares(20), np.arange(400) % 2  # 31 by 44 km
    for folds in (2, 5):
        chosen = blocks_of(footprints, classes, folds=folds)
        larger = blocks_of(footprints, classes, folds=folds, side_km=2 * chosen.side_km)
        assert chosen.folds == folds > larger.folds


def test_the_blocks_that_allow_most_folds_are_taken_where_none_allows_all():
    footprints = np.array([shapely.box(x, 45, x + 0.01, 45.01) for x in (10, 10.5, 11, 11.5)])
    blocks = blocks_of(footprints, np.array([0, 1, 0, 1]), folds=5)
    assert blocks.folds == 2


def test_all_dates_of_a_place_lie_in_one_block():
    footprints = np.concatenate([squares(5), squares(5)])
    blocks = blocks_of(footprints, np.arange(50) % 2, folds=5, side_km=2)
    assert (blocks.of_row[:25] == blocks.of_row[25:]).all()


def test_ground_that_two_tiles_share_is_not_learnt_from():
    footprints = np.array([shapely.box(x, 0, x + 1, 1) for x in (0, 0.5, 1, 2)])
    # The second overlaps the first; the third only touches it.
    assert apart_from(footprints, np.array([1, 2, 3]), np.array([0])).tolist() == [2, 3]


def test_scattered_folds_flatter_and_blocked_ones_do_not():
    """A class for each patch of ground, and vectors that tell the place and nothing else."""
    rng = np.random.default_rng(0)
    side = 24
    row, col = np.divmod(np.arange(side * side), side)
    footprints = squares(side, 0.05)
    classes = rng.integers(2, size=(6, 6))[row // 4, col // 4]
    waves = [np.sin(f * place + p) for place in (row, col) for f in (0.2, 0.4) for p in (0, 1.6)]
    vectors = np.column_stack(waves).astype(np.float32)
    vectors += 0.05 * rng.normal(size=vectors.shape).astype(np.float32)
    blocks = blocks_of(footprints, classes, folds=5, side_km=32)
    found = validate("boosting", vectors, classes, footprints, blocks, ["a", "b"], seed=0)
    assert found.scattered_balanced_accuracy > 0.8
    assert found.balanced_accuracy < 0.75  # measured: 0.67 beside 0.89; 0.5 is a guess


@pytest.fixture(scope="module")
def report():
    rng = np.random.default_rng(0)
    classes = np.arange(256) % 3
    vectors = (np.eye(8)[classes] + 0.5 * rng.normal(size=(256, 8))).astype(np.float32)
    blocks = blocks_of(squares(16), classes, folds=4)
    return validate("logistic", vectors, classes, squares(16), blocks, list("abc"), seed=0)


def test_every_row_is_tested_once(report):
    confusion = np.array(report.confusion)
    assert confusion.sum() == 256 == sum(fold.tested for fold in report.folds)
    assert confusion.sum(axis=1).tolist() == [each.labelled for each in report.classes]


def test_the_figures_are_those_of_the_confusion(report):
    confusion = np.array(report.confusion)
    recalls = np.diag(confusion) / confusion.sum(axis=1)
    assert report.accuracy == pytest.approx(np.trace(confusion) / 256)
    assert report.balanced_accuracy == pytest.approx(recalls.mean())
    assert [each.recall for each in report.classes] == pytest.approx(recalls.tolist())
    assert 0.6 < report.balanced_accuracy < 1


def test_more_confidence_leaves_less_and_is_right_more_often(report):
    shares = [at.share for at in report.confidences]
    assert [at.confidence for at in report.confidences] == list(CONFIDENCES)
    assert shares[0] == 1
    assert shares == sorted(shares, reverse=True)
    assert report.confidences[0].accuracy == report.accuracy
    sure = next(at for at in report.confidences if at.confidence == 0.9)
    assert sure.accuracy > report.accuracy
