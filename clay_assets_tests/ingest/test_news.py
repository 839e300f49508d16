"""New scenes since a time: against a real STAC API on this machine, and catalogues read whole."""

import json
from datetime import UTC, datetime, timedelta

import pystac
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clay_assets.errors import InvalidValueError, UnreachableError
from clay_assets.ingest import asking
from clay_assets.ingest.news import NewsCursor, scenes_since
from clay_assets.ingest.news_state import iso
from clay_assets.mgrs import tile_centre_wgs84
from clay_assets.tiling import zone_tiles
from clay_assets_tests.stac_server import Trouble, serving

TILES = ["29RKH", "32VKM", "32VLM"]
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=30)


def scene(tile, number, updated=NOON, **properties):
    lon, lat = tile_centre_wgs84(tile)
    said = {"s2:mgrs_tile": tile} | ({"updated": iso(updated)} if updated else {}) | properties
    place = shapely.box(lon - 0.1, lat - 0.1, lon + 0.1, lat + 0.1)
    item = pystac.Item(
        f"S2_{tile}_{number}", shapely.geometry.mapping(place), list(place.bounds), NOON, said
    )
    item.collection_id = "sentinel-2-l2a"
    return item


@pytest.fixture
def items():
    return []


@pytest.fixture
def asked():
    return []


@pytest.fixture
def api(items, asked):
    items.append(scene("56HKH", 0, NOON - timedelta(days=90)))  # an API has some collection
    with serving(items, asked=asked, most_a_page=10) as url:
        yield url


class Watch:
    """Looks again and again, as a sensor does."""

    def __init__(self, location, tiles=TILES, **wish):
        self.location, self.tiles, self.wish, self.cursor = location, tiles, wish, None

    def look(self, now=LATER):
        news = scenes_since(
            self.location, self.tiles, NOON, cursor=self.cursor, now=now, **self.wish
        )
        self.cursor = NewsCursor.from_json(json.loads(json.dumps(news.cursor.to_json())))
        return news

    def look_until_done(self, now=LATER):
        found = []
        while True:
            news = self.look(now)
            found += [id_ for ids in news.scenes.values() for id_ in ids]
            if news.is_done:
                return found


def test_new_scenes_are_told_by_tile_and_only_once(api, items):
    items += [scene("32VKM", 1), scene("32VKM", 2, NOON + timedelta(days=1)), scene("29RKH", 1)]
    items += [scene("32VKM", 0, NOON - timedelta(days=1)), scene("55HFA", 1)]
    watch = Watch(api)
    news = watch.look()
    assert news.scenes == {"29RKH": ("S2_29RKH_1",), "32VKM": ("S2_32VKM_1", "S2_32VKM_2")}
    assert (news.newest, news.is_done, news.notes) == (NOON + timedelta(days=1), True, ())
    assert watch.look().scenes == {}


def test_a_scene_that_is_processed_anew_is_told_again(api, items):
    items.append(scene("32VKM", 1))
    watch = Watch(api)
    watch.look()
    items[-1].properties["updated"] = iso(NOON + timedelta(seconds=1))
    assert watch.look().scenes == {"32VKM": ("S2_32VKM_1",)}


def test_nothing_of_the_same_second_is_missed(api, items):
    items.append(scene("32VKM", 1))
    watch = Watch(api)
    watch.look(NOON)
    items.append(scene("32VKM", 2))  # the very same time
    items.append(scene("32VLM", 3))
    items[-1].properties["updated"] = "2024-05-01T12:00:00Z"  # as others write it
    assert watch.look(NOON).scenes == {"32VKM": ("S2_32VKM_2",), "32VLM": ("S2_32VLM_3",)}
    assert watch.look(NOON).scenes == {}


def test_a_scene_that_appears_half_an_hour_late_is_told(api, items):
    items.append(scene("32VKM", 1, NOON + timedelta(hours=5)))
    watch = Watch(api)
    watch.look(NOON + timedelta(hours=6))
    items.append(scene("32VKM", 2, NOON + timedelta(hours=4, minutes=30)))
    assert watch.look(NOON + timedelta(hours=6)).scenes == {"32VKM": ("S2_32VKM_2",)}


def test_what_was_told_is_forgotten_once_it_cannot_come_again(api, items):
    items += [scene("32VKM", number, NOON + timedelta(hours=3 * number)) for number in range(30)]
    watch = Watch(api)
    assert len(watch.look_until_done()) == 30
    assert list(watch.cursor.known) == ["S2_32VKM_29"]
    assert watch.cursor.since == iso(NOON + timedelta(hours=86))


def test_a_backlog_is_read_a_few_pages_at_a_time(api, items, asked):
    items += [scene("32VKM", number, NOON + timedelta(days=number % 7)) for number in range(95)]
    watch = Watch(api, pages=3)
    sizes, told = [], []
    while True:
        news = watch.look()
        ids = news.scenes.get("32VKM", ())
        sizes.append(len(ids))
        told += ids
        if news.is_done:
            break
    assert sorted(told) == sorted(item.id for item in items[1:])
    assert max(sizes) <= 30
    assert len(sizes) >= 4


def test_more_scenes_of_one_second_than_a_look_may_read_are_all_told(api, items):
    items += [scene("32VKM", number) for number in range(60)]
    assert len(Watch(api, pages=2).look_until_done()) == 60


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from(TILES), st.integers(0, 9), st.integers(0, 50)), max_size=30
        ),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 4),
)
def test_each_version_of_each_scene_is_told_once_whenever_it_comes(api, items, batches, pages):
    del items[1:]
    watch, told, now = Watch(api, pages=pages), [], NOON
    for batch in batches:
        for tile, number, minutes in batch:
            here = {item.id: item for item in items[1:]}
            new = scene(tile, number, now + timedelta(minutes=minutes))
            items[:] = [items[0], *(here | {new.id: new}).values()]
        seen = {(item.id, item.properties["updated"]) for item in items[1:]}
        ids = watch.look_until_done(now + timedelta(hours=1))
        times = {item.id: item.properties["updated"] for item in items}
        told += [(id_, times[id_]) for id_ in ids]
        assert seen <= set(told)
        now += timedelta(minutes=30)
    assert len(told) == len(set(told))


def test_many_tiles_are_few_requests(api, items, asked):
    tiles = [
        str(name) for zone in (31, 32, 33) for name in zone_tiles(zone, southern=False).names[:401]
    ]
    assert len(tiles) == 1_203
    items += [scene(tile, 1) for tile in tiles[::40]]
    watch = Watch(api, tiles)
    news = watch.look()
    assert len(news.scenes) == len(tiles[::40])
    assert news.is_done
    searches = [question for question in asked if question.path == "/search"]
    assert len(searches) == 14  # 13 groups, and one to learn what items say
    assert len(searches[-1].body["intersects"]["coordinates"]) == 3
    assert len(watch.cursor.to_json()) < 5_000


def test_a_round_starts_again_when_there_are_other_tiles(api, items):
    items += [scene("32VKM", 1), scene("32VLM", 1)]
    watch = Watch(api, ["32VKM"])
    watch.look()
    watch.tiles = TILES
    assert watch.look().scenes == {"32VLM": ("S2_32VLM_1",)}


def test_a_tile_that_comes_in_the_middle_of_a_round_is_not_passed_over(api, items):
    tiles = [str(name) for name in zone_tiles(32, southern=False).names[:150]]
    items += [scene(tile, 1, NOON + timedelta(hours=5)) for tile in (*tiles[:9], tiles[-1])]
    watch = Watch(api, sorted(tiles), pages=1)
    assert not watch.look().is_done
    watch.tiles = ["01CDH", *watch.tiles]  # now the first group, which was read already
    items.append(scene("01CDH", 1))
    assert "S2_01CDH_1" in watch.look_until_done()


def test_an_api_whose_items_do_not_say_when_is_asked_by_their_time(items, asked):
    """As the Planetary Computer's."""
    items.append(scene("32VKM", 1, updated=None))
    with serving(items, asked=asked) as url:
        watch = Watch(url)
        news = watch.look(NOON)
        assert news.scenes == {"32VKM": ("S2_32VKM_1",)}
        assert "cannot be asked when scenes of sentinel-2-l2a were updated" in news.notes[0]
        late = scene("32VKM", 2, updated=None)
        late.datetime = NOON - timedelta(days=3)
        items.append(late)
        assert watch.look(NOON).scenes == {"32VKM": ("S2_32VKM_2",)}
    assert asked[-1].body["datetime"] == "2024-04-21T11:59:59Z/.."


def test_an_api_that_can_neither_filter_nor_sort_is_read_group_by_group(items, asked):
    items += [scene("32VKM", number) for number in range(25)]
    with serving(items, asked=asked, most_a_page=10, plain=True) as url:
        watch = Watch(url, pages=1)
        news = watch.look(NOON)
        assert (len(news.scenes["32VKM"]), news.is_done, news.requests) == (25, True, 3)
        assert "new ones are found by `datetime`" in news.notes[0]
        items.append(scene("32VLM", 1))
        assert watch.look(NOON).scenes == {"32VLM": ("S2_32VLM_1",)}
    assert "query" not in asked[-1].body


def test_an_item_that_is_not_understood_is_left_out_and_told(api, items):
    items += [scene("32VKM", 1), scene("32VKM", 2)]
    items[-1] = items[-1].to_dict()
    items[-1]["properties"]["datetime"] = None
    news = Watch(api).look()
    assert news.scenes == {"32VKM": ("S2_32VKM_1",)}
    assert "S2_32VKM_2 is left out: " in news.notes[0]


def test_an_api_that_is_down_may_be_asked_again(items, asked, monkeypatch):
    monkeypatch.setattr(asking, "_BACKOFF_S", 0.0)
    items.append(scene("32VKM", 1))
    troubles = []
    with serving(items, asked=asked, troubles=troubles) as url:
        watch = Watch(url)
        troubles += [Trouble(path="/search")] * 6
        with pytest.raises(UnreachableError, match=rf"{url} answered 503"):
            watch.look()
        troubles.clear()
        assert watch.look().scenes == {"32VKM": ("S2_32VKM_1",)}


class TestCataloguesReadWhole:
    """A file of items, compared tile by tile."""

    @pytest.fixture
    def place(self, tmp_path):
        def save(*items):
            path = tmp_path / "items.json"
            features = [item.to_dict() for item in items]
            path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
            return str(path)

        return save

    def test_what_is_new_or_changed_is_told(self, place):
        old, new = scene("32VKM", 1, NOON - timedelta(days=1)), scene("32VKM", 2)
        watch = Watch(place(old, new, scene("55HFA", 1)))
        assert watch.look(NOON).scenes == {"32VKM": ("S2_32VKM_2",)}
        assert watch.look(NOON).scenes == {}
        third = scene("29RKH", 3, NOON + timedelta(hours=1))
        place(old, new, third)
        news = watch.look(LATER)
        assert news.scenes == {"29RKH": ("S2_29RKH_3",)}
        assert news.newest == NOON + timedelta(hours=1)

    def test_items_that_do_not_say_when_are_compared(self, place):
        one, other = scene("32VKM", 1, None), scene("32VKM", 2, None)
        watch = Watch(place(one))
        assert watch.look().scenes == {}
        place(one, other)
        assert watch.look().scenes == {"32VKM": ("S2_32VKM_1", "S2_32VKM_2")}
        other.properties["eo:cloud_cover"] = 7
        place(one, other)
        assert watch.look().scenes == {"32VKM": ("S2_32VKM_1", "S2_32VKM_2")}

    def test_a_tile_whose_scenes_are_gone_is_told_without_any(self, place):
        watch = Watch(place(scene("32VKM", 1), scene("29RKH", 1)))
        watch.look()
        place(scene("29RKH", 1))
        assert watch.look().scenes == {"32VKM": ()}


def test_ready_chips_have_no_news(tmp_path):
    (tmp_path / "claytile_32VKM_20240501_v02_0001.tif").write_bytes(b"")
    with pytest.raises(InvalidValueError, match="holds ready chips, which have no items; let the"):
        scenes_since(str(tmp_path), TILES, NOON)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"pages": 0}, "pages must be 1 or more, got 0"),
        ({"since": NOON.replace(tzinfo=None)}, "zone"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused(tmp_path, wish, message):
    with pytest.raises(InvalidValueError, match=message):
        scenes_since(str(tmp_path), TILES, wish.pop("since", NOON), **wish)
