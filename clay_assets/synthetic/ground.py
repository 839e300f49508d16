"""What covers any rectangle of the tile, without season or weather."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clay_assets.synthetic.landform import Landform, landform_of, relief_on
from clay_assets.synthetic.lines import coverage, nearness
from clay_assets.synthetic.noise import Floats, Window, fractal, key_of
from clay_assets.synthetic.parcels import (
    MAX_WARP_PX,
    Blocks,
    Parcels,
    blocks_of,
    parcels_of,
    share_of,
)
from clay_assets.synthetic.town import Town, town_of
from clay_assets.synthetic.woods import TREE_LINE_M, dwarf_share, forest_share, needle_share
from clay_assets.synthetic.world import World

_FIELD_BLOCK_PX = 58
_STAND_BLOCK_PX = 22
_CLEARINGS = 0.045
_BAR_RIVER_M = 14.0


@dataclass(frozen=True)
class Covers:
    """Shares of each pixel under each cover, (H, W) float32; they add up to one."""

    lake: Floats
    """Standing water."""
    river: Floats
    """Running water."""
    paved: Floats
    """Roads, streets and yards."""
    roof: Floats
    """Tiled roofs."""
    bright_roof: Floats
    """Large flat roofs."""
    garden: Floats
    """Lawns and trees between houses."""
    gravel: Floats
    """River bars and unpaved tracks."""
    rock: Floats
    """Bare rock and scree."""
    conifer: Floats
    """Needle trees."""
    broadleaf: Floats
    """Leaf trees."""
    shrub: Floats
    """Dwarf pine."""
    alpine: Floats
    """Grass above the trees."""
    farmland: Floats
    """Fields and meadows."""


@dataclass(frozen=True)
class Ground:
    """Ground of one rectangle."""

    land: Landform
    """Shape and water."""
    covers: Covers
    """What lies on it."""
    fields: Parcels
    """Farmland parcels everywhere, whether or not farmed."""
    arable: NDArray[np.bool_]
    """Whether a parcel is ploughed rather than mown."""
    stands: Floats
    """Uniform in [0, 1), one value a forest stand."""
    grain: Floats
    """Fine smooth noise of unit deviation, some pixels wide."""
    uneven: Floats
    """Coarser noise of unit deviation, some hundred metres wide."""

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
    region = fractal(key_of(seed, "region"), window, (1, 0.8, 0.6, 0.4, 0.3, 0.2, 0, 0))
    slope = relief_on(world, world.relief.slope, window)  # of the hill, not of the pixel
    fertile = 0.9 - (land.height_m - 590) / 260 + 0.25 * region - 3 * (land.mountain + slope)
    return Ground(
        land,
        _covers(world, land, town, blocks, fields, stand, region),
        fields,
        share_of(fields.identity, "arable") < fertile,
        stand,
        fractal(key_of(seed, "grain"), window, (0.5, 0.6, 0.6)),
        fractal(key_of(seed, "uneven"), window, (0.6, 0.6, 0.4, 0.3)),
    )


def land_cover_of(ground: Ground) -> NDArray[np.uint8]:
    """ESA WorldCover code of the largest share of each pixel."""
    covers = ground.covers
    shares = {
        10: covers.conifer + covers.broadleaf,
        20: covers.shrub,
        30: covers.alpine + covers.farmland * ~ground.arable,
        40: covers.farmland * ground.arable,
        50: covers.roof + covers.bright_roof + covers.paved + covers.garden,
        60: covers.rock + covers.gravel,
        80: covers.lake + covers.river,
    }
    largest = np.argmax(np.stack(list(shares.values())), axis=0)
    codes: NDArray[np.uint8] = np.array(list(shares), np.uint8)[largest]
    return codes


class _Free:
    """What is left of each pixel while covers are laid on, the topmost first."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.share: Floats = np.ones(shape, np.float32)

    def take(self, share: Floats) -> Floats:
        """Cover a share of what is left."""
        taken = (self.share * share).astype(np.float32)
        self.share = self.share - taken
        return taken


def _covers(
    world: World,
    land: Landform,
    town: Town,
    blocks: Blocks,
    fields: Parcels,
    stand: Floats,
    region: Floats,
) -> Covers:
    free = _Free(land.window.shape)
    roads = np.float32(0.9) * coverage(nearness(world.roads, land.window, 4).outside_m)
    forest = forest_share(world.seed, land, region, fields, town) * (stand < 1 - _CLEARINGS)
    needles = needle_share(land, stand, region)
    return Covers(
        lake=free.take(land.lake),
        river=free.take(land.river),
        paved=free.take(np.maximum(roads, town.paved)),
        roof=free.take(town.roof),
        bright_roof=free.take(town.bright_roof),
        garden=free.take(town.garden),
        gravel=free.take(np.maximum(_bars(world, land), _tracks(blocks, land))),
        rock=free.take(_rock(world.seed, land)),
        conifer=free.take(forest * needles),
        broadleaf=free.take(forest * (1 - needles) / (1 - forest * needles)),
        shrub=free.take(dwarf_share(land, stand, region)),
        alpine=free.take(np.clip((land.height_m - TREE_LINE_M + 60 * region) / 120, 0, 1)),
        farmland=free.share,
    )


def _bend(seed: int, axis: str, window: Window) -> Floats:
    shift = 4 * fractal(key_of(seed, "bend", axis), window, (1, 0.5, 0, 0, 0, 0, 0))
    return np.clip(shift, -MAX_WARP_PX, MAX_WARP_PX)


def _bars(world: World, land: Landform) -> Floats:
    """Gravel beside larger rivers, most of it in the mountains."""
    bank = nearness(world.rivers.at_least(_BAR_RIVER_M), land.window, 7).outside_m
    patches = fractal(key_of(world.seed, "bars"), land.window, (1, 0.7, 0.5))
    reach = np.clip(1 - bank / 55, 0, 1) * np.clip(land.mountain * 2 + 0.15, 0, 1)
    bars: Floats = np.clip(reach * (patches + 0.6), 0, 1)
    return bars


def _tracks(blocks: Blocks, land: Landform) -> Floats:
    """Unpaved tracks between blocks of fields."""
    level = (land.slope < 0.25) & (land.mountain < 0.8)
    track: Floats = np.float32(0.55) * coverage(10 * blocks.border_px - np.float32(2)) * level
    return track


def _rock(seed: int, land: Landform) -> Floats:
    """Bare rock: high up, lower down where it is steep."""
    patches = fractal(key_of(seed, "rock"), land.window, (0.8, 1, 0.8, 0.6, 0.5, 0.4))
    high = (land.height_m - 2080) / 260 + 2.2 * (land.slope - 0.62) + 0.28 * patches
    steep = 3.5 * (land.slope - 1.0) + 0.2 * patches
    bare: Floats = np.clip(np.maximum(high, steep), 0, 1)
    return bare
