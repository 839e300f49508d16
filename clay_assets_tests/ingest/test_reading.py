"""Every pixel lies where its file says, to half a pixel and less."""

from dataclasses import replace

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from clay_assets.bands import BAND_NAMES, SENTINEL2_BANDS
from clay_assets.errors import ImageryError, InvalidValueError, NotFoundError
from clay_assets.ingest import find_imagery, plan_tile, read_overview, read_recipe, read_window
from clay_assets.ingest.grid import Grid
from clay_assets.ingest.raster_files import BandSource
from clay_assets.ingest.rasters import RasterReader
from clay_assets.store import Store
from clay_assets_tests.ingest.making import (
    COARSE,
    EARTH_SEARCH,
    FINE,
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

DAY = "2021-05-10"
EDGE_SHARE = 1e-3  # of pixels whose middle lies within a hair of a source pixel's edge


def plan(store, location, tile="32VKM", **kwargs):
    plan_tile(store, find_imagery(str(location), tile), run_id="r", **kwargs)
    return read_recipe(store, tile)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    items = [
        optical(folder, DAY),
        radar(folder, "2021-05-10T05:00:00", columns=(0, 40), value=0.1),
        radar(folder, "2021-05-10T17:00:00", columns=(20, SIDE), value=0.2),
        elevation(folder),
    ]
    location = save_catalogue(folder, items)
    return plan(Store(str(folder / "data"), folder / "cache"), location)


windows = st.tuples(
    st.integers(0, SIDE - 1), st.integers(0, SIDE - 1), st.integers(1, SIDE), st.integers(1, SIDE)
).map(lambda w: (w[0], w[1], min(w[2], SIDE - w[0]), min(w[3], SIDE - w[1])))


@settings(deadline=None, max_examples=25)
@given(windows)
def test_any_window_is_cut_from_the_same_pixels(recipe, window):
    """10 m bands as they are; 20 m bands each pixel twice, also where a window starts amid one."""
    row, col, height, width = window
    found = read_window(recipe, DAY, row, col, height, width)
    part = slice(row, row + height), slice(col, col + width)
    for band in SENTINEL2_BANDS:
        first = 1 + 100 * (FINE + COARSE).index(band)
        if band in FINE:
            whole = count_up((SIDE, SIDE), first)
        else:
            whole = count_up((SIDE // 2, SIDE // 2), first).repeat(2, 0).repeat(2, 1)
        np.testing.assert_array_equal(found.pixels[BAND_NAMES.index(band)], whole[part])
    assert found.bands == BAND_NAMES
    assert (found.classes == 4).all()


def test_radar_scenes_are_joined_the_nearest_in_time_first(recipe):
    window = read_window(recipe, DAY, 0, 0, SIDE, SIDE)
    vh, vv = window.pixels[10], window.pixels[11]
    assert recipe.date_plan(DAY).scenes[1:3] == (
        "S1A_2021-05-10T050000_ascending",
        "S1A_2021-05-10T170000_ascending",
    )
    assert (vh[:, :40] == np.float32(0.1)).all()
    assert (vh[:, 40:] == np.float32(0.2)).all()
    np.testing.assert_allclose(vv, 10 * vh)


def test_elevation_is_the_pixel_under_each_pixels_middle(recipe):
    """Against pyproj, one point at a time."""
    heights = read_window(recipe, DAY, 0, 0, SIDE, SIDE).pixels[12]
    rows, cols = np.mgrid[0:SIDE, 0:SIDE]
    to_wgs84 = Transformer.from_crs(32632, 4326, always_xy=True)
    lon, lat = to_wgs84.transform(WEST + 10 * cols + 5, NORTH - 10 * rows - 5)
    row, col = np.floor((60.4 - lat) * 3600), np.floor((lon - 3.5) * 3600)
    assert (heights != 1 + row * 720 + col).mean() < EDGE_SHARE


def test_a_wide_window_is_as_exact_as_a_narrow_one(tmp_path):
    """10 km of elevation; GDAL's own tolerance would put pixels an eighth of one beside."""
    item = elevation(tmp_path)
    source = BandSource(item.assets["data"].href, "", 1, None)
    found = RasterReader([source], "float32").read(Grid(32632, WEST, NORTH, 10, 1000, 1000))
    rows, cols = np.mgrid[0:1000, 0:1000]
    to_wgs84 = Transformer.from_crs(32632, 4326, always_xy=True)
    lon, lat = to_wgs84.transform(WEST + 10 * cols + 5, NORTH - 10 * rows - 5)
    row, col = np.floor((60.4 - lat) * 3600), np.floor((lon - 3.5) * 3600)
    inside = (row >= 0) & (row < 360) & (col >= 0) & (col < 720)
    assert inside.mean() > 0.2
    assert (found != 1 + row * 720 + col)[inside].mean() < EDGE_SHARE
    assert np.isnan(found[~inside]).mean() > 1 - EDGE_SHARE


def test_pixels_do_not_depend_on_the_window_they_are_read_in(recipe):
    whole = read_window(recipe, DAY, 0, 0, SIDE, SIDE).pixels
    part = read_window(recipe, DAY, 17, 5, 30, 41).pixels
    np.testing.assert_array_equal(part, whole[:, 17:47, 5:46])


def test_a_window_outside_of_the_tile_is_refused(recipe):
    with pytest.raises(InvalidValueError, match="64x64 pixels, got 10x10 at row 60, column 0"):
        read_window(recipe, DAY, 60, 0, 10, 10)


def test_a_date_that_is_not_in_the_recipe_is_refused(recipe):
    with pytest.raises(NotFoundError, match="32VKM has no date 2020-01-01; it has 2021-05-10"):
        read_window(recipe, "2020-01-01", 0, 0, 1, 1)


def test_ground_that_no_scene_covers_is_zero_or_nan(tmp_path):
    path = write_raster(tmp_path / "a.tif", count_up((4, 4)), Place(shape=(4, 4)), nodata=0)
    grid = Grid(32632, WEST - 20, NORTH + 20, 10, 8, 8)
    for dtype, nothing in (("uint16", 0), ("float32", np.nan)):
        found = RasterReader([BandSource(str(path), "", 1, 0)], dtype).read(grid)
        np.testing.assert_array_equal(found[2:6, 2:6], count_up((4, 4)))
        assert np.array_equal(np.unique(found[:2]), [nothing], equal_nan=True)


def test_nodata_of_radar_becomes_nan(tmp_path):
    pixels = np.full((4, 4), 0.5, "float32")
    pixels[1, 2] = -32768
    path = write_raster(tmp_path / "a.tif", pixels, Place(shape=(4, 4)))  # the item says so
    source = BandSource(str(path), "", 1, -32768)
    found = RasterReader([source], "float32").read(Grid(32632, WEST, NORTH, 10, 4, 4))
    assert np.isnan(found[1, 2])
    assert np.isnan(found).sum() == 1


def test_an_offset_that_was_taken_off_is_put_back_but_not_on_nodata(tmp_path, store):
    properties = {"earthsearch:boa_offset_applied": True, "s2:processing_baseline": "05.09"}
    item = optical(tmp_path / "x", DAY, names=EARTH_SEARCH, **properties)
    path = tmp_path / "x" / item.id / "B02.tif"
    pixels = count_up((SIDE, SIDE))
    pixels[0, 0] = 0
    write_raster(path, pixels, nodata=0)
    recipe = plan(store, save_catalogue(tmp_path / "x", [item]))
    found = read_window(recipe, DAY, 0, 0, 2, 2)
    np.testing.assert_array_equal(found.pixels[0], [[0, 1002], [1065, 1066]])
    assert (found.classes == 4).all()


def test_a_scene_on_another_map_grid_is_warped(tmp_path):
    """Neighbouring UTM zones: the pixel under each middle."""
    path = write_raster(
        tmp_path / "a.tif", count_up((200, 200), dtype="float32"), Place(shape=(200, 200))
    )
    to_31 = Transformer.from_crs(32632, 32631, always_xy=True)
    x, y = to_31.transform(WEST + 1000, NORTH - 1000)
    grid = Grid(32631, x, y, 10, 20, 20)
    found = RasterReader([BandSource(str(path), "", 1, None)], "float32").read(grid)
    back = Transformer.from_crs(32631, 32632, always_xy=True)
    rows, cols = np.mgrid[0:20, 0:20]
    east, north = back.transform(x + 10 * cols + 5, y - 10 * rows - 5)
    row, col = np.floor((NORTH - north) / 10), np.floor((east - WEST) / 10)
    assert (found != 1 + row * 200 + col).mean() < EDGE_SHARE


def test_a_truncated_scene_is_named(recipe, tmp_path):
    whole = next(iter(recipe.date_plan(DAY).sources["B04"]))
    half = tmp_path / "B04.tif"
    with open(whole.href, "rb") as file:
        half.write_bytes(file.read()[:4000])
    reader = RasterReader([replace(whole, href=str(half))], "uint16")
    with pytest.raises(
        ImageryError, match=r"B04\.tif cannot be read as a raster: .* fetch it again"
    ):
        reader.read(recipe.grid)


def test_the_overview_shows_the_wanted_part_in_true_colour(store, catalogue):
    plan(store, catalogue, subset=(16, 32, 48, 64))
    whole = read_overview(store, "32VKM", "2021-05-10")
    assert whole.shape == (3, 32, 32)
    np.testing.assert_array_equal(whole[0], count_up((SIDE, SIDE), 201)[32:64, 16:48])  # B04
    assert read_overview(store, "32VKM", max_px=8).shape == (3, 8, 8)


def test_a_whole_real_tile_is_read_on_its_own_grid(store, shared_imagery):
    """29RKH: 100 m and 200 m pixels; against rasterio and numpy.repeat."""
    folder = shared_imagery / "s2_29RKH_20200219"
    recipe = plan(store, folder / "item_local.json", "29RKH")
    assert recipe.grid == Grid(32629, 199_980, 2_800_020, 100, 1098, 1098)
    assert recipe.bands == SENTINEL2_BANDS
    found = read_window(recipe, "2020-02-19", 511, 301, 513, 600)
    for index, band in enumerate(SENTINEL2_BANDS):
        with rasterio.open(folder / f"{band}.tif") as dataset:
            whole = dataset.read(1)
        if len(whole) == 549:
            whole = whole.repeat(2, 0).repeat(2, 1)
        np.testing.assert_array_equal(found.pixels[index], whole[511:1024, 301:901])
