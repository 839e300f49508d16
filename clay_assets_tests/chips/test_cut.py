"""From scenes to chips, whole."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from clay_assets import progress
from clay_assets.bands import BAND_NAMES, SENTINEL2_BANDS
from clay_assets.chips import cut_tile, read_chip, read_manifest
from clay_assets.chips.checks import check_chips
from clay_assets.chips.cut import ChipsReport
from clay_assets.errors import ChipError, ImageryError, InvalidValueError, NotFoundError
from clay_assets.ingest import find_imagery, list_tiles, plan_tile, read_recipe, read_window
from clay_assets.store import Store
from clay_assets.synthetic import generate
from clay_assets_tests.ingest.making import (
    NORTH,
    SIDE,
    WEST,
    count_up,
    elevation,
    optical,
    radar,
    save_catalogue,
    write_raster,
)

TILE = "32VKM"
FIRST, SECOND = "2021-05-10", "2022-06-01"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "imagery"


@pytest.fixture
def two_dates(folder):
    """Catalogue of two dates, 64 pixels wide, without radar."""
    items = [optical(folder, FIRST, cloud=5), optical(folder, SECOND, cloud=20), elevation(folder)]
    return save_catalogue(folder, items)


def plan(store, location, **kwargs):
    plan_tile(store, find_imagery(str(location), TILE), run_id="plan", **kwargs)


def cut(store, location=None, *, chip_size=16, run_id="run", **kwargs) -> ChipsReport:
    if location:
        plan(store, location, **kwargs)
    return cut_tile(store, TILE, chip_size=chip_size, run_id=run_id)


def times(store):
    return {file.key: file.modified for file in store.files("chips") if file.key.endswith(".tif")}


def test_chips_are_the_pixels_of_their_place(store, two_dates):
    report = cut(store, two_dates)
    assert report.chips_by_date == {FIRST: 16, SECOND: 16}
    assert (report.chips, report.rejected, report.chip_size) == (32, {}, 16)
    assert report.bands == (*SENTINEL2_BANDS, "dem")
    recipe, manifest = read_recipe(store, TILE), read_manifest(store, TILE)
    for row in manifest.rows.itertuples():
        chip = read_chip(store, row.path)
        assert row.path == f"chips/{TILE}/{row.date}/{row.chip_id}.tif"
        whole = read_window(recipe, str(row.date), row.row, row.col, 16, 16)
        np.testing.assert_array_equal(chip.pixels, whole.pixels)
        assert (row.row, row.col) == (16 * ((row.number - 1) // 4), 16 * ((row.number - 1) % 4))
        west, north = WEST + 10 * row.col, NORTH - 10 * row.row
        assert chip.bounds == (west, north - 160, west + 160, north)
        assert (row.west, row.south, row.east, row.north) == chip.bounds
        assert chip.date == str(row.date)


def test_a_chip_tells_how_it_was_made(store, two_dates):
    cut(store, two_dates)
    row = read_manifest(store, TILE).rows.iloc[0]
    tags = read_chip(store, row.path).tags
    expected = {
        "date": FIRST,
        "mgrs": TILE,
        "number": "1",
        "gsd_m": "10.0",
        "chip_size": "16",
        "scenes": "S2A_20210510_5 DEM_N60_E003",
        "run_id": "run",
    }
    assert expected.items() <= tags.items()
    assert list(row["scenes"]) == ["S2A_20210510_5", "DEM_N60_E003"]


def test_numbers_tell_places_so_that_gaps_are_rejects(store, folder):
    scl = np.full((32, 32), 4, "uint8")
    scl[:8, 8:16] = 9  # the second chip is all cloud
    scl[8:16, :8] = 3
    scl[8:14, :8] = 4  # the fifth a quarter shadow
    item = optical(folder, classes=scl)
    hole = count_up((SIDE, SIDE))
    hole[40, 40] = 0  # chip 11
    write_raster(folder / item.id / "B02.tif", hole, nodata=0)
    report = cut(
        store, save_catalogue(folder, [item, radar(folder, columns=(0, 60)), elevation(folder)])
    )
    rows = read_manifest(store, TILE).rows
    assert report.rejected == {"cloud": 1, "no Sentinel-2 data": 1, "no Sentinel-1 data": 4}
    assert list(rows["number"]) == [1, 3, 5, 6, 7, 9, 10, 13, 14, 15]
    assert rows["chip_id"][2] == "claytile_32VKM_20210510_v10_0005"
    assert list(rows["cloud_share"])[:3] == [0, 0, 0.25]


def test_a_subset_is_cut_from_its_own_corner(store, two_dates):
    report = cut(store, two_dates, subset=(10, 20, 10 + 40, 20 + 35))
    assert report.chips_by_date == {FIRST: 4, SECOND: 4}
    rows = read_manifest(store, TILE).rows
    places = [(20, 10), (20, 26), (36, 10), (36, 26)]
    assert list(zip(rows["row"], rows["col"], strict=True))[:4] == places
    pixels = read_chip(store, rows["path"][3]).pixels
    np.testing.assert_array_equal(pixels[0], count_up((SIDE, SIDE))[36:52, 26:42])


@pytest.mark.parametrize(("chip_size", "count"), [(16, 16), (20, 9), (33, 1), (64, 1)])
def test_any_chip_size_is_cut(store, two_dates, chip_size, count):
    report = cut(store, two_dates, chip_size=chip_size)
    assert report.chips_by_date == {FIRST: count, SECOND: count}
    assert read_chip(store, read_manifest(store, TILE).rows["path"][0]).pixels.shape[1] == chip_size


def test_a_repeat_does_no_work_and_says_so(store, two_dates):
    first, before = cut(store, two_dates), times(store)
    manifest = store.stat(f"chips/{TILE}/chips.parquet")
    again = cut(store, two_dates, run_id="later")
    assert (first.skipped, again.skipped) == (False, True)
    assert again.data_version == first.data_version
    assert again.chips_by_date == first.chips_by_date
    assert times(store) == before
    assert store.stat(f"chips/{TILE}/chips.parquet") == manifest


def test_a_new_date_leaves_the_chips_of_others_alone(store, two_dates, folder):
    first = cut(store, two_dates)
    before = times(store)
    items = list(find_imagery(str(two_dates), TILE).catalogue.items)
    report = cut(store, save_catalogue(folder, [*items, optical(folder, "2023-06-01")]))
    assert report.kept_dates == (FIRST, SECOND)
    assert report.chips == 48
    assert report.data_version != first.data_version
    assert before.items() <= times(store).items()


def test_a_date_that_is_gone_is_deleted(store, two_dates, folder):
    cut(store, two_dates)
    plan_tile(store, find_imagery(str(two_dates), TILE), dates=(SECOND,), run_id="r")
    report = cut_tile(store, TILE, chip_size=16, run_id="r")
    assert (report.chips, report.kept_dates) == (16, (SECOND,))
    assert all(SECOND in key for key in times(store))


def test_a_chip_that_somebody_deleted_is_cut_again(store, two_dates):
    first = cut(store, two_dates)
    gone = read_manifest(store, TILE).rows["path"][3]
    store.delete([gone])
    report = cut(store)
    assert (report.skipped, report.kept_dates) == (False, (SECOND,))
    assert report.data_version == first.data_version
    assert store.exists(gone)


def test_another_chip_size_replaces_all_chips(store, two_dates):
    first = cut(store, two_dates)
    second = cut(store, chip_size=32)
    assert (second.skipped, second.chips, second.chip_size) == (False, 8, 32)
    assert second.data_version != first.data_version
    assert len(times(store)) == 8


def test_a_run_that_is_stopped_goes_on_where_it_was(store, folder):
    """Stopped between two blocks of the second date, as Ctrl-C does."""
    side = 640
    items = [optical(folder, day, side=side) for day in (FIRST, SECOND)]
    plan(store, save_catalogue(folder, items))

    def stop(seen):
        if SECOND in seen.step and seen.done == 1:
            raise KeyboardInterrupt

    with progress.listening(stop), pytest.raises(KeyboardInterrupt):
        cut(store, chip_size=128)
    before = times(store)
    assert sum(FIRST in key for key in before) == 25
    assert 0 < sum(SECOND in key for key in before) < 25
    with pytest.raises(NotFoundError, match="has no chips yet"):
        read_manifest(store, TILE)
    report = cut(store, chip_size=128)
    assert report.chips_by_date == {FIRST: 25, SECOND: 25}
    after = times(store)
    assert before.items() <= after.items()
    assert {file.key for file in store.files("chips")} == {*after, f"chips/{TILE}/chips.parquet"}
    whole = Store(store.root + "-whole", store.cache)
    plan(whole, folder / "catalog.json")
    assert cut(whole, chip_size=128).data_version == report.data_version


def test_parts_of_an_unfinished_run_of_other_scenes_are_not_taken(store, folder):
    plan(store, save_catalogue(folder, [optical(folder, FIRST)]))

    def stop(seen):
        if seen.done == 1 and "Cutting" in seen.step:
            raise KeyboardInterrupt

    with progress.listening(stop), pytest.raises(KeyboardInterrupt):
        cut(store)
    write_raster(folder / "S2A_20210510_5" / "B03.tif", count_up((SIDE, SIDE), 5000), nodata=0)
    cut(store, folder / "catalog.json")
    chip = read_chip(store, read_manifest(store, TILE).rows["path"][0])
    assert chip.pixels[1, 0, 0] == 5000


def test_a_scene_that_is_damaged_is_named_and_nothing_stored_is(store, two_dates, folder):
    cut(store, two_dates)
    before, manifest = times(store), store.read_bytes(f"chips/{TILE}/chips.parquet")
    path = folder / "S2A_20220601_20" / "B08.tif"
    path.write_bytes(path.read_bytes())
    plan(store, two_dates)  # it is whole yet
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ImageryError, match=r"B08\.tif cannot be read as a raster: .* truncated"):
        cut(store)
    assert times(store) == before
    assert store.read_bytes(f"chips/{TILE}/chips.parquet") == manifest


def test_all_chips_may_be_rejected(store, folder):
    item = optical(folder, classes=np.full((32, 32), 9, "uint8"))
    report = cut(store, save_catalogue(folder, [item]))
    assert (report.chips, report.rejected, report.bands) == (0, {"cloud": 16}, ())
    assert read_manifest(store, TILE).rows.empty
    assert cut(store).skipped


def test_an_area_smaller_than_a_chip_is_refused(store, two_dates):
    plan(store, two_dates)
    message = "has 64x64 pixels here, fewer than one chip of 65; take a smaller chip_size"
    with pytest.raises(ChipError, match=message):
        cut(store, chip_size=65)


def test_a_tiny_chip_size_is_refused(store):
    with pytest.raises(InvalidValueError, match="chip_size must be at least 16 pixels, got 15"):
        cut(store, chip_size=15)


def test_a_tile_without_a_recipe_is_refused(store):
    with pytest.raises(NotFoundError, match="has no recipe yet"):
        cut(store)


def test_a_bucket_gets_the_same_chips_as_a_folder(store, two_dates, s3_bucket, tmp_path):
    local = cut(store, two_dates)
    remote = Store(f"s3://{s3_bucket}/data", tmp_path / "cache")
    report = cut(remote, two_dates)
    assert report.data_version == local.data_version
    assert [file.key for file in remote.files()] == [file.key for file in store.files()]
    assert cut(remote, two_dates).skipped
    assert check_chips(remote, TILE).faults == ()


def test_the_whole_real_tile_has_four_chips_of_ten_bands(store, shared_imagery):
    """29RKH, 2020-02-19, pixels of 100 m; against the files read by rasterio."""
    folder = shared_imagery / "s2_29RKH_20200219"
    plan_tile(store, find_imagery(str(folder / "item_local.json"), "29RKH"), run_id="r")
    report = cut_tile(store, "29RKH", run_id="r")
    assert (report.chips, report.rejected, report.bands) == (4, {}, SENTINEL2_BANDS)
    rows = read_manifest(store, "29RKH").rows
    assert list(rows["gsd_m"]) == [100] * 4
    last = read_chip(store, rows["path"][3])
    assert last.bounds == (251_180, 2_697_620, 302_380, 2_748_820)
    with rasterio.open(folder / "B04.tif") as dataset:
        np.testing.assert_array_equal(last.pixels[2], dataset.read(1)[512:1024, 512:1024])
    with rasterio.open(folder / "SCL.tif") as dataset:
        bad = np.isin(dataset.read(1)[256:512, 256:512], [0, 1, 3, 8, 9, 10])
    assert rows["cloud_share"][3] == pytest.approx(bad.mean())


def test_the_synthetic_landscape_goes_the_way_of_real_scenes(store, tmp_path):
    location = str(generate(tmp_path / "landscape", size_px=128, dates=2))
    (tile,) = list_tiles(location)
    plan_tile(store, find_imagery(location, tile), run_id="r")
    report = cut_tile(store, tile, chip_size=32, run_id="r")
    assert report.chips + sum(report.rejected.values()) == 32
    assert report.bands == BAND_NAMES
    assert set(report.rejected) <= {"cloud"}
    rows = read_manifest(store, tile).rows
    assert rows["cloud_share"].between(0, 0.3).all()
    assert check_chips(store, tile).faults == ()


def test_a_full_disk_is_named_and_leaves_whole_chips_only(store, two_dates):
    """On a real file system of 128 kB, where the kernel allows one."""
    if subprocess.run(["unshare", "-Urm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a small file system")
    plan(store, two_dates)
    root = Path(store.root)
    script = f"""
import shutil, subprocess, sys
from pathlib import Path
from clay_assets.chips import cut_tile, decode_chip
from clay_assets.errors import StoreError
from clay_assets.store import Store
recipe = Path({str(root)!r}, "tiles/{TILE}/tile.parquet").read_bytes()
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", {str(root)!r}], check=True)
store = Store({str(root)!r}, Path({str(store.cache)!r}))
store.write_bytes("tiles/{TILE}/tile.parquet", recipe)
try:
    cut_tile(store, "{TILE}", chip_size=16, run_id="r")
except StoreError as error:
    print(error)
for file in store.files("chips"):
    if file.key.endswith(".tif"):
        decode_chip(store.read_bytes(file.key), file.key)
print(len(list(Path({str(root)!r}).rglob("*.partial"))), "partial")
"""
    done = subprocess.run(
        ["unshare", "-Urm", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "disk of" in done.stdout
    assert "is full; free some space" in done.stdout
    assert done.stdout.endswith("0 partial\n")
