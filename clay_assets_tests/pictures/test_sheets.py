"""Pictures are PNGs of the right size that show what they are given."""

import io

import numpy as np
import pytest
from PIL import Image

from clay_assets.pictures import (
    LIMIT_BYTES,
    NODATA_GREY,
    Picture,
    chip_sheet_png,
    loss_curve_png,
    neighbour_sheet_png,
    quicklook_png,
    reconstruction_png,
    thumbnail_png,
    variance_curve_png,
)


def _noise(side: int, seed: int = 0) -> np.ndarray:
    """The hardest thing to compress."""
    return np.random.default_rng(seed).uniform(1, 4000, (3, side, side)).astype(np.float32)


def _flat(red: float, green: float, blue: float) -> np.ndarray:
    return np.array([red, green, blue], np.float32)[:, None, None] * np.ones((1, 32, 32), "f4")


def _image(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def _colours(png: bytes) -> np.ndarray:
    return np.asarray(_image(png)).astype(int)


@pytest.mark.parametrize("size", [32, 128, 256])
def test_a_thumbnail_has_the_side_that_was_asked_for(size: int):
    assert _image(thumbnail_png(_noise(96), ("B04", "B03", "B02"), size)).size == (size, size)


def test_a_quicklook_keeps_the_shape_of_its_tile():
    wide = np.concatenate([_flat(2000, 1000, 500)] * 4, axis=2)
    assert _image(quicklook_png(wide, max_px=64)).size == (64, 16)


def test_every_picture_for_the_ui_fits_an_event_row():
    sheet = [[Picture(_noise(64, seed), f"{seed:04d}", "0.98") for seed in range(5)]] * 3
    noise = _noise(224)
    masked = np.where(np.arange(224) % 64 < 32, noise, np.nan).astype(np.float32)
    curve = [(step, 1 / (step + 1)) for step in range(500)]
    pictures = [
        quicklook_png(_noise(600), max_px=500),
        chip_sheet_png(sheet[0] * 3),
        neighbour_sheet_png(sheet),
        reconstruction_png(noise, masked, noise),
        loss_curve_png(curve, curve[::50]),
    ]
    for png in pictures:
        assert len(png) <= LIMIT_BYTES
        assert min(_image(png).size) > 100


def test_chips_stand_in_rows_in_their_own_order():
    red, green, blue = _flat(3000, 1, 1), _flat(1, 3000, 1), _flat(1, 1, 3000)
    chips = [Picture(rgb, "") for rgb in (red, green, blue)]
    colours = _colours(chip_sheet_png(chips, columns=2, side_px=20))
    centres = [(16, 16), (16, 42), (16 + 42, 16)]  # 20 px and a gap; one line of text between rows
    assert [int(colours[place].argmax()) for place in centres] == [0, 1, 2]


def test_the_query_of_each_row_is_framed():
    rows = [[Picture(_flat(1000, 1000, 1000), name) for name in "qab"]] * 2
    colours = _colours(neighbour_sheet_png(rows, side_px=40))
    frame = (colours == (255, 190, 60)).all(axis=2)
    assert frame[:, :50].any()
    assert not frame[:, 50:].any()


def test_hidden_patches_are_grey_in_the_middle_picture():
    target = _flat(1500, 1200, 900)
    masked = target.copy()
    masked[:, :, 16:] = np.nan
    colours = _colours(reconstruction_png(target, masked, target, side_px=60))
    middle = colours[36, 6 + 66 : 6 + 66 + 60]
    assert (middle[45] == NODATA_GREY).all()
    assert not (middle[10] == NODATA_GREY).all()


def test_a_title_is_written_below():
    with_title = _colours(chip_sheet_png([Picture(_flat(900, 900, 900), "0042")], side_px=60))
    without = _colours(chip_sheet_png([Picture(_flat(900, 900, 900), "")], side_px=60))
    assert (with_title != without).any()
    assert (with_title[:66] == without[:66]).all()


def test_a_sheet_of_nothing_is_a_picture_too():
    assert min(_image(chip_sheet_png([])).size) > 0


def test_a_loss_curve_may_have_no_points_yet():
    assert _image(loss_curve_png([], [])).size[0] > 100


def test_a_variance_curve_rises_to_what_its_components_hold():
    half, whole = (_colours(variance_curve_png([share] * 4)) for share in (0.125, 0.25))
    tops = [np.argwhere((c[..., 0] - c[..., 2]) > 80)[:, 0].min() for c in (half, whole)]
    assert tops[0] - tops[1] > 50  # rows of pixels; they end at a half and at all


def test_a_loss_curve_shows_both_series():
    curve = [(0, 1.0), (10, 0.5)]
    both, one = _colours(loss_curve_png(curve, curve)), _colours(loss_curve_png(curve, []))
    reddish = [((c[..., 0] - c[..., 2]) > 80).sum() for c in (both, one)]
    assert reddish[0] > 50
    assert reddish[1] == 0
