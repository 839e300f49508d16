"""What covers any rectangle of the tile, without season or weather."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clay_assets.synthetic.landform import Landform, landform_of
from clay_assets.synthetic.lines import coverage, nearness
from clay_assets.synthetic.noise import Floats, Window, fractal, key_of
from clay_assets.synthetic.parcels import MAX_WARP_PX, Parcels, blocks_of, parcels_of, share_of
from clay_assets.synthetic.town import Town, town_of
from clay_assets.synthetic.world import World

_FIELD_BLOCK_PX = 58
_STAND_BLOCK_PX = 22
_TREE_LINE_M = 1780.0


@dataclass(frozen=True)
class Ground:
    """Shares of each pixel under each cover; they add up to one."""

    land: Landform
    """Shape and water."""
    fields: Parcels
    """Farmland parcels everywhere, whether or not farmed."""
    crop_land: Floats
    """0 where only meadow grows to 1 in the best arable land."""
    stands: Floats
    """Uniform in [0, 1), one value a forest stand."""
    grain: Floats
    """Fine smooth noise of unit deviation."""
    town: Town
    """Houses and streets."""
    lake: Floats
    """Shares of the pixel, as all below."""
    river: Floats
    gravel: Floats
    roof: Floats
    bright_roof: Floats
    paved: Floats
    garden: Floats
    conifer: Floats
    broadleaf: Floats
    shrub: Floats
    farmland: Floats
    alpine: Floats
    rock: Floats

    @property
    def arable(self) -> NDArray[np.bool_]:
        """Whether farmland there is ploughed rather than mown."""
        arable: NDArray[np.bool_] = share_of(self.fields.identity, "arable") < self.crop_land
        return arable

    @property
    def window(self) -> Window:
        """10 m pixels of the tile."""
        return self.land.window


def ground_of(world: World, window: Window) -> Ground:
    """Ground of a rectangle."""
    seed, land = world.seed, landform_of(world, window)
    bend = (_bend(seed, "x", window), _bend(seed, "y", window))
    blocks = blocks_of(key_of(seed, "fields"), window, _FIELD_BLOCK_PX, bend)
    fields = parcels_of(blocks, 5, 15, 3.2)
    stands = blocks_of(key_of(seed, "stands"), window, _STAND_BLOCK_PX, bend)
    stand = share_of(stands.identity, "stand")
    town = town_of(world, window, bend)
    region = fractal(key_of(seed, "region"), window, (1, 0.8, 0.6, 0.4, 0.3, 0.2, 0.15, 0.1))
    slope, height = land.slope, land.height_m
    crop_land = np.clip(
        0.85 - (height - 480) / 260 + 0.25 * region - 3 * land.mountain - 3 * slope, 0, 1
    )
    left = 1 - land.lake - land.river
    shares: dict[str, Floats] = {"lake": land.lake, "river": land.river}

    def cover(name: str, share: Floats) -> None:
        nonlocal left
        shares[name] = (left * share).astype(np.float32)
        left = left - shares[name]

    roads = nearness(world.roads, window, 4).outside_m
    cover("paved", np.maximum(coverage(roads) * np.float32(0.9), town.paved))
    cover("roof", town.roof)
    cover("bright_roof", town.bright_roof)
    cover("garden", town.garden)
    cover("gravel", _gravel(seed, land) + _tracks(blocks.border_px, blocks.identity, land))
    cover("rock", _rock(seed, land))
    forest = _forest(seed, land, region, fields, town)
    needles = _needle_share(land, stand, region)
    clearing = stand > 0.955
    cover("conifer", forest * needles * ~clearing)
    cover(
        "broadleaf",
        np.clip(forest * (1 - needles) * ~clearing / (1 - forest * needles + 1e-6), 0, 1),
    )
    high = np.clip((height - _TREE_LINE_M + 60 * region) / 120, 0, 1)
    dwarf = np.clip(
        1.2 * region - 0.2 + stand * 0.3 - np.abs(height - _TREE_LINE_M - 60) / 220, 0, 1
    )
    cover("shrub", dwarf * (land.mountain > 0.5))
    cover("alpine", high)
    shares["farmland"] = left.astype(np.float32)
    grain = fractal(key_of(seed, "grain"), window, (0.5, 0.6, 0.6))
    return Ground(land, fields, crop_land.astype(np.float32), stand, grain, town, **shares)


def _bend(seed: int, axis: str, window: Window) -> Floats:
    shift = 5 * fractal(key_of(seed, "bend", axis), window, (1, 0.5, 0.25, 0, 0))
    return np.clip(shift, -MAX_WARP_PX, MAX_WARP_PX)


def _gravel(seed: int, land: Landform) -> Floats:
    """Bars beside mountain rivers."""
    patches = fractal(key_of(seed, "bars"), land.window, (1, 0.7, 0.5))
    reach = np.clip(1 - land.bank_m / 45, 0, 1) * np.clip(land.mountain * 2 + 0.15, 0, 1)
    return np.clip(reach * (patches + 0.6), 0, 1) * (land.bank_m < 45)


def _tracks(border_px: Floats, identity: NDArray[np.uint32], land: Landform) -> Floats:
    """Unpaved tracks between blocks of fields."""
    flat = (land.slope < 0.25) & (land.mountain < 0.8)
    return coverage(10 * border_px - np.float32(2)) * np.float32(0.55) * flat


def _rock(seed: int, land: Landform) -> Floats:
    patches = fractal(key_of(seed, "rock"), land.window, (0.8, 1, 0.8, 0.6, 0.5, 0.4))
    height = land.height_m
    bare = (height - 2080) / 260 + 2.2 * (land.slope - 0.62) + 0.28 * patches
    steep = 3.5 * (land.slope - 1.0) + 0.2 * patches
    return np.clip(np.maximum(bare, steep), 0, 1)


def _forest(seed: int, land: Landform, region: Floats, fields: Parcels, town: Town) -> Floats:
    woods = fractal(key_of(seed, "woods"), land.window, (1, 0.9, 0.7, 0.5, 0.35, 0.2, 0.15))
    choice = share_of(fields.identity, "woods") - np.float32(0.5)
    plain = 1 - land.mountain
    wish = (
        0.55 * woods
        + 5.0 * np.clip(land.slope - 0.10, 0, 0.3)
        + (0.9 * choice - 0.62) * plain
        + 0.25 * land.mountain
        + np.clip(1 - land.bank_m / 60, 0, 1) * (land.bank_m > 0) * (0.9 + 0.4 * choice)
        - 3 * town.density
    )
    below = np.clip((_TREE_LINE_M + 90 * region - land.height_m) / 160, -1, 1)
    return np.clip(np.minimum(wish, below) * 4 + 0.5, 0, 1).astype(np.float32)


def _needle_share(land: Landform, stand: Floats, region: Floats) -> Floats:
    """Spruce above, beech below, stand by stand."""
    wish = (land.height_m - 780) / 500 + 0.9 * (stand - 0.5) + 0.35 * region
    return np.clip(wish * 3 + 0.5, 0.04, 0.97).astype(np.float32)


def land_cover_of(ground: Ground) -> NDArray[np.uint8]:
    """ESA WorldCover code of the largest share of each pixel."""
    groups = (
        (10, ground.conifer + ground.broadleaf),
        (20, ground.shrub),
        (30, ground.alpine + ground.farmland * ~ground.arable),
        (40, ground.farmland * ground.arable),
        (50, ground.roof + ground.bright_roof + ground.paved + ground.garden),
        (60, ground.rock + ground.gravel),
        (80, ground.lake + ground.river),
    )
    largest = np.argmax(np.stack([share for _, share in groups]), axis=0)
    return np.array([code for code, _ in groups], np.uint8)[largest]
