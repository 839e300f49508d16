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
    rgb_of,
    stretch_of,
    thumbnail_png,
    true_colour,
)


def _noise(side: int, seed: int = 0) -> np.ndarray:
    """The hardest thing to compress."""
    return np.random.default_rng(seed).uniform(1, 4000, (3, side, side)).astype(np.float32)


def _image(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png))


def test_brighter_ground_is_brighter():
    ramp = np.tile(np.linspace(100, 4000, 64, dtype=np.float32), (3, 64, 1))
    row = true_colour(ramp)[0, :, 0].astype(int)
    assert (np.diff(row) >= 0).all()
    assert row[0] == 0
    assert row[-1] == 255


@pytest.mark.parametrize("hole", [0.0, np.nan])
def test_pixels_without_data_are_grey(hole: float):
    rgb = _noise(8)
    rgb[:, 2, 3] = hole
    assert (true_colour(rgb)[2, 3] == NODATA_GREY).all()


def test_a_picture_without_any_data_is_grey():
    assert (true_colour(np.zeros((3, 4, 4), np.float32)) == NODATA_GREY).all()


def test_a_few_glints_do_not_darken_the_rest():
    rgb = _noise(100)
    low, high = stretch_of([rgb])
    rgb[:, 0, :5] = 60_000
    assert stretch_of([rgb]) == pytest.approx((low, high), rel=0.01)


def test_red_green_and_blue_are_found_by_name():
    pixels = np.arange(4, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    assert rgb_of(pixels, ("B02", "B03", "B04", "B08"))[:, 0, 0].tolist() == [2, 1, 0]
    assert rgb_of(pixels, ("vh", "vv", "dem", "B02"))[:, 0, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("size", [32, 128, 256])
def test_a_thumbnail_has_the_side_that_was_asked_for(size: int):
    assert _image(thumbnail_png(_noise(96), ("B04", "B03", "B02"), size)).size == (size, size)


def test_every_picture_for_the_ui_fits_an_event_row():
    sheet = [[Picture(_noise(64, seed), f"{seed:04d}", "0.98") for seed in range(6)]] * 5
    noise = _noise(224)
    masked = np.where(np.arange(224) % 64 < 32, noise, np.nan).astype(np.float32)
    curve = [(step, 1 / (step + 1)) for step in range(500)]
    pictures = [
        quicklook_png(_noise(1000), max_px=800),
        chip_sheet_png(sheet[0] * 3),
        neighbour_sheet_png(sheet),
        reconstruction_png(noise, masked, noise),
        loss_curve_png(curve, curve[::50]),
    ]
    for png in pictures:
        assert len(png) <= LIMIT_BYTES
        assert min(_image(png).size) > 100


def test_a_loss_curve_may_have_no_points_yet():
    assert _image(loss_curve_png([], [])).size[0] > 100
