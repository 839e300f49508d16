"""What the sensors see is what real ones see, and does not depend on the block."""

import numpy as np
import pytest

from clay_assets.bands import SENTINEL2_BANDS
from clay_assets.synthetic.clouds import weather_of
from clay_assets.synthetic.ground import ground_of, land_cover_of
from clay_assets.synthetic.light import light_of, view_of
from clay_assets.synthetic.noise import Window
from clay_assets.synthetic.optical import (
    FINE_BANDS,
    MARGIN_PX,
    blurred,
    render_optical,
    without_margin,
)
from clay_assets.synthetic.radar import render_radar
from clay_assets.synthetic.scenes import scene_of
from clay_assets.synthetic.surface import surface_of
from clay_assets.synthetic.world import World

TOWN = Window(6100, 4870, 256, 256)
SUBURB = Window(6000, 4600, 256, 256)
COUNTRY = Window(6022, 5272, 256, 256)
ALPS = Window(5000, 6300, 256, 256)


def _seen(
    world: World, window: Window, day: str, cloud_cover_pct: float = 0
) -> dict[str, np.ndarray]:
    view = view_of(world, scene_of("32TPT", day, cloud_cover_pct))
    ground = ground_of(world, window.grown(MARGIN_PX))
    shares = surface_of(world.seed, ground, view.scene)
    layers = render_optical(view, ground, shares)
    layers |= render_radar(world.seed, ground, shares, day)
    return layers | {"cover": without_margin(land_cover_of(ground))}


@pytest.fixture(scope="module")
def may(world: World) -> dict[str, np.ndarray]:
    return _seen(world, TOWN, "2021-05-10")


@pytest.fixture(scope="module")
def country(world: World) -> dict[str, np.ndarray]:
    """Villages, fields, meadows and some forest."""
    return _seen(world, COUNTRY, "2021-05-10")


@pytest.mark.parametrize("window", [TOWN, SUBURB, ALPS], ids=["town", "suburb", "alps"])
def test_pixels_do_not_depend_on_the_block(world: World, window: Window):
    whole = _seen(world, window, "2021-10-22", 15)
    for dx, dy, width, height in ((0, 0, 64, 64), (100, 36, 50, 90), (190, 200, 66, 56)):
        part = _seen(world, Window(window.x + dx, window.y + dy, width, height), "2021-10-22", 15)
        for name, values in part.items():
            factor = window.width // whole[name].shape[1]
            top, left = dy // factor, dx // factor
            rows, columns = values.shape
            np.testing.assert_array_equal(
                values, whole[name][top : top + rows, left : left + columns], err_msg=name
            )


def test_bands_have_the_size_of_their_pixels(may: dict[str, np.ndarray]):
    for name in SENTINEL2_BANDS:
        assert may[name].shape == ((256, 256) if name in FINE_BANDS else (128, 128))
        assert may[name].dtype == np.uint16
        assert may[name].min() > 0  # 0 is no data
    assert may["SCL"].shape == (128, 128)


def test_vegetation_water_and_soil_have_their_spectra(may: dict[str, np.ndarray]):
    red, nir = may["B04"].astype(float), may["B08"].astype(float)
    ndvi = (nir - red) / (nir + red)
    cover = may["cover"]
    assert 0.6 < np.median(ndvi[cover == 10]) < 0.95
    assert 0.5 < np.median(ndvi[cover == 30]) < 0.95
    assert np.median(ndvi[cover == 80]) < 0
    assert -0.05 < np.median(ndvi[cover == 50]) < 0.5
    assert np.median(may["B02"][cover == 80]) < 600


@pytest.mark.parametrize(
    ("band", "middle", "last"),
    [
        # 50th and 99th percentile of Sentinel-2 L2A over Bolzano, 2022-06-12
        ("B02", 290, 2360),
        ("B03", 586, 2592),
        ("B04", 362, 2806),
        ("B08", 3419, 6048),
    ],
)
def test_numbers_are_those_of_a_real_scene(country: dict[str, np.ndarray], band, middle, last):
    land = country[band][country["cover"] != 80]
    assert 0.6 * middle < np.median(land) < 1.7 * middle
    assert 0.3 * last < np.percentile(land, 99) < 1.3 * last


@pytest.mark.parametrize(("band", "middle"), [("vv", -10.25), ("vh", -17.03)])
def test_echoes_are_those_of_a_real_scene(country: dict[str, np.ndarray], band, middle):
    """Medians in dB of Sentinel-1 RTC over Danish farmland."""
    land = country[band][country["cover"] != 80]
    assert 10 * np.log10(np.median(land)) == pytest.approx(middle, abs=3)


def test_water_is_dark_and_towns_are_bright_to_radar(may: dict[str, np.ndarray]):
    cover = may["cover"]
    level = {code: 10 * np.log10(may["vv"][cover == code].mean()) for code in (10, 50, 80)}
    assert level[80] < -15 < -11 < level[10] < level[50]


def test_speckle_has_the_looks_of_sentinel_1(world: World):
    lake = _seen(world, Window(5920, 5120, 64, 64), "2021-05-10")
    assert (lake["cover"] == 80).all()
    looks = (lake["vh"].mean() / lake["vh"].std()) ** 2
    assert 3 < looks < 6  # 4.4 by ESA, less the wind's ripples


def test_clouds_throw_shadows_and_scl_knows(world: World):
    clear, cloudy = _seen(world, ALPS, "2021-08-28"), _seen(world, ALPS, "2021-08-28", 40)
    assert not np.isin(clear["SCL"], (3, 8, 9)).any()
    for code in (3, 9):
        assert (cloudy["SCL"] == code).mean() > 0.02
    full = cloudy["SCL"].repeat(2, 0).repeat(2, 1)
    blue = np.stack([clear["B02"], cloudy["B02"]]).astype(float)
    assert blue[1][full == 9].mean() > 6000
    shadow = full == 3
    assert blue[1][shadow].mean() < 0.7 * blue[0][shadow].mean()


def test_shadows_lie_away_from_the_sun(world: World):
    scene = scene_of("32TPT", "2021-05-10", 30)
    window = Window(3000, 3000, 800, 800)
    sun = scene.sun
    reach_px = 150 / np.tan(np.radians(sun.elevation_deg))  # a cloud base at 1,500 m
    east = round(reach_px * np.sin(np.radians(sun.azimuth_deg)))
    north = round(reach_px * np.cos(np.radians(sun.azimuth_deg)))
    shadow = weather_of(world.seed, window, scene).shadow
    cloud = weather_of(world.seed, window.moved(east, -north), scene).cloud
    assert 0.05 < (cloud > 0).mean() < 0.95
    np.testing.assert_array_equal(shadow > 0, cloud > 0)


def test_the_sensor_spreads_light_and_loses_none():
    point = np.zeros((7, 7), np.float32)
    point[3, 3] = 1000
    spread = blurred(point)
    assert spread.sum() == pytest.approx(1000, rel=1e-5)
    assert spread[3, 3] == pytest.approx(518, abs=1)
    assert spread[3, 2] == spread[2, 3] > spread[2, 2] > 0


def test_cloud_cover_is_about_what_is_aimed_at(world: World):
    cloudy = [
        np.isin(_seen(world, Window(x, y, 128, 128), "2021-08-28", 30)["SCL"], (8, 9)).mean()
        for x in range(500, 10_500, 2000)
        for y in range(500, 10_500, 2000)
    ]
    assert 0.15 < np.mean(cloudy) < 0.45


def test_slopes_that_face_the_sun_are_brighter(world: World):
    view = view_of(world, scene_of("32TPT", "2021-10-22", 0))
    land = ground_of(world, ALPS).land
    light = light_of(view, land)
    east, north, up = view.scene.sun.direction
    sunward = -(east * land.east_slope + north * land.north_slope)
    assert light.direct[sunward > 0.2].mean() > up
    assert light.direct[sunward < -0.2].mean() < up / 2
    assert ((light.sky > 0.4) & (light.sky <= 1)).all()


def test_the_offset_of_new_baselines_is_added(world: World):
    window = Window(6100, 4870, 32, 32)
    old, new = _seen(world, window, "2021-05-10"), _seen(world, window, "2022-05-10")
    assert np.median(new["B02"]) - np.median(old["B02"]) == pytest.approx(1000, abs=60)  # DN
