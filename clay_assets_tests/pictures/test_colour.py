"""Colours show the land, whatever else is in the picture."""

import numpy as np
import pytest

from clay_assets.pictures import NODATA_GREY, rgb_of, stretch_of, true_colour


def _land(side: int = 100, seed: int = 0) -> np.ndarray:
    """Land as dark as fields and forest are."""
    return np.random.default_rng(seed).uniform(150, 1500, (3, side, side)).astype(np.float32)


def test_brighter_ground_is_brighter():
    ramp = np.tile(np.linspace(100, 4000, 64, dtype=np.float32), (3, 64, 1))
    row = true_colour(ramp)[0, :, 0].astype(int)
    assert (np.diff(row) >= 0).all()
    assert row[0] < 40
    assert row[-1] > 200


def test_limits_are_black_and_white():
    rgb = np.array([100, 200, 300], np.float32)[None, None, :] * np.ones((3, 1, 1), np.float32)
    colours = true_colour(rgb, limits=(100, 300))[0, :, 0]
    assert (colours[0], colours[2]) == (0, 255)
    assert 128 < colours[1] < 200  # lifted by gamma


@pytest.mark.parametrize("hole", [0.0, np.nan])
def test_pixels_without_data_are_grey(hole: float):
    rgb = _land(8)
    rgb[:, 2, 3] = hole
    assert (true_colour(rgb)[2, 3] == NODATA_GREY).all()


def test_a_picture_without_any_data_is_grey():
    assert (true_colour(np.zeros((3, 4, 4), np.float32)) == NODATA_GREY).all()


def test_a_few_glints_do_not_darken_the_rest():
    rgb = _land()
    low, high = stretch_of([rgb])
    rgb[:, 0, :5] = 60_000
    assert stretch_of([rgb]) == pytest.approx((low, high), rel=0.01)


def test_clouds_do_not_darken_the_land():
    clear = _land()
    cloudy = clear.copy()
    cloudy[:, :25] = 9_000
    land = true_colour(clear)[25:].mean(), true_colour(cloudy)[25:].mean()
    assert land[1] > 0.6 * land[0]
    assert (true_colour(cloudy)[:25] == 255).all()


def test_a_picture_of_snow_still_shows_its_shapes():
    snow = np.random.default_rng(1).uniform(5_000, 9_000, (3, 50, 50)).astype(np.float32)
    snow[:, :2] = 300  # hardly any land
    assert true_colour(snow)[2:].std() > 15


def test_a_lake_alone_is_not_stretched_to_noise():
    lake = np.random.default_rng(2).normal(100, 8, (3, 50, 50)).astype(np.float32)
    assert true_colour(lake).max() < 40


def test_pictures_of_a_sheet_share_their_stretch():
    dark, bright = _land(seed=1), 2 * _land(seed=2)
    low, high = stretch_of([dark, bright])
    assert low == pytest.approx(stretch_of([dark])[0], rel=0.2)
    assert high == pytest.approx(stretch_of([bright])[1], rel=0.2)


def test_nothing_to_show_has_a_stretch_too():
    low, high = stretch_of([])
    assert high > low


def test_red_green_and_blue_are_found_by_name():
    pixels = np.arange(4, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    assert rgb_of(pixels, ("B02", "B03", "B04", "B08"))[:, 0, 0].tolist() == [2, 1, 0]


def test_radar_alone_is_grey_and_visible():
    power = np.random.default_rng(3).gamma(4.4, 0.02, (2, 64, 64)).astype(np.float32)
    colours = true_colour(rgb_of(power, ("vh", "vv")))
    assert (colours[..., 0] == colours[..., 2]).all()
    assert colours.std() > 40
