import numpy as np
import pytest

from clay_assets.bands import BAND_NAMES, SCL_CLASSES, SENTINEL2_BANDS
from clay_assets.chips.quality import CLOUD, NO_ELEVATION, NO_OPTICAL, NO_RADAR, judge

SIDE = 10


def pixels(bands=BAND_NAMES):
    return np.ones((len(bands), SIDE, SIDE), "float32")


def classes(share, code=9):
    """That share of pixels cloudy, the rest vegetation."""
    found = np.full(SIDE * SIDE, 4, "uint8")
    found[: round(share * SIDE * SIDE)] = code
    return found.reshape(SIDE, SIDE)


def test_a_good_chip_is_kept():
    quality = judge(pixels(), BAND_NAMES, classes(0))
    assert (quality.fault, quality.cloud_share, quality.nodata_share) == (None, 0, 0)


@pytest.mark.parametrize(
    ("band", "value", "fault"),
    [
        ("B02", 0, NO_OPTICAL),
        ("B03", 0, None),  # Clay looks at B02 only
        ("vv", np.nan, NO_RADAR),
        ("vh", np.nan, NO_RADAR),
        ("vv", 0, None),
        ("dem", np.nan, NO_ELEVATION),
        ("dem", 0, None),  # the sea
    ],
)
def test_one_pixel_without_data_is_enough(band, value, fault):
    chip = pixels()
    chip[BAND_NAMES.index(band), 3, 4] = value
    assert judge(chip, BAND_NAMES, classes(0)).fault == fault


@pytest.mark.parametrize(("share", "fault"), [(0.29, None), (0.30, CLOUD), (1, CLOUD)])
def test_a_chip_is_too_cloudy_from_thirty_percent_on(share, fault):
    quality = judge(pixels(), BAND_NAMES, classes(share))
    assert quality.fault == fault
    assert quality.cloud_share == pytest.approx(share)


@pytest.mark.parametrize("code", sorted(SCL_CLASSES))
def test_classes_that_count_as_cloud_are_clays(code):
    counted = judge(pixels(), BAND_NAMES, classes(0.5, code)).cloud_share == 0.5
    assert counted == (code in {0, 1, 3, 8, 9, 10})


def test_a_chip_with_many_faults_is_counted_once():
    chip = pixels()
    chip[[0, 10, 12], 0, 0] = 0, np.nan, np.nan
    assert judge(chip, BAND_NAMES, classes(1)).fault == NO_OPTICAL


def test_bands_that_are_not_there_are_no_fault():
    quality = judge(pixels(SENTINEL2_BANDS), SENTINEL2_BANDS)
    assert (quality.fault, quality.cloud_share) == (None, None)


def test_nodata_is_counted_in_any_sentinel_2_band():
    chip = pixels()
    chip[3, 0, :5] = chip[4, 0, 3:8] = 0
    assert judge(chip, BAND_NAMES).nodata_share == pytest.approx(0.08)
