from datetime import datetime

import pytest

from clay_assets.ingest.dates import parse_dates
from clay_assets.ingest.grid import Grid
from clay_assets.ingest.selection import (
    Limits,
    elevation_for,
    fault_of,
    radar_for,
    ranked,
    turns,
)
from clay_assets_tests.ingest.making import (
    EPSG,
    NORTH,
    SIDE,
    WEST,
    elevation,
    optical,
    radar,
)

AREA = Grid(EPSG, WEST, NORTH, 10, SIDE, SIDE)
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
    assert ranked([cloudy, partial, old, new]) == [new, old, partial, cloudy]


def test_each_range_takes_its_turn(scene):
    scenes = [scene("2021-01-05"), scene("2021-03-05", 9), scene("2021-03-06", 3)]
    wanted = parse_dates(("2021-03-01/2021-03-31", "2021-01-05", "2019-01-01"))
    assert [days(turn) for turn in turns(scenes, wanted, 1)] == [
        ["2021-03-06", "2021-03-05"],
        ["2021-01-05"],
        [],
    ]


def test_without_ranges_the_years_take_turns_from_the_latest_on(scene):
    scenes = [
        scene("2020-05-01", 1),
        scene("2021-05-01", 30),
        scene("2021-06-01", 20),
        scene("2022-05-01", 40),
    ]
    order = ["2022-05-01", "2021-06-01", "2020-05-01", "2021-05-01"]
    assert [days(turn) for turn in turns(scenes, (), 2)] == [order, order]


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


class TestRadar:
    """Which Sentinel-1 scenes go with the Sentinel-2 scene of 2021-05-10 10:50 UTC."""

    @pytest.fixture(autouse=True)
    def _scene(self, scene, tmp_path):
        self.scene, self.folder = scene("2021-05-10"), tmp_path

    def radar(self, day, hour=6, **kwargs):
        time = datetime(2021, 5, day, hour).isoformat()
        return radar(self.folder, time, **kwargs)

    def test_the_nearest_scene_that_covers_is_enough(self):
        near, far = self.radar(11), self.radar(8)
        assert radar_for(self.scene, [far, near], AREA) == [near]

    def test_scenes_of_one_orbit_state_are_joined_until_they_cover(self):
        left = self.radar(9, columns=(0, 40))
        right = self.radar(9, 7, columns=(40, SIDE))
        again = self.radar(12, columns=(0, SIDE))
        assert radar_for(self.scene, [again, right, left], AREA) == [right, left]

    def test_orbit_states_are_never_mixed(self):
        left = self.radar(10, 7, columns=(0, 40), orbit="descending")
        right = self.radar(10, 17, columns=(30, SIDE), orbit="ascending")
        assert radar_for(self.scene, [left, right], AREA) == [left]  # covers more

    def test_of_two_orbit_states_that_cover_the_nearer_wins(self):
        ascending = self.radar(10, 17, orbit="ascending")
        descending = self.radar(12, 6, orbit="descending")
        assert radar_for(self.scene, [descending, ascending], AREA) == [ascending]

    def test_a_scene_beside_the_area_is_not_taken(self):
        beside = self.radar(10, columns=(2 * SIDE, 3 * SIDE))
        assert radar_for(self.scene, [beside], AREA) == []
        assert radar_for(self.scene, [], AREA) == []


def test_elevation_is_what_touches_the_area(tmp_path):
    here = elevation(tmp_path)
    far = elevation(tmp_path)
    far.id, far.geometry = "A", {"type": "Point", "coordinates": [100.0, 0.0]}
    assert elevation_for([here, far], AREA) == [here]
