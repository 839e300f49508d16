"""Radar and elevation that go with a Sentinel-2 scene."""

from datetime import datetime

import pytest

from clay_assets.ingest.companions import elevation_for, radar_for
from clay_assets.ingest.grid import Grid
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


class TestRadar:
    """Which Sentinel-1 scenes go with the Sentinel-2 scene of 2021-05-10 10:50 UTC."""

    @pytest.fixture(autouse=True)
    def _scene(self, tmp_path):
        self.scene, self.folder = optical(tmp_path, "2021-05-10", side=2), tmp_path

    def radar(self, day, hour=6, **kwargs):
        time = datetime(2021, 5, day, hour).isoformat()
        return radar(self.folder, time, **kwargs)

    def test_the_nearest_scene_that_covers_is_enough(self):
        near, far = self.radar(11), self.radar(8)
        assert radar_for(self.scene, [far, near], AREA).taken == (near,)

    def test_scenes_of_one_orbit_state_are_joined_until_they_cover(self):
        left = self.radar(9, columns=(0, 40))
        right = self.radar(9, 7, columns=(40, SIDE))
        again = self.radar(12, columns=(0, SIDE))
        assert radar_for(self.scene, [again, right, left], AREA).taken == (
            right,
            left,
        )

    def test_orbit_states_are_never_mixed(self):
        left = self.radar(10, 7, columns=(0, 40), orbit="descending")
        right = self.radar(10, 17, columns=(30, SIDE), orbit="ascending")
        assert radar_for(self.scene, [left, right], AREA).taken == (left,)  # covers more

    def test_of_two_orbit_states_that_cover_the_nearer_wins(self):
        ascending = self.radar(10, 17, orbit="ascending")
        descending = self.radar(12, 6, orbit="descending")
        assert radar_for(self.scene, [descending, ascending], AREA).taken == (ascending,)

    def test_each_candidate_says_what_became_of_it(self):
        left = self.radar(9, columns=(0, 40), orbit="ascending")
        right = self.radar(9, 7, columns=(40, SIDE), orbit="ascending")
        again = self.radar(12, columns=(0, SIDE), orbit="ascending")
        other = self.radar(10, columns=(0, 32), orbit="descending")
        beside = self.radar(11, columns=(SIDE, 2 * SIDE), orbit="ascending")
        nowhere = self.radar(9, 8, orbit="ascending")
        nowhere.geometry = None
        cover = radar_for(self.scene, [again, beside, right, left, other, nowhere], AREA)
        assert cover.share == pytest.approx(1, abs=0.01)
        name = self.scene.id
        assert cover.reasons == {
            right.id: f"covers 37 % of the area; ascending, 1.2 days before {name}",
            left.id: f"covers 62 % of the area more; ascending, 1.2 days before {name}",
            again.id: f"not needed: the area is covered; ascending, 1.8 days after {name}",
            beside.id: f"adds no ground; ascending, 19 h after {name}",
            nowhere.id: f"its item does not say where it is; ascending, 1.1 days before {name}",
            other.id: "its orbit is descending; ascending is taken, which covers 100 % against "
            f"50 %; descending, 5 h before {name}",
        }

    def test_the_last_scene_alone_need_not_cover(self):
        """Clay v0 checked the last scene only."""
        halves = [self.radar(11, columns=(0, 32)), self.radar(12, columns=(32, SIDE))]
        assert radar_for(self.scene, halves, AREA).taken == tuple(halves)

    def test_a_scene_beside_the_area_is_not_taken(self):
        beside = self.radar(10, columns=(2 * SIDE, 3 * SIDE))
        assert radar_for(self.scene, [beside], AREA).taken == ()
        assert radar_for(self.scene, [], AREA).reasons == {}


def test_elevation_is_what_touches_the_area(tmp_path):
    here = elevation(tmp_path)
    far = elevation(tmp_path)
    far.id, far.geometry = "A", {"type": "Point", "coordinates": [100.0, 0.0]}
    cover = elevation_for([here, far], AREA)
    assert cover.taken == (here,)
    assert cover.reasons == {"A": "adds no ground", here.id: "covers 100 % of the area"}
