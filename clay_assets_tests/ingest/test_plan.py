import dataclasses
import json
import re
from collections import Counter

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pystac
import pytest
import rasterio

from clay_assets.bands import BAND_NAMES, SENTINEL2_BANDS
from clay_assets.errors import ImageryError, InvalidValueError, NotFoundError, UnreachableError
from clay_assets.ingest import find_imagery, plan_tile, read_recipe, read_window
from clay_assets.ingest.grid import Grid, PixelWindow
from clay_assets.ingest.planning import Planner
from clay_assets.ingest.selection import Limits, turns_of
from clay_assets_tests.ingest.making import (
    EPSG,
    NORTH,
    SIDE,
    WEST,
    Place,
    count_up,
    elevation,
    optical,
    radar,
    save_catalogue,
    write_raster,
)


def plan(store, location, *, dates=(), run_id="run", **kwargs):
    imagery = find_imagery(str(location), "32VKM", dates=dates)
    return plan_tile(store, imagery, dates=dates, run_id=run_id, **kwargs)


def reasons(report):
    return {choice.scene: choice.reason for choice in report.choices if not choice.chosen}


def test_a_recipe_holds_every_band_of_every_date_on_one_grid(store, catalogue):
    report = plan(store, catalogue)
    assert report.dates == ("2021-05-10", "2022-06-01")
    assert report.bands == BAND_NAMES
    assert report.grid == Grid(EPSG, WEST, NORTH, 10, SIDE, SIDE)
    assert report.window == PixelWindow(0, 0, SIDE, SIDE)
    recipe = read_recipe(store, "32VKM")
    assert recipe.data_version == report.data_version
    first = recipe.date_plan("2021-05-10")
    assert first.scenes == (
        "S2A_20210510_5",
        "S1A_2021-05-11T170000_ascending",
        "DEM_N60_E003",
    )
    assert set(first.sources) == {*BAND_NAMES, "SCL"}
    assert first.sources["B05"][0].href.endswith("S2A_20210510_5/B05.tif")


def test_the_file_is_stac_geoparquet_that_others_read(store, catalogue):
    plan(store, catalogue)
    path = store.local_path("tiles/32VKM/tile.parquet")
    frame = geopandas.read_parquet(path)
    assert sorted(frame["id"])[:2] == ["DEM_N60_E003", "S1A_2021-05-11T170000_ascending"]
    assert len(frame) == 5
    metadata = pq.read_schema(path).metadata
    assert b"stac-geoparquet" in metadata
    recipe = json.loads(metadata[b"clay_assets"])
    assert (recipe["run_id"], recipe["mgrs"]) == ("run", "32VKM")


def test_a_repeat_does_no_work_and_says_so(store, catalogue):
    first = plan(store, catalogue)
    stat = store.stat("tiles/32VKM/tile.parquet")
    again = plan(store, catalogue, run_id="later")
    assert (first.skipped, again.skipped) == (False, True)
    assert (again.data_version, again.choices) == (first.data_version, first.choices)
    assert store.stat("tiles/32VKM/tile.parquet") == stat


@pytest.mark.parametrize(
    "change", [{"subset": (0, 0, 32, 32)}, {"max_cloud_pct": 10.0}, {"dates": ("2021-05-10",)}]
)
def test_another_wish_gives_another_recipe(store, catalogue, change):
    first = plan(store, catalogue)
    other = plan(store, catalogue, **change)
    assert not other.skipped
    assert other.data_version != first.data_version


def test_new_imagery_that_is_not_chosen_leaves_the_recipe_as_it_is(store, catalogue):
    first = plan(store, catalogue, max_dates=1)
    folder = catalogue.parent
    items = list(find_imagery(str(catalogue), "32VKM").catalogue.items)
    save_catalogue(folder, [*items, optical(folder, "2022-07-01", cloud=90)])
    again = plan(store, catalogue, max_dates=1)
    assert not again.skipped
    assert again.data_version == first.data_version


def test_each_scene_that_is_not_used_has_a_reason(store, tmp_path):
    bad = optical(tmp_path, "2021-01-01", cloud=1)
    del bad.assets["B12"]
    lonely = optical(tmp_path, "2021-02-01", cloud=2)
    cloudy = optical(tmp_path, "2021-03-01", cloud=80)
    good = optical(tmp_path, "2021-05-10", cloud=10)
    same_day = optical(tmp_path, "2021-05-10", cloud=11)
    finer = optical(tmp_path, "2021-05-12", cloud=12, side=2 * SIDE)
    items = [bad, lonely, cloudy, good, same_day, finer]
    location = save_catalogue(tmp_path, [*items, radar(tmp_path), elevation(tmp_path)])
    report = plan(store, location, max_dates=6)
    assert report.dates == ("2021-05-10",)
    found = reasons(report)
    assert found.pop(bad.id).startswith("no asset for B12; its assets: B02, B03")
    assert found.pop(finer.id).startswith("its grid (Grid(epsg=32632, ")
    assert found == {
        lonely.id: "no radar there within 3 days",
        cloudy.id: "80 % cloud, at most 50 %",
        same_day.id: "another scene of that day is used",
    }


def test_a_range_without_scenes_is_told(store, catalogue):
    report = plan(store, catalogue, dates=("2021-05-10", "2019-01-01/2019-12-31"))
    assert report.dates == ("2021-05-10",)
    assert report.choices[-1].date == "2019-01-01/2019-12-31"
    assert report.choices[-1].reason == "no scene"


def test_each_date_that_is_asked_for_is_taken_whatever_max_dates_says(store, catalogue):
    report = plan(store, catalogue, dates=("2022-06-01", "2021-05-10"), max_dates=1)
    assert report.dates == ("2021-05-10", "2022-06-01")


def test_sentinel_2_alone_gives_its_ten_bands(store, tmp_path):
    report = plan(store, save_catalogue(tmp_path, [optical(tmp_path)]))
    assert report.bands == SENTINEL2_BANDS


def test_radar_without_elevation_gives_twelve_bands(store, tmp_path):
    report = plan(store, save_catalogue(tmp_path, [optical(tmp_path), radar(tmp_path)]))
    assert report.bands == BAND_NAMES[:12]


def test_a_single_polarisation_is_no_radar(store, tmp_path):
    single = radar(tmp_path)
    del single.assets["vh"]
    location = save_catalogue(tmp_path, [optical(tmp_path), single])
    with pytest.raises(ImageryError, match="no radar there within 3 days"):
        plan(store, location)


def without_crs(folder):
    write_raster(folder / "B03.tif", count_up((SIDE, SIDE)), Place(epsg=None))


def no_raster(folder):
    (folder / "B04.tif").write_bytes(b"<html>404</html>")


def no_file(folder):
    (folder / "B8A.tif").unlink()


def oblong_pixels(folder):
    with rasterio.open(folder / "B02.tif", "r+") as dataset:
        dataset.transform = rasterio.Affine(10, 0, WEST, 0, -20, NORTH)


FAULTS = [
    (without_crs, r"B03\.tif has no CRS; .*`gdal_edit\.py -a_srs"),
    (no_raster, r"B04\.tif cannot be read as a raster: "),
    (no_file, r"B8A\.tif is named by an item but does not exist; mend the item"),
    (oblong_pixels, r"B02\.tif has no square north-up pixels \(10 x 20\); warp it"),
]


class TestFaultyFiles:
    """A scene whose file is at fault gives way to the next, and says why."""

    @pytest.mark.parametrize(("spoil", "reason"), FAULTS)
    def test_the_next_scene_is_taken(self, store, catalogue, spoil, reason):
        spoil(catalogue.parent / "S2A_20210510_5")
        report = plan(store, catalogue)
        assert report.dates == ("2022-06-01",)
        assert re.search(reason, reasons(report)["S2A_20210510_5"])

    @pytest.mark.parametrize(("spoil", "reason"), FAULTS)
    def test_the_tile_fails_when_none_is_left(self, store, catalogue, spoil, reason):
        for name in ("S2A_20210510_5", "S2A_20220601_20"):
            spoil(catalogue.parent / name)
        with pytest.raises(ImageryError, match=rf"can be used: .*{reason}"):
            plan(store, catalogue)
        assert store.files() == []

    @pytest.mark.parametrize(
        ("declared", "reason"),
        [
            ({"proj:epsg": 32633}, "declares of B02 EPSG:32633, .*B02.tif has EPSG:32632; mend"),
            ({"proj:code": "EPSG:4326"}, "declares of B02 EPSG:4326, .* has EPSG:32632"),
            (
                {"proj:shape": [10980, 10980], "proj:transform": [10, 0, WEST, 0, -10, NORTH]},
                "declares of B02 as of all its files a ground of transform 10, 0, 199980, 0, -10",
            ),
        ],
    )
    def test_an_item_that_declares_what_its_files_are_not(self, store, tmp_path, declared, reason):
        liar = optical(tmp_path, "2021-05-10", cloud=0, **declared)
        honest = optical(tmp_path, "2021-05-11", cloud=9, **{"proj:epsg": 32632})
        report = plan(store, save_catalogue(tmp_path, [liar, honest]), max_dates=1)
        assert report.dates == ("2021-05-11",)
        assert re.search(rf"item {liar.id} {reason}", reasons(report)[liar.id])

    @pytest.mark.parametrize(
        ("field", "value", "reason"),
        [
            ("proj:shape", [SIDE, SIDE], "of B05 64x64 pixels, .*B05.tif has 32x32; mend"),
            (
                "proj:transform",
                [20, 0, WEST + 10, 0, -20, NORTH],  # half a pixel
                "of B05 the transform 20, 0, 199990, 0, -20, 6700020, .* has 20, 0, 199980,",
            ),
        ],
    )
    def test_an_asset_that_declares_what_its_file_is_not(
        self, store, tmp_path, field, value, reason
    ):
        liar, honest = optical(tmp_path, "2021-05-10", cloud=0), optical(tmp_path, "2021-05-11")
        liar.assets["B05"].extra_fields[field] = value
        honest.assets["B05"].extra_fields |= {
            "proj:shape": [SIDE // 2, SIDE // 2],
            "proj:transform": [20, 0, WEST, 0, -20, NORTH, 0, 0, 1],
        }
        report = plan(store, save_catalogue(tmp_path, [liar, honest]), max_dates=1)
        assert report.dates == ("2021-05-11",)
        assert re.search(rf"item {liar.id} declares {reason}", reasons(report)[liar.id])

    def test_radar_and_elevation_at_fault_give_way_too(self, store, tmp_path):
        near, far = radar(tmp_path, "2021-05-10T17:00:00"), radar(tmp_path, "2021-05-12T17:00:00")
        near.properties["proj:epsg"] = 32633
        location = save_catalogue(tmp_path, [optical(tmp_path), near, far, elevation(tmp_path)])
        report = plan(store, location)
        assert far.id in read_recipe(store, "32VKM").date_plan("2021-05-10").scenes
        assert "declares of vh EPSG:32633" in reasons(report)[near.id]

    def test_a_server_that_is_down_does_not_let_a_worse_scene_win(self, store, catalogue):
        found = find_imagery(str(catalogue), "32VKM")
        for asset in found.scenes[0].assets.values():
            asset.href = "http://127.0.0.1:9/B02.tif"  # the discard port, where nobody listens
        with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:9/B02\.tif cannot be read"):
            plan_tile(store, found, run_id="r")
        assert store.files() == []


def test_the_real_item_passes_and_the_one_with_other_files_does_not(store, shared_imagery):
    """Its files were decimated upstream; only `item_local.json` declares them as they are."""
    folder = shared_imagery / "s2_29RKH_20200219"
    found = find_imagery(str(folder / "item_local.json"), "29RKH")
    assert plan_tile(store, found, run_id="r").dates == ("2020-02-19",)
    original = pystac.Item.from_file(str(folder / "S2A_29RKH_20200219_0_L2A.json"))
    for name, asset in found.scenes[0].assets.items():
        original.assets[name].href = asset.href
    lying = dataclasses.replace(found, scenes=(original,), fingerprint="other")
    with pytest.raises(ImageryError, match=r"declares of blue .*10980x10980 .* has 1098x1098"):
        plan_tile(store, lying, run_id="r")


def test_elevation_in_oblong_pixels_is_read(store, tmp_path):
    """As Copernicus delivers it north of 50 degrees."""
    coarse = elevation(tmp_path)
    path = tmp_path / "dem" / "data.tif"
    with rasterio.open(path) as dataset:
        pixels, transform = dataset.read(1), dataset.transform
    path.unlink()
    write_raster(path, pixels[:, ::2], Place(3.5, 60.4, 1 / 3600, (360, 360), 4326))
    with rasterio.open(path, "r+") as dataset:
        dataset.transform = transform @ rasterio.Affine.scale(2, 1)
    report = plan(store, save_catalogue(tmp_path, [optical(tmp_path), coarse]))
    assert report.bands == (*SENTINEL2_BANDS, "dem")
    window = read_window(read_recipe(store, "32VKM"), "2021-05-10", 0, 0, SIDE, SIDE)
    assert np.isfinite(window.pixels).all()


def test_the_table_of_choices_tells_of_radar_elevation_and_what_was_not_needed(store, catalogue):
    report = plan(store, catalogue, dates=("2021-01-01/2022-12-31",))
    lines = [(c.sensor, c.scene, c.chosen, c.reason) for c in report.choices]
    radar_id, scene = "S1A_2021-05-11T170000_ascending", "S2A_20210510_5"
    assert lines == [
        ("optical", scene, True, "5 % cloud, 0 % without data"),
        ("radar", radar_id, True, f"covers 100 % of the area; ascending, 1.3 days after {scene}"),
        ("elevation", "DEM_N60_E003", True, "covers 100 % of the area"),
        (
            "optical",
            "S2A_20220601_20",
            False,
            f"{scene} of 2021-01-01/2022-12-31 is better: 5 % cloud, 0 % without data",
        ),
    ]
    assert read_recipe(store, "32VKM").choices == report.choices


def test_named_scenes_are_taken_whatever_their_clouds(store, tmp_path):
    cloudy, good = optical(tmp_path, "2021-03-01", cloud=80), optical(tmp_path, cloud=10)
    third = optical(tmp_path, "2021-06-01", cloud=70)
    location, named = save_catalogue(tmp_path, [cloudy, good, third]), (third.id, cloudy.id)
    found = find_imagery(str(location), "32VKM", items=named)
    report = plan_tile(store, found, items=named, max_dates=1, run_id="r")
    assert report.dates == ("2021-03-01", "2021-06-01")


def test_an_item_whose_pixels_are_not_understood_gives_way(store, tmp_path):
    strange, good = radar(tmp_path, "2021-05-10T17:00:00"), radar(tmp_path, "2021-05-12T17:00:00")
    strange.assets["vh"].extra_fields["raster:bands"] = [{"offset": 5}]
    report = plan(store, save_catalogue(tmp_path, [optical(tmp_path), strange, good]))
    assert good.id in read_recipe(store, "32VKM").date_plan("2021-05-10").scenes
    assert "an offset of 5; only Sentinel-2 is read" in reasons(report)[strange.id]


def test_the_seed_decides_which_years_are_taken(store, tmp_path):
    items = [optical(tmp_path, f"{year}-05-10", side=2) for year in range(2017, 2024)]
    location = save_catalogue(tmp_path, items)
    first = plan(store, location)
    assert first.dates == ("2019-05-10", "2021-05-10", "2023-05-10")
    assert plan(store, location).skipped
    other = plan(store, location, seed=7)
    assert not other.skipped
    assert len(other.dates) == 3
    assert other.dates != first.dates


def test_a_tile_with_few_years_takes_more_scenes_of_each(store, tmp_path):
    items = [optical(tmp_path, f"2021-0{month}-10", cloud=month, side=2) for month in range(1, 6)]
    report = plan(store, save_catalogue(tmp_path, items))
    assert report.dates == ("2021-01-10", "2021-02-10", "2021-03-10")


def test_a_year_whose_best_scene_is_at_fault_gives_its_next(store, tmp_path):
    """Clay v0 took the last attempt for a failure and ran out of scenes."""
    best = optical(tmp_path, "2021-01-10", cloud=1)
    del best.assets["B02"]
    last = optical(tmp_path, "2021-02-10", cloud=2)
    report = plan(store, save_catalogue(tmp_path, [best, last]), max_dates=1)
    assert report.dates == ("2021-02-10",)


def test_a_place_without_radar_is_given_up_before_every_scene_was_opened(store, tmp_path):
    scenes = [optical(tmp_path, f"2021-01-{day:02d}", cloud=day, side=2) for day in range(1, 24)]
    scenes.append(optical(tmp_path, "2021-02-01", cloud=60, side=2))
    location = save_catalogue(tmp_path, [*scenes, radar(tmp_path, "2022-05-10T17:00:00")])
    found = find_imagery(str(location), "32VKM")
    planner = Planner(found.catalogue, None, Limits(50, 20))
    planner.plan_all(turns_of(found.scenes, (), tile="32VKM", seed=42), 3)
    counts = Counter(choice.reason for choice in planner.choices)
    assert counts == {
        "no radar there within 3 days": 20,
        "not tried": 3,
        "60 % cloud, at most 50 %": 1,
    }


def test_two_scenes_of_the_same_second_are_told_apart(store, tmp_path):
    """Clay v0 took any item of the same datetime."""
    cloudy, clear = optical(tmp_path, cloud=40), optical(tmp_path, cloud=3)
    assert cloudy.datetime == clear.datetime
    plan(store, save_catalogue(tmp_path, [cloudy, clear]), max_dates=1)
    assert read_recipe(store, "32VKM").date_plan("2021-05-10").scenes == (clear.id,)


class TestRefusals:
    """Each says what was found and what to do; nothing is stored."""

    @pytest.fixture(autouse=True)
    def _nothing_is_stored(self, store):
        yield
        assert store.files() == []

    def test_an_item_without_assets(self, store, tmp_path):
        item = optical(tmp_path)
        item.assets.clear()
        location = save_catalogue(tmp_path, [item])
        with pytest.raises(
            ImageryError,
            match=r"no scene of tile 32VKM in .*catalog\.json can be used: S2A_20210510_5: no "
            r"asset for B02, .* its assets: none; choose other dates or raise the limits",
        ):
            plan(store, location)

    def test_nothing_but_clouds(self, store, tmp_path):
        items = [optical(tmp_path, f"2021-01-0{day}", cloud=90 + day) for day in range(1, 8)]
        with pytest.raises(ImageryError, match=r"91 % cloud, at most 50 %.*; and 2 more; choose"):
            plan(store, save_catalogue(tmp_path, items))

    @pytest.mark.parametrize("subset", [(0, 0, SIDE + 1, 10), (10, 10, 10, 20)])
    def test_a_subset_outside_of_the_tile(self, store, catalogue, subset):
        with pytest.raises(InvalidValueError, match="within the tile's 64x64 pixels"):
            plan(store, catalogue, subset=subset)

    def test_a_tile_without_a_recipe(self, store):
        with pytest.raises(NotFoundError, match=r"32VKM has no recipe yet .* materialise `tiles`"):
            read_recipe(store, "32VKM")


def test_scenes_in_a_bucket_are_planned_and_read_like_local_ones(
    store, catalogue, s3_bucket, upload
):
    upload(catalogue.parent, f"s3://{s3_bucket}/images")
    plan(store, catalogue)
    local = read_window(read_recipe(store, "32VKM"), "2021-05-10", 3, 5, 20, 30)
    report = plan(store, f"s3://{s3_bucket}/images/catalog.json")
    assert not report.skipped
    remote = read_window(read_recipe(store, "32VKM"), "2021-05-10", 3, 5, 20, 30)
    np.testing.assert_array_equal(remote.pixels, local.pixels)
