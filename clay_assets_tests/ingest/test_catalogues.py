"""STAC APIs: what they are asked, and what happens when they fail."""

import json
import time
from datetime import date, timedelta

import numpy as np
import pytest
import shapely.geometry

from clay_assets.bands import BAND_NAMES
from clay_assets.errors import ImageryError, InvalidValueError, NotFoundError, UnreachableError
from clay_assets.ingest import (
    api_catalogue,
    asking,
    find_imagery,
    list_tiles,
    plan_tile,
    read_recipe,
    read_window,
)
from clay_assets.ingest.footprint import footprint_wgs84
from clay_assets.mgrs import tile_box
from clay_assets_tests.ingest.file_server import serving_files
from clay_assets_tests.ingest.making import SIDE, elevation, optical, radar, save_catalogue
from clay_assets_tests.stac_server import Trouble, serving


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
def asked():
    return []


@pytest.fixture
def api(items, asked):
    with serving(items, asked=asked, most_a_page=2) as url:
        yield url


@pytest.fixture(autouse=True)
def _hurried(monkeypatch):
    """Nobody waits before asking again, unless a server wants it."""
    monkeypatch.setattr(asking, "_BACKOFF_S", 0)


def searches(asked, collection=None):
    bodies = [one.body for one in asked if one.path == "/search"]
    return [body for body in bodies if not collection or collection in body["collections"]]


class TestQuestions:
    """What an API is asked for, and no more."""

    def test_it_is_asked_for_the_tiles_middle_and_all_pages_are_read(self, api, asked):
        found = find_imagery(api, "32VKM")
        assert len(found.scenes) == 4
        first, second = searches(asked)  # pages of two
        assert first["collections"] == ["sentinel-2-l2a"]
        assert second["token"] == "2"
        lon, lat = first["intersects"]["coordinates"]
        assert (lon, lat) == pytest.approx((4.6204, 59.8707), abs=1e-4)  # degrees, PROJ

    def test_it_is_asked_for_dates(self, api, asked):
        found = find_imagery(api, "32VKM", dates=("2021-01-01/2021-12-31", "2023-06-01"))
        days = sorted(str(item.datetime.date()) for item in found.scenes)
        assert days == ["2021-05-10", "2021-08-01", "2023-06-01"]
        assert searches(asked)[0]["datetime"] == "2021-01-01T00:00:00Z/2021-12-31T23:59:59Z"

    def test_only_collections_of_the_table_are_asked_about(self, api, asked):
        find_imagery(api, "32VKM")
        assert [one.path for one in asked if one.path.startswith("/collections")] == [
            "/collections/sentinel-2-l2a",
            "/collections/sentinel-2-c1-l2a",
            "/collections/sentinel-s2-l2a-cogs",
            "/collections/sentinel-1-rtc",
            "/collections/cop-dem-glo-30",
        ]

    def test_radar_and_elevation_are_asked_for_once_a_scene_is_chosen(self, api, asked, store):
        report = plan_tile(store, find_imagery(api, "32VKM"), max_dates=2, run_id="r")
        assert len(report.dates) == 2
        assert report.bands == BAND_NAMES
        spans = {
            tuple(date.fromisoformat(text[:10]) for text in body["datetime"].split("/"))
            for body in searches(asked, "sentinel-1-rtc")
        }
        days = [date.fromisoformat(day) for day in report.dates]
        assert spans == {(day - timedelta(3), day + timedelta(3)) for day in days}
        window = read_window(read_recipe(store, "32VKM"), report.dates[0], 0, 0, SIDE, SIDE)
        assert np.isfinite(window.pixels).all()

    def test_more_items_than_can_be_looked_at_are_refused(self, api, monkeypatch):
        monkeypatch.setattr(api_catalogue, "_MOST_ITEMS", 3)
        message = "has more than 3 items of sentinel-2-l2a at one place; give dates, so"
        with pytest.raises(ImageryError, match=message):
            find_imagery(api, "32VKM")

    def test_one_collection_may_be_named_by_its_address(self, items, asked):
        again = items[0].clone()
        again.id, again.collection_id = "S2A_C1", "sentinel-2-c1-l2a"
        with serving([*items, again], asked=asked) as url:
            found = find_imagery(f"{url}/collections/sentinel-2-c1-l2a", "32VKM")
            assert searches(asked)[0]["collections"] == ["sentinel-2-c1-l2a"]
            message = "no Sentinel-2 collection sentinel-1-rtc that is known; known are sentinel-2"
            with pytest.raises(ImageryError, match=message):
                find_imagery(f"{url}/collections/sentinel-1-rtc", "32VKM")
        assert [item.id for item in found.scenes] == ["S2A_C1"]
        assert found.catalogue.has("radar")


@pytest.mark.filterwarnings("ignore:Could not parse bucket")
class TestRealItems:
    """The real items of both providers, from one server."""

    @pytest.fixture
    def providers(self, shared_imagery):
        folder = shared_imagery / "stac_items"
        lists = [json.loads(path.read_text()) for path in sorted(folder.glob("pc_*.json"))]
        single = [
            folder / "earthsearch_S2A_T20HNJ_20240311_c1.json",
            folder / "earthsearch_v0_S2A_28QCH_20200714.json",
            shared_imagery / "s2_29RKH_20200219" / "item_local.json",
        ]
        return [*(i for of in lists for i in of), *(json.loads(p.read_text()) for p in single)]

    @pytest.mark.parametrize(
        ("collection", "tile", "scene"),
        [
            ("", "29RKH", "S2A_29RKH_20200219_0_L2A"),
            ("", "47XML", "S2B_MSIL2A_20240419T095549_R122_T47XML_20240419T123458"),
            ("/collections/sentinel-2-c1-l2a", "20HNJ", "S2A_T20HNJ_20240311T140636_L2A"),
        ],
    )
    def test_a_scene_is_named_by_its_id(self, providers, collection, tile, scene):
        with serving(providers) as url:
            found = find_imagery(url + collection, tile, items=(scene,))
        assert [item.id for item in found.scenes] == [scene]

    def test_the_real_files_of_an_api_are_read(self, providers, shared_imagery, store):
        local = providers[-1]
        for asset in local["assets"].values():
            asset["href"] = str(shared_imagery / "s2_29RKH_20200219" / asset["href"])
        with serving([local]) as url:
            report = plan_tile(store, find_imagery(url, "29RKH"), run_id="r")
        assert report.dates == ("2020-02-19",)
        assert (report.grid.width, report.grid.pixel_size) == (1098, 100)


class TestNamedItems:
    """Items that somebody chose."""

    def test_scenes_are_exactly_those_named(self, api, items, asked):
        found = find_imagery(api, "32VKM", items=(items[2].id, items[0].id), dates=("1999-01-01",))
        assert sorted(item.id for item in found.scenes) == sorted([items[2].id, items[0].id])
        assert [body["ids"] for body in searches(asked)] == [[items[2].id, items[0].id]]

    def test_a_static_catalogue_gives_the_same(self, api, items, tmp_path):
        file = save_catalogue(tmp_path / "static", items)
        named = (items[1].id, items[4].id)
        one, other = (find_imagery(str(where), "32VKM", items=named) for where in (api, file))
        assert [item.id for item in one.scenes] == [item.id for item in other.scenes]
        for sensor in ("radar", "elevation"):
            assert [item.id for item in one.catalogue.companions(one.scenes[0], sensor)] == [
                item.id for item in other.catalogue.companions(other.scenes[0], sensor)
            ]

    def test_a_named_radar_scene_is_taken_though_a_nearer_one_is_there(self, api, items):
        far = items[5]  # of 2021-08-01
        found = find_imagery(api, "32VKM", items=(items[0].id, far.id))
        assert [i.id for i in found.catalogue.companions(found.scenes[0], "radar")] == [far.id]
        (dem,) = found.catalogue.companions(found.scenes[0], "elevation")
        assert dem.id == items[-1].id
        assert found.catalogue.tiles() == ["32VKM"]

    def test_of_two_named_radar_scenes_each_date_has_its_own(self, api, items):
        found = find_imagery(api, "32VKM", items=tuple(items[n].id for n in (0, 2, 4, 6)))
        of_each = {
            scene.id: [item.id for item in found.catalogue.companions(scene, "radar")]
            for scene in found.scenes
        }
        assert of_each == {items[0].id: [items[4].id], items[2].id: [items[6].id]}

    def test_the_fingerprint_follows_the_named_items_alone(self, items, tmp_path):
        file = str(save_catalogue(tmp_path / "static", items))
        named = tuple(items[n].id for n in (0, 4, 8))
        before = find_imagery(file, "32VKM", items=named).fingerprint
        items[1].properties["updated"] = "2030-01-01T00:00:00Z"
        file = str(save_catalogue(tmp_path / "static", items))
        assert find_imagery(file, "32VKM", items=named).fingerprint == before
        items[4].properties["updated"] = "2030-01-01T00:00:00Z"
        file = str(save_catalogue(tmp_path / "static", items))
        assert find_imagery(file, "32VKM", items=named).fingerprint != before

    def test_those_that_are_missing_are_named(self, api, items, tmp_path):
        message = r"has no item S2A_x, S2A_y.*; check the ids$"
        for where in (api, str(save_catalogue(tmp_path / "static", items))):
            with pytest.raises(NotFoundError, match=message):
                find_imagery(where, "32VKM", items=("S2A_x", items[0].id, "S2A_y"))

    def test_radar_alone_is_refused(self, api, items):
        with pytest.raises(InvalidValueError, match=r"none of the items S1A_.* is a Sentinel-2 sc"):
            find_imagery(api, "32VKM", items=(items[4].id,))

    def test_an_item_of_another_tile_is_refused(self, api, items):
        with pytest.raises(InvalidValueError, match=r"is of tile 32VKM; name items of 29RKH"):
            find_imagery(api, "29RKH", items=(items[0].id,))

    def test_an_item_of_an_unknown_collection_is_refused(self, items, tmp_path):
        items[0].collection_id = "landsat-c2-l2"
        file = save_catalogue(tmp_path / "static", items)
        message = r"catalog\.json cannot be read: collection landsat-c2-l2 is not known; known are"
        with pytest.raises(ImageryError, match=message):
            find_imagery(str(file), "32VKM", items=(items[0].id,))


class TestTrouble:
    """Services that fail, for a while or for good."""

    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
    def test_an_api_that_is_busy_is_asked_again(self, items, asked, status):
        with serving(items, asked=asked, troubles=[Trouble(status, path="/search")] * 2) as url:
            assert len(find_imagery(url, "32VKM").scenes) == 4
        assert len(searches(asked)) == 3

    def test_it_is_asked_again_no_sooner_than_it_says(self, items):
        trouble = Trouble(429, {"Retry-After": "1"}, path="/search")
        with serving(items, troubles=[trouble]) as url:
            started = time.monotonic()
            find_imagery(url, "32VKM")
        assert time.monotonic() - started > 1  # s

    @pytest.mark.parametrize(
        ("status", "message"),
        [
            (
                429,
                "429 Too Many Requests 5 times; it is asked too often: wait some minutes, or run",
            ),
            (503, "503 Service Unavailable 5 times; it is overloaded or down: run again later"),
            (401, "401 Unauthorized; it wants credentials"),
            (400, "400 Bad Request; it says: trouble"),
        ],
    )
    def test_one_that_goes_on_failing_is_named(self, items, status, message):
        with (
            serving(items, troubles=[Trouble(status, path="/search")] * 5) as url,
            pytest.raises(UnreachableError, match=rf"^{url} answered {message}"),
        ):
            find_imagery(url, "32VKM")

    def test_one_that_does_not_answer_in_time_is_asked_again(self, items, asked, monkeypatch):
        monkeypatch.setattr(api_catalogue, "TIMEOUT_S", 0.5)
        with serving(items, asked=asked, troubles=[Trouble(wait_s=1, path="/search")]) as url:
            assert len(find_imagery(url, "32VKM").scenes) == 4
        assert len(searches(asked)) == 2

    def test_one_that_never_answers_in_time_is_named(self, items, monkeypatch):
        monkeypatch.setattr(api_catalogue, "TIMEOUT_S", 0.5)
        with (
            serving(items, troubles=[Trouble(wait_s=1, path="/search")] * 5) as url,
            pytest.raises(UnreachableError, match=rf"{url} did not answer: .*timed out"),
        ):
            find_imagery(url, "32VKM")

    def test_an_answer_that_is_not_stac_is_named(self, items):
        with (
            serving(items, troubles=[Trouble(200, path="/search")]) as url,
            pytest.raises(ImageryError, match=rf"{url} answered what is not STAC: JSONDecodeError"),
        ):
            find_imagery(url, "32VKM")

    def test_an_answer_that_breaks_off_is_asked_for_again(self, items, tmp_path):
        folder = save_catalogue(tmp_path, items).parent
        with serving_files(folder) as files:
            files.cut = 3
            assert list_tiles(f"{files.url}/catalog.json") == ["32VKM"]
            files.cut = 5
            message = r"catalog\.json did not answer: .*Connection broken.*; check the address and"
            with pytest.raises(UnreachableError, match=message):
                list_tiles(f"{files.url}/catalog.json")

    def test_a_catalogue_on_the_web_is_asked_again_and_then_named(self, items, tmp_path):
        folder = save_catalogue(tmp_path, items).parent
        with serving_files(folder) as files:
            files.statuses = [503, 429]
            assert list_tiles(f"{files.url}/catalog.json") == ["32VKM"]
            files.statuses = [503] * 5
            message = rf"{files.url}/catalog.json answered 503 Service Unavailable 5 times; it is"
            with pytest.raises(UnreachableError, match=message):
                list_tiles(f"{files.url}/catalog.json")
            (folder / items[0].id / f"{items[0].id}.json").unlink()
            message = rf"{items[0].id}\.json answered 404 Not Found; check the address$"
            with pytest.raises(UnreachableError, match=message):
                list_tiles(f"{files.url}/catalog.json")


def test_the_fingerprint_of_an_api_follows_its_scenes(items):
    with serving(items) as url:
        before = find_imagery(url, "32VKM").fingerprint
    with serving(items) as url:
        assert find_imagery(url, "32VKM").fingerprint == before
    with serving(items[1:]) as url:
        assert find_imagery(url, "32VKM").fingerprint != before


def test_an_api_does_not_list_its_tiles(api):
    with pytest.raises(InvalidValueError, match="is a STAC API, which holds too many tiles"):
        list_tiles(api)


def test_an_api_without_the_tile_says_so(api):
    with pytest.raises(NotFoundError, match=r"has no Sentinel-2 scenes of tile 29RKH$"):
        find_imagery(api, "29RKH")


def test_an_api_without_sentinel_2_is_refused(items):
    with (
        serving(items[4:]) as url,
        pytest.raises(ImageryError, match=r"has no Sentinel-2 collection .* sentinel-2-l2a \(Plan"),
    ):
        find_imagery(url, "32VKM")


def test_an_api_that_is_down_is_named(items):
    with serving(items) as url:
        pass
    with pytest.raises(ImageryError, match=rf"{url} did not answer: .*; check the address"):
        find_imagery(url, "32VKM")


def test_a_page_that_is_not_found_is_named(api):
    with pytest.raises(ImageryError, match=r"/nothing answered 404 Not Found; check the address"):
        find_imagery(f"{api}/nothing", "32VKM")


def test_an_api_that_goes_down_between_two_questions_is_named(items, store):
    with serving(items) as url:
        found = find_imagery(url, "32VKM")
    with pytest.raises(ImageryError, match=rf"{url} did not answer: "):
        plan_tile(store, found, run_id="r")
