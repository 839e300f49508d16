import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clay_assets import progress
from clay_assets.bands import BAND_NAMES, SENTINEL2_BANDS
from clay_assets.chips import read_chip
from clay_assets.errors import InvalidValueError
from clay_assets.models import encode_latlon, encode_timestep, normalise
from clay_assets.store import Store
from clay_assets.training import TrainingConfig, build_training_set, read_training_set
from clay_assets.training.loaders import common_bands, fitting_crop
from clay_assets.training.samples import ChipCrops, Crop, RandomCrops, central_crops

HALF_ATOL = 2e-3  # standard deviations; half precision of values up to 4
CHIP_BYTES = 13 * 32 * 32 * 2


@pytest.fixture
def rows(store: Store, make_area):
    make_area(rows=1, columns=3, dates=("2021-05-10",))
    build_training_set(store, run_id="run-1")
    return read_training_set(store).rows


def test_a_sample_is_the_normalised_crop_with_place_and_date(store: Store, rows):
    pixels, latlon, timestep = ChipCrops(store, rows, BAND_NAMES, 16, cache_bytes=0)[Crop(1, 3, 7)]
    chip = read_chip(store, rows["path"][1])
    expected = normalise(torch.from_numpy(chip.pixels))[:, 3:19, 7:23]
    torch.testing.assert_close(pixels, expected, rtol=0, atol=HALF_ATOL)
    place = encode_latlon(rows["lon"][1], rows["lat"][1])
    torch.testing.assert_close(latlon, torch.tensor(place))
    torch.testing.assert_close(timestep, torch.tensor(encode_timestep("2021-05-10")))


def test_only_the_bands_asked_for_are_taken(store: Store, rows):
    pixels, *_ = ChipCrops(store, rows, ("B08", "dem"), 32, cache_bytes=0)[Crop(0, 0, 0)]
    chip = read_chip(store, rows["path"][0])
    expected = normalise(torch.from_numpy(chip.pixels[[6, 12]]), ("B08", "dem"))
    torch.testing.assert_close(pixels, expected, rtol=0, atol=HALF_ATOL)


@pytest.mark.parametrize(("room", "kept"), [(0, 0), (2 * CHIP_BYTES, 2), (9 * CHIP_BYTES, 3)])
def test_chips_are_kept_as_far_as_there_is_room(store: Store, rows, room: int, kept: int):
    crops = ChipCrops(store, rows, BAND_NAMES, 16, cache_bytes=room)
    crops.read_ahead()
    before = [crops[Crop(chip, 0, 0)][0] for chip in range(3)]
    store.delete(rows["path"].tolist())
    for chip in range(kept):
        assert torch.equal(crops[Crop(chip, 0, 0)][0], before[chip])
    for chip in range(kept, 3):
        with pytest.raises(LookupError, match="does not exist"):
            crops[Crop(chip, 0, 0)]


def test_reading_ahead_is_reported(store: Store, rows):
    seen = []
    with progress.listening(seen.append):
        ChipCrops(store, rows, BAND_NAMES, 16, cache_bytes=2**30).read_ahead()
    assert (seen[-1].step, seen[-1].done, seen[-1].total) == ("Reading chips", 3, 3)


@given(sides=st.lists(st.integers(16, 40), min_size=1, max_size=5), seed=st.integers(0, 9))
def test_random_crops_lie_inside_and_each_chip_comes_once_a_round(sides: list[int], seed: int):
    first, again = (
        iter(RandomCrops(sides, 16, torch.Generator().manual_seed(seed))) for _ in range(2)
    )
    for _ in range(2):
        crops = [next(first) for _ in sides]
        assert crops == [next(again) for _ in sides]
        assert sorted(crop.chip for crop in crops) == list(range(len(sides)))
        for crop in crops:
            assert 0 <= crop.row <= sides[crop.chip] - 16
            assert 0 <= crop.col <= sides[crop.chip] - 16


def test_central_crops_are_spread_over_the_chips_held_out():
    sides = [32] * 4 + [32, 40, 48, 56, 64]
    crops = central_crops(sides, 16, first=4, count=3)
    assert crops == [Crop(4, 8, 8), Crop(6, 16, 16), Crop(8, 24, 24)]
    assert len(central_crops(sides, 16, first=4, count=99)) == 5
    assert central_crops(sides, 16, first=9, count=3) == []


def test_chips_of_different_sources_share_the_groups_they_all_have(store: Store, make_area):
    make_area("32VKM", rows=1, columns=1, dates=("2021-05-10",))
    make_area("29RKH", rows=1, columns=1, dates=("2021-05-10",), bands=SENTINEL2_BANDS[:8])
    build_training_set(store, run_id="run-1")
    assert common_bands(read_training_set(store).rows) == SENTINEL2_BANDS[:8]


def test_chips_without_a_common_group_are_refused(store: Store, make_area):
    make_area("32VKM", rows=1, columns=1, bands=("vh", "vv"))
    make_area("29RKH", rows=1, columns=1, bands=("B08", "dem"))
    build_training_set(store, run_id="run-1")
    with pytest.raises(InvalidValueError, match=r"no band group in common; .* B08 dem; vh vv"):
        common_bands(read_training_set(store).rows)


@pytest.mark.parametrize(
    ("sides", "expected"), [([512], 256), ([512, 224], 224), ([100], 96), ([32], 32)]
)
def test_a_crop_fits_in_the_smallest_chip(sides: list[int], expected: int):
    assert fitting_crop(sides, TrainingConfig()) == expected


def test_chips_smaller_than_a_patch_are_refused():
    with pytest.raises(InvalidValueError, match="patch_size 32 does not fit in a crop of 16 pix"):
        fitting_crop([512, 16], TrainingConfig())
