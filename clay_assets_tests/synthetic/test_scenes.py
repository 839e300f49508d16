"""Sun, season and product conventions of a date."""

import pytest

from clay_assets.errors import InvalidValueError
from clay_assets.synthetic.scenes import scene_of, sun_at


@pytest.mark.parametrize(
    ("place", "lat", "day_of_year", "solar_hours", "elevation", "azimuth"),
    [
        # by the definition of the tropics, the polar circle and the equinox
        ("noon at the tropic of Cancer, June solstice", 23.45, 172, 12, 90, None),
        ("noon on the equator, March equinox", 0.0, 81, 12, 90, None),
        ("noon at 60 N, December solstice", 60.0, 355, 12, 6.55, 180),
        ("noon at 60 S, December solstice", -60.0, 355, 12, 53.45, 0),
        ("6 h on the equator, equinox", 0.0, 81, 6, 0, 90),
    ],
)
def test_the_sun_stands_where_astronomy_says(
    place, lat, day_of_year, solar_hours, elevation, azimuth
):
    sun = sun_at(lat, day_of_year, solar_hours)
    assert sun.elevation_deg == pytest.approx(elevation, abs=0.1)  # degrees
    if azimuth is not None:
        assert (sun.azimuth_deg - azimuth + 180) % 360 - 180 == pytest.approx(0, abs=0.1)


def test_a_scene_agrees_with_a_real_one_of_the_same_tile_and_day():
    """S2A 29RKH 2020-02-19: azimuth 147.7, elevation 48.3, 11:34 UTC (its own metadata)."""
    scene = scene_of("29RKH", "2020-02-19", 0)
    assert scene.sun.azimuth_deg == pytest.approx(147.7, abs=8)  # degrees
    assert scene.sun.elevation_deg == pytest.approx(48.3, abs=3)
    assert abs(scene.time.hour * 60 + scene.time.minute - (11 * 60 + 34)) < 20  # minutes


def test_baseline_04_adds_1000_to_every_number():
    before, after = scene_of("32TPT", "2022-01-24", 0), scene_of("32TPT", "2022-01-25", 0)
    assert (before.offset_dn, before.baseline) == (0, "03.01")
    assert (after.offset_dn, after.baseline) == (1000, "05.09")


def test_seasons_are_turned_round_south_of_the_equator():
    north, south = scene_of("32TPT", "2021-07-01", 0), scene_of("18HYB", "2021-07-01", 0)
    assert abs(north.season - south.season) == pytest.approx(182, abs=2)  # days


def test_a_date_that_is_none_is_refused():
    with pytest.raises(InvalidValueError, match="date must be YYYY-MM-DD, got '2021-02-30'"):
        scene_of("32TPT", "2021-02-30", 0)


@pytest.mark.parametrize("cover", [-1, 100.5])
def test_a_cloud_cover_that_is_no_percentage_is_refused(cover: float):
    with pytest.raises(InvalidValueError, match=f"0 to 100 percent, got {cover}"):
        scene_of("32TPT", "2021-05-10", cover)
