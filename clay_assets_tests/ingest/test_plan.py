import json

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pytest
import rasterio

from clay_assets.bands import BAND_NAMES, SENTINEL2_BANDS
from clay_assets.errors import ImageryError, InvalidValueError, NotFoundError
from clay_assets.ingest import find_imagery, plan_tile, read_recipe, read_window
from clay_assets.ingest.grid import Grid, PixelWindow
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

    def test_a_file_without_a_crs(self, store, catalogue):
        path = catalogue.parent / "S2A_20210510_5" / "B03.tif"
        write_raster(path, count_up((SIDE, SIDE)), Place(epsg=None))
        with pytest.raises(ImageryError, match=r"B03\.tif has no CRS; .*`gdal_edit\.py -a_srs"):
            plan(store, catalogue)

    def test_a_file_that_is_no_raster(self, store, catalogue):
        (catalogue.parent / "S2A_20210510_5" / "B04.tif").write_bytes(b"<html>404</html>")
        with pytest.raises(ImageryError, match=r"B04\.tif cannot be read as a raster: "):
            plan(store, catalogue)

    def test_pixels_that_are_not_square(self, store, catalogue):
        path = catalogue.parent / "S2A_20210510_5" / "B02.tif"
        with rasterio.open(path, "r+") as dataset:
            dataset.transform = rasterio.Affine(10, 0, WEST, 0, -20, NORTH)
        with pytest.raises(ImageryError, match=r"no square north-up pixels \(10 x 20\)"):
            plan(store, catalogue)

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
