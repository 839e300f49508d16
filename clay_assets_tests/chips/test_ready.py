"""Chips that exist already, taken in."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from pyproj import Transformer

from clay_assets import progress
from clay_assets.bands import BAND_NAMES, SENTINEL2_BANDS
from clay_assets.chips import cut_tile, read_chip, read_manifest
from clay_assets.chips.checks import check_chips
from clay_assets.chips.file import encode_chip
from clay_assets.errors import ChipError
from clay_assets.ingest import find_imagery, plan_tile
from clay_assets.store import Store
from clay_assets_tests.chips.making import make_chip

DAY = "2021-05-10"
TILE = "32VKM"


def clay_chip(number=1, *, seed=0, size=32, bands=BAND_NAMES, day=DAY):
    """A chip of the tile, half a pixel north-west as Clay's own are."""
    chip = make_chip(seed=seed, size=size, bands=bands)
    col, row = (number - 1) % 21, (number - 1) // 21
    west, north = 199_980 + 10 * size * col - 5, 6_700_020 - 10 * size * row + 5
    bounds = (west, north - 10 * size, west + 10 * size, north)
    return replace(chip, date=day, bounds=bounds, tags={})


def put(folder: Path, chip, name="claytile_32VKM_20210510_v02_0001.tif"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_chip(chip))
    return path


def take(store, location, tile=TILE, dates=()):
    imagery = find_imagery(str(location), tile, dates=dates)
    plan_tile(store, imagery, dates=dates, run_id="plan")
    return cut_tile(store, tile, run_id="run")


def tifs(store):
    return [file.key for file in store.files("chips") if file.key.endswith(".tif")]


def test_clays_own_chips_stay_where_they_are(store, tmp_path):
    chip = clay_chip(23)
    path = put(tmp_path / "in", chip, "claytile_32VKM_20210510_v02_0023.tif")
    report = take(store, tmp_path / "in")
    assert (report.chips, report.chip_size, report.bands) == (1, 32, BAND_NAMES)
    row = read_manifest(store, TILE).rows.iloc[0]
    assert (row["path"], row["chip_id"]) == (str(path), "claytile_32VKM_20210510_v02_0023")
    assert (row["number"], row["row"], row["col"]) == (23, 32, 32)
    assert (row["west"], row["north"]) == (199_980 + 320 - 5, 6_700_020 - 320 + 5)
    assert (row["gsd_m"], row["nodata_share"]) == (10, 0)
    assert np.isnan(row["cloud_share"])
    assert tifs(store) == []
    np.testing.assert_array_equal(read_chip(store, row["path"]).pixels, chip.pixels)
    assert check_chips(store, TILE).faults == ()


@pytest.mark.parametrize("number", [1, 2, 22, 23, 24])
def test_half_a_pixel_north_west_is_the_pixel_it_was_meant_to_be(store, tmp_path, number):
    put(tmp_path / "in", clay_chip(number, size=33))
    take(store, tmp_path / "in")
    row = read_manifest(store, TILE).rows.iloc[0]
    assert (row["row"], row["col"]) == (33 * ((number - 1) // 21), 33 * ((number - 1) % 21))


def test_other_names_get_an_id_of_their_own_but_stay_too(store, tmp_path):
    path = put(tmp_path / "in", clay_chip(), "mine.tif")
    take(store, tmp_path / "in")
    row = read_manifest(store, TILE).rows.iloc[0]
    assert (row["chip_id"], row["path"]) == ("claytile_32VKM_20210510_v10_0001", str(path))


def test_chips_in_a_bucket_stay_there(store, tmp_path, s3_bucket):
    bucket = Store(f"s3://{s3_bucket}/02", tmp_path / "cache")
    name = "claytile_32VKM_20210510_v02_0001.tif"
    bucket.write_bytes(f"{TILE}/{DAY}/{name}", encode_chip(clay_chip()))
    take(store, f"s3://{s3_bucket}/02")
    row = read_manifest(store, TILE).rows.iloc[0]
    assert row["path"] == f"s3://{s3_bucket}/02/{TILE}/{DAY}/{name}"
    np.testing.assert_array_equal(read_chip(store, row["path"]).pixels, clay_chip().pixels)


def test_bands_in_another_order_are_rewritten_in_ours(store, tmp_path):
    chip = clay_chip()
    order = [12, 11, 10, *range(10)]
    bands = tuple(BAND_NAMES[index] for index in order)
    put(tmp_path / "in", replace(chip, pixels=chip.pixels[order], bands=bands))
    take(store, tmp_path / "in")
    row = read_manifest(store, TILE).rows.iloc[0]
    assert row["path"] == f"chips/{TILE}/{DAY}/claytile_32VKM_20210510_v02_0001.tif"
    found = read_chip(store, row["path"])
    np.testing.assert_array_equal(found.pixels, chip.pixels)
    assert found.bounds == chip.bounds  # half a pixel off, as the file says
    assert found.tags["source"] == str(tmp_path / "in" / "claytile_32VKM_20210510_v02_0001.tif")


def test_radar_in_decibels_becomes_linear_power(store, tmp_path):
    chip = clay_chip()
    chip.pixels[10], chip.pixels[11] = -20.0, -10.0
    chip.pixels[11, 0, 0] = 3.0  # some bright targets are above 0 dB
    put(tmp_path / "in", chip)
    take(store, tmp_path / "in")
    found = read_chip(store, read_manifest(store, TILE).rows["path"][0])
    np.testing.assert_allclose(found.pixels[10], 0.01, rtol=1e-6)
    assert found.pixels[11, 0, 0] == pytest.approx(10**0.3)
    np.testing.assert_array_equal(found.pixels[:10], chip.pixels[:10])


def test_the_real_stacks_become_chips_of_224_pixels(store, shared_imagery):
    """13 bands in the order vv, vh, dem; Sentinel-1 in decibels; no date."""
    location = shared_imagery / "stack_637U_59R_1_3" / "stack13_native.tif"
    report = take(store, location, "32VNJ", dates=("2020-06-01",))
    assert (report.chips, report.chip_size, report.bands) == (1, 224, BAND_NAMES)
    row = read_manifest(store, "32VNJ").rows.iloc[0]
    assert (row["chip_id"], row["path"].split("/")[0]) == (
        "claytile_32VNJ_20200601_v10_0001",
        "chips",
    )
    chip = read_chip(store, row["path"])
    with rasterio.open(location) as dataset:
        whole = dataset.read()
        assert chip.bounds == pytest.approx(tuple(dataset.bounds), abs=1e-6)  # m
    np.testing.assert_array_equal(chip.pixels[:10], whole[:10])
    np.testing.assert_allclose(chip.pixels[10], 10 ** (whole[11] / 10), rtol=1e-5)  # vh
    np.testing.assert_allclose(chip.pixels[11], 10 ** (whole[10] / 10), rtol=1e-5)  # vv
    np.testing.assert_array_equal(chip.pixels[12], whole[12])


def test_partial_chips_are_taken_too(store, tmp_path):
    put(tmp_path / "in", clay_chip(bands=SENTINEL2_BANDS))
    assert take(store, tmp_path / "in").bands == SENTINEL2_BANDS


def test_a_repeat_does_no_work_and_says_so(store, tmp_path):
    put(tmp_path / "in", clay_chip())
    first = take(store, tmp_path / "in")
    again = take(store, tmp_path / "in")
    assert (first.skipped, again.skipped) == (False, True)
    assert again.data_version == first.data_version


def test_a_new_chip_changes_the_manifest_but_no_other_date(store, tmp_path):
    folder = tmp_path / "in"
    put(folder, clay_chip())
    first = take(store, folder)
    put(folder, clay_chip(2, day="2022-01-01"), "claytile_32VKM_20220101_v02_0002.tif")
    second = take(store, folder)
    assert (second.chips, second.kept_dates) == (2, (DAY,))
    assert second.data_version != first.data_version
    put(folder, clay_chip(seed=1))
    third = take(store, folder)
    assert third.kept_dates == ("2022-01-01",)
    assert third.data_version != second.data_version


def test_many_chips_are_taken_part_by_part(store, tmp_path):
    for number in range(1, 71):
        put(
            tmp_path / "in",
            clay_chip(number, size=16),
            f"claytile_32VKM_20210510_v02_{number:04d}.tif",
        )
    report = take(store, tmp_path / "in")
    assert report.chips == 70
    assert list(read_manifest(store, TILE).rows["number"]) == list(range(1, 71))
    assert [file.key for file in store.files("chips")] == [f"chips/{TILE}/chips.parquet"]


def test_chips_of_the_zone_beside_have_a_place_in_the_tile_too(store, tmp_path):
    """Drawn in zone 31; its corner by pyproj."""
    to_31 = Transformer.from_crs(32632, 32631, always_xy=True)
    west, north = to_31.transform(209_980, 6_690_020)  # 1000 pixels from the tile's corner
    bounds = (west, north - 320, west + 320, north)
    put(tmp_path / "in", replace(clay_chip(), epsg=32631, bounds=bounds), "one.tif")
    assert take(store, tmp_path / "in").chips == 1
    row = read_manifest(store, TILE).rows.iloc[0]
    assert (row["row"], row["col"], row["epsg"]) == (1000, 1000, 32631)


def test_a_run_that_is_stopped_goes_on_where_it_was(store, tmp_path):
    for number in range(1, 41):
        chip = clay_chip(number, size=16)
        chip.pixels[11] = -10.0  # to be rewritten
        put(tmp_path / "in", chip, f"claytile_32VKM_20210510_v02_{number:04d}.tif")

    def stop(seen):
        if "Looking" in seen.step and seen.done == 1:
            raise KeyboardInterrupt

    with progress.listening(stop), pytest.raises(KeyboardInterrupt):
        take(store, tmp_path / "in")
    before = {file.key: file.modified for file in store.files("chips")}
    assert len(tifs(store)) == 32
    assert take(store, tmp_path / "in").chips == 40
    after = {file.key: file.modified for file in store.files("chips")}
    assert {key: after[key] for key in before if key.endswith(".tif")}.items() <= before.items()


class TestRefusals:
    """Each names the file; nothing is stored."""

    @pytest.fixture(autouse=True)
    def _nothing_is_stored(self, store):
        yield
        assert store.files("chips") == []

    def test_a_truncated_chip(self, store, tmp_path):
        path = put(tmp_path / "in", clay_chip())
        path.write_bytes(path.read_bytes()[:20_000])
        with pytest.raises(ChipError, match=r"_0001\.tif cannot be read: truncated or not a Geo"):
            take(store, tmp_path / "in")

    def test_nan_pixels(self, store, tmp_path):
        chip = clay_chip()
        chip.pixels[4, 0, 0] = np.nan
        put(tmp_path / "in", chip)
        with pytest.raises(ChipError, match=r"_0001\.tif has 1 NaN .* pixels in band 5 \(B06\)"):
            take(store, tmp_path / "in")

    def test_chips_of_two_sizes(self, store, tmp_path):
        put(tmp_path / "in", clay_chip())
        put(tmp_path / "in", clay_chip(2, size=16), "claytile_32VKM_20220101_v02_0002.tif")
        with pytest.raises(ChipError, match=r"one size in pixels: .*_0002.tif has 16, .* has 32"):
            take(store, tmp_path / "in")
        for file in store.files("chips"):  # what is finished stays for the next run
            store.delete([file.key])

    def test_a_chip_that_is_not_square(self, store, tmp_path):
        chip = clay_chip()
        bounds = (*chip.bounds[:2], chip.bounds[2] - 160, chip.bounds[3])
        put(tmp_path / "in", replace(chip, pixels=chip.pixels[:, :, :16], bounds=bounds))
        with pytest.raises(ChipError, match=r"_0001\.tif is 32x16 pixels; a chip is square"):
            take(store, tmp_path / "in")
