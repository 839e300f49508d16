import pytest

from clay_assets.ingest.dates import parse_dates
from clay_assets.ingest.selection import (
    Choice,
    Limits,
    Turn,
    fault_of,
    not_needed,
    praise_of,
    ranked,
    shortened,
    turns_of,
)
from clay_assets_tests.ingest.making import optical

LIMITS = Limits(max_cloud_pct=50, max_nodata_pct=20)


@pytest.fixture
def scene(tmp_path):
    def make(day, cloud=5.0, **properties):
        return optical(tmp_path, day, cloud=cloud, side=2, **properties)

    return make


def days(candidates):
    return [item.datetime.date().isoformat() for item in candidates]


def test_scenes_are_ranked_by_cloud_then_nodata_then_processing(scene):
    cloudy = scene("2021-01-01", 30)
    partial = scene("2021-01-02", 5, **{"s2:nodata_pixel_percentage": 10.0})
    old = scene("2021-01-03", 5, updated="2021-02-01")
    new = scene("2021-01-04", 5, updated="2023-02-01")
    assert ranked([cloudy, partial, old, new]) == (new, old, partial, cloudy)


def test_a_scene_that_does_not_say_its_clouds_comes_last(scene):
    silent, cloudy = scene("2021-01-01", **{"eo:cloud_cover": None}), scene("2021-01-02", 90)
    assert ranked([silent, cloudy]) == (cloudy, silent)
    assert fault_of(silent, LIMITS) is None
    assert praise_of(silent) == "unknown cloud, 0 % without data"


def test_each_range_takes_its_turn(scene):
    scenes = [scene("2021-01-05"), scene("2021-03-05", 9), scene("2021-03-06", 3)]
    wanted = parse_dates(("2021-03-01/2021-03-31", "2021-01-05", "2019-01-01"))
    turns = turns_of(scenes, wanted, tile="32VKM", seed=42)
    assert [days(turn.scenes) for turn in turns] == [
        ["2021-03-06", "2021-03-05"],
        ["2021-01-05"],
        [],
    ]
    assert turns[0].name == "2021-03-01/2021-03-31"


# By random.Random(f"42 {tile} {year}").random() of CPython 3.11; its documentation promises more.
ORDER = {
    "32VKM": [2021, 2023, 2019, 2020, 2017, 2022, 2018],
    "29RKH": [2017, 2018, 2023, 2021, 2020, 2022, 2019],
}


@pytest.mark.parametrize("tile", ORDER)
def test_without_ranges_the_years_are_shuffled_by_seed_and_tile(scene, tile):
    scenes = [scene(f"{year}-05-01") for year in range(2017, 2024)]
    assert [int(turn.name) for turn in turns_of(scenes, (), tile=tile, seed=42)] == ORDER[tile]
    other = [int(turn.name) for turn in turns_of(scenes, (), tile=tile, seed=43)]
    assert sorted(other) == sorted(ORDER[tile])
    assert other != ORDER[tile]


def test_a_new_year_leaves_the_others_in_order(scene):
    scenes = [scene(f"{year}-05-01") for year in range(2017, 2024)]
    before = [turn.name for turn in turns_of(scenes, (), tile="32VKM", seed=42)]
    after = [t.name for t in turns_of([*scenes, scene("2024-05-01")], (), tile="32VKM", seed=42)]
    assert [name for name in after if name != "2024"] == before


def test_each_year_offers_its_least_cloudy_scene_first(scene):
    scenes = [scene("2021-05-01", 30), scene("2021-06-01", 20), scene("2021-07-01", 25)]
    (turn,) = turns_of(scenes, (), tile="32VKM", seed=42)
    assert days(turn.scenes) == ["2021-06-01", "2021-07-01", "2021-05-01"]


@pytest.mark.parametrize(
    ("properties", "fault"),
    [
        ({"eo:cloud_cover": 50.0}, None),
        ({"eo:cloud_cover": 50.6}, "51 % cloud, at most 50 %"),
        ({"s2:nodata_pixel_percentage": 20.0}, None),
        ({"s2:nodata_pixel_percentage": 27.4}, "27 % without data, at most 20 %"),
    ],
)
def test_a_scene_beyond_the_limits_is_not_used(scene, properties, fault):
    assert fault_of(scene("2021-01-01", **properties), LIMITS) == fault


def test_a_scene_without_a_band_is_not_used(scene):
    item = scene("2021-01-01")
    del item.assets["B8A"]
    assert fault_of(item, LIMITS).startswith("no asset for B8A; its assets: B02, B03")
    item.assets.clear()
    assert fault_of(item, LIMITS).endswith("B11, B12; its assets: none")


def test_what_an_item_says_must_be_a_number(scene):
    item = scene("2021-01-01", **{"eo:cloud_cover": "clear"})
    assert "says eo:cloud_cover 'clear'; expected a number of percent" in fault_of(item, LIMITS)


def test_a_scene_that_was_named_may_be_cloudy_but_not_without_bands(scene):
    item = scene("2021-01-01", 99)
    assert fault_of(item, None) is None
    del item.assets["B02"]
    assert fault_of(item, None).startswith("no asset for B02")


def test_a_scene_nobody_looked_at_says_which_is_better(scene):
    best, good, cloudy = scene("2021-05-01", 1), scene("2021-06-01", 2), scene("2021-07-01", 90)
    other = scene("2022-05-01", 0)
    turns = [Turn("2021", (best, good, cloudy)), Turn("2022", (other,)), Turn("2019", ())]
    judged = [Choice(best.id, "2021-05-01", True, praise_of(best))]
    lines = {line.scene: line.reason for line in not_needed(turns, judged, LIMITS)}
    assert lines == {
        good.id: f"{best.id} of 2021 is better: 1 % cloud, 0 % without data",
        cloudy.id: "90 % cloud, at most 50 %",
        other.id: "not needed: the dates are taken already (2021-05-01)",
        "": "no scene",
    }


def test_choices_are_cut_to_a_bound_that_keeps_all_that_are_chosen():
    lines = [Choice(f"S2_{n}", "2024-05-01", n % 300 == 0, "") for n in range(1_000)]
    short = shortened(lines)
    assert len(short) == 200
    assert [line.scene for line in short if line.chosen] == ["S2_0", "S2_300", "S2_600", "S2_900"]
    assert short[-1].reason == "and 801 more that are not used"
    assert shortened(lines[:200]) == tuple(lines[:200])
