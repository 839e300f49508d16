"""The landscape makes sense: water runs down, fields are flat, snow is high."""

import numpy as np
import pytest

from clay_assets.synthetic.ground import Ground, ground_of, land_cover_of
from clay_assets.synthetic.landform import landform_of
from clay_assets.synthetic.noise import Window
from clay_assets.synthetic.scenes import scene_of
from clay_assets.synthetic.spectra import Material
from clay_assets.synthetic.surface import surface_of
from clay_assets.synthetic.world import World, world_of

PLAIN = Window(5200, 3800, 384, 384)
FRONT = Window(5700, 4900, 384, 384)
MOUNTAINS = Window(5000, 6300, 384, 384)


@pytest.fixture(scope="module", params=[PLAIN, FRONT, MOUNTAINS], ids=["plain", "front", "alps"])
def ground(world: World, request: pytest.FixtureRequest) -> Ground:
    return ground_of(world, request.param)


def test_rivers_run_downhill(world: World):
    assert (world.rivers.start_m >= world.rivers.end_m).all()


def test_rivers_widen_downstream(world: World):
    area = world.relief.area_km2.ravel()
    assert (area[world.relief.drainage.receiver] >= area).all()


def test_lakes_are_level_and_lie_in_the_ground(world: World):
    relief = world.relief
    assert 0.002 < relief.lake.mean() < 0.03
    assert (relief.surface_m >= relief.bed_m).all()
    land = landform_of(world, FRONT)
    water = land.lake == 1
    assert water.mean() > 0.1
    assert np.percentile(land.slope[water], 99) < 0.001


def test_mountains_are_high_and_the_plain_is_flat(world: World):
    plain, alps = landform_of(world, PLAIN), landform_of(world, MOUNTAINS)
    assert plain.height_m.max() < 900
    assert alps.height_m.max() > 1800
    assert np.median(plain.slope) < 0.1
    assert 0.2 < np.median(alps.slope) < 0.9  # 11 to 42 degrees


def test_covers_add_up_to_one(ground: Ground):
    shares = list(vars(ground.covers).values())
    assert min(share.min() for share in shares) >= 0
    np.testing.assert_allclose(sum(shares), 1, atol=1e-5)


def test_fields_are_flat_and_below_the_trees_end(ground: Ground):
    land, arable = ground.land, ground.arable & (ground.covers.farmland > 0.5)
    if arable.any():
        assert np.percentile(land.slope[arable], 95) < 0.35
        assert land.height_m[arable].max() < 1300
    forest = ground.covers.conifer + ground.covers.broadleaf > 0.5
    assert land.height_m[forest].max(initial=0) < 2300


def test_the_default_window_has_every_kind_of_land(world: World):
    codes = np.concatenate(
        [land_cover_of(ground_of(world, w)).ravel() for w in (PLAIN, FRONT, MOUNTAINS)]
    )
    shares = np.bincount(codes, minlength=100) / codes.size
    for code in (10, 30, 40, 50, 60, 80):
        assert shares[code] > 0.005, code


@pytest.mark.parametrize("day", ["2021-01-15", "2021-05-10", "2021-08-28", "2021-10-22"])
def test_materials_add_up_to_one(world: World, ground: Ground, day: str):
    shares = surface_of(world.seed, ground, scene_of("32TPT", day, 0))
    np.testing.assert_allclose(sum(shares.values()), 1, atol=1e-5)
    assert min(share.min() for share in shares.values()) > -1e-6


def test_snow_comes_down_in_winter(world: World):
    ground = ground_of(world, MOUNTAINS)
    cover = {
        day: surface_of(world.seed, ground, scene_of("32TPT", day, 0)).get(Material.SNOW)
        for day in ("2021-01-15", "2021-05-10", "2021-08-28")
    }
    means = [0 if share is None else share.mean() for share in cover.values()]
    assert means[0] > means[1] > means[2]


def test_faces_away_from_the_sun_keep_their_snow(world: World):
    ground = ground_of(world, MOUNTAINS)
    snow = surface_of(world.seed, ground, scene_of("32TPT", "2021-05-10", 0))[Material.SNOW]
    land = ground.land
    belt = (land.height_m > 1850) & (land.height_m < 2050)
    shady, sunny = belt & (land.north_slope < -0.3), belt & (land.north_slope > 0.3)
    assert snow[shady].mean() > snow[sunny].mean() + 0.1


def test_rape_flowers_in_may_and_leaves_turn_in_october(world: World):
    ground = ground_of(world, PLAIN)

    def mean(day: str, material: Material) -> float:
        shares = surface_of(world.seed, ground, scene_of("32TPT", day, 0))
        return float(shares[material].mean()) if material in shares else 0.0

    assert mean("2021-05-10", Material.RAPESEED) > 0.01
    assert mean("2021-08-28", Material.RAPESEED) == 0
    assert mean("2021-10-22", Material.AUTUMN_LEAVES) > 0.005
    assert mean("2021-05-10", Material.AUTUMN_LEAVES) == 0


def test_another_seed_or_tile_is_another_landscape(world: World):
    other = world_of("32TPT", 1)
    assert other.seed != world.seed
    assert not np.allclose(other.relief.bed_m, world.relief.bed_m, atol=1)
