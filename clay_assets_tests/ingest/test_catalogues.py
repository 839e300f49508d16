import numpy as np
import pytest
import shapely.geometry

from clay_assets.bands import BAND_NAMES
from clay_assets.errors import ImageryError, InvalidValueError, NotFoundError
from clay_assets.ingest import find_imagery, list_tiles, plan_tile, read_recipe, read_window
from clay_assets.ingest.footprint import footprint_wgs84
from clay_assets.mgrs import tile_box
from clay_assets_tests.ingest.making import SIDE, elevation, optical, radar
from clay_assets_tests.ingest.stac_api import serving


@pytest.fixture
def items(tmp_path):
    """Four dates with radar and elevation; their footprints reach to the middle of the tile."""
    days = ("2021-05-10", "2021-08-01", "2022-06-01", "2023-06-01")
    optical_items = [optical(tmp_path, day, cloud=5 + n) for n, day in enumerate(days)]
    box = tile_box("32VKM")
    for item in optical_items:
        item.geometry = whole_tile(box)
    return [
        *optical_items,
        *(radar(tmp_path, f"{day}T17:00:00") for day in days),
        elevation(tmp_path),
    ]


def whole_tile(box):
    return shapely.geometry.mapping(
        footprint_wgs84((box.west, box.south, box.east, box.north), box.epsg)
    )


@pytest.fixture
def searches():
    return []


@pytest.fixture
def api(items, searches):
    with serving(items, searches) as url:
        yield url


def test_an_api_is_asked_for_the_tiles_middle_and_all_pages_are_read(api, searches):
    found = find_imagery(api, "32VKM")
    assert len(found.scenes) == 4
    assert len(searches) == 2  # pages of two
    assert searches[0]["collections"] == ["sentinel-2-l2a"]
    lon, lat = searches[0]["intersects"]["coordinates"]
    assert (lon, lat) == pytest.approx((4.6204, 59.8707), abs=1e-4)  # degrees, PROJ


def test_an_api_is_asked_for_dates(api, searches):
    found = find_imagery(api, "32VKM", dates=("2021-01-01/2021-12-31", "2023-06-01"))
    days = sorted(str(item.datetime.date()) for item in found.scenes)
    assert days == ["2021-05-10", "2021-08-01", "2023-06-01"]
    assert searches[0]["datetime"] == "2021-01-01T00:00:00Z/2021-12-31T23:59:59Z"


def test_radar_and_elevation_are_asked_for_once_a_scene_is_chosen(api, searches, store):
    report = plan_tile(store, find_imagery(api, "32VKM"), max_dates=2, run_id="r")
    assert report.dates == ("2022-06-01", "2023-06-01")
    assert report.bands == BAND_NAMES
    of_radar = [search for search in searches if "sentinel-1-rtc" in search["collections"]]
    assert [search["datetime"] for search in of_radar] == [
        "2023-05-29T10:50:31Z/2023-06-04T10:50:31Z",
        "2022-05-29T10:50:31Z/2022-06-04T10:50:31Z",
    ]
    window = read_window(read_recipe(store, "32VKM"), "2022-06-01", 0, 0, SIDE, SIDE)
    assert np.isfinite(window.pixels).all()


def test_the_fingerprint_of_an_api_follows_its_scenes(items, searches):
    with serving(items, searches) as url:
        before = find_imagery(url, "32VKM").fingerprint
    with serving(items, searches) as url:
        assert find_imagery(url, "32VKM").fingerprint == before
    with serving(items[1:], searches) as url:
        assert find_imagery(url, "32VKM").fingerprint != before


def test_an_api_does_not_list_its_tiles(api):
    with pytest.raises(InvalidValueError, match="is a STAC API, which holds too many tiles"):
        list_tiles(api)


def test_an_api_without_the_tile_says_so(api):
    with pytest.raises(NotFoundError, match=r"has no Sentinel-2 scenes of tile 29RKH$"):
        find_imagery(api, "29RKH")


def test_an_api_without_sentinel_2_is_refused(items, searches):
    with (
        serving(items[4:], searches) as url,
        pytest.raises(ImageryError, match=r"none of the Sentinel-2 collections .* sentinel-2-l2a"),
    ):
        find_imagery(url, "32VKM")


def test_an_api_that_is_down_is_named(items):
    with serving(items, []) as url:
        pass
    with pytest.raises(ImageryError, match=rf"{url} did not answer: .*; check the address"):
        find_imagery(url, "32VKM")


def test_a_page_that_is_not_found_is_named(api):
    with pytest.raises(ImageryError, match=r"/nothing did not answer: .*; check the address"):
        find_imagery(f"{api}/nothing", "32VKM")


def test_an_api_that_goes_down_between_two_questions_is_named(items, store):
    with serving(items, []) as url:
        found = find_imagery(url, "32VKM")
    with pytest.raises(ImageryError, match=rf"{url} did not answer: "):
        plan_tile(store, found, run_id="r")
