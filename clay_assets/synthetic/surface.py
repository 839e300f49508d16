"""What the ground shows on one day: shares of pure materials, from which both sensors are made."""

import math
from collections.abc import Iterator
from itertools import chain

import numpy as np

from clay_assets.synthetic.ground import Ground
from clay_assets.synthetic.noise import Floats, fractal, key_of
from clay_assets.synthetic.parcels import share_of
from clay_assets.synthetic.phenology import (
    CROP_YEARS,
    alpine_green,
    farmland_table,
    leaves,
    snow_line_m,
)
from clay_assets.synthetic.scenes import Scene
from clay_assets.synthetic.spectra import Material

Shares = dict[Material, Floats]
Part = Iterator[tuple[Material, Floats]]

_SNOW_PATCHES = (1, 1, 0.8, 0.6, 0.5)
_PATCH_M = 55.0
_ASPECT_M = 260.0
_LOWEST_SNOW_M = _PATCH_M * 4 * sum(_SNOW_PATCHES) + 100
"""No snow lies so far below the snow line, on level ground."""


def surface_of(seed: int, ground: Ground, scene: Scene) -> Shares:
    """Shares of each pixel under each material; they add up to one."""
    day = scene.season
    parts = (_water(ground), _built(ground, day), _trees(ground, day), _fields(ground, day))
    shares: Shares = {}
    for material, share in chain(*parts, _heights(ground, day)):
        shares[material] = shares[material] + share if material in shares else share
    snow = _snow(seed, ground, scene)
    if not snow.any():
        return shares
    return {material: share * (1 - snow) for material, share in shares.items()} | {
        Material.SNOW: snow
    }


def _water(ground: Ground) -> Part:
    covers, depth = ground.covers, ground.land.lake_depth_m
    bottom = np.float32(0.14) * np.exp(depth / np.float32(-1.2)) * covers.lake
    water = covers.lake - bottom
    cloudy = np.float32(0.12) + np.float32(0.25) * np.exp(depth / np.float32(-12))
    yield Material.GRAVEL, bottom + covers.gravel
    yield Material.TURBID_WATER, np.float32(0.75) * covers.river + water * cloudy
    yield Material.DEEP_WATER, np.float32(0.25) * covers.river + water * (1 - cloudy)


def _built(ground: Ground, day: float) -> Part:
    covers = ground.covers
    yield Material.ROOF_TILES, covers.roof
    yield Material.CONCRETE, covers.bright_roof
    yield Material.ASPHALT, covers.paved
    leafy, _ = leaves(np.float32(day), ground.land.height_m)
    trees = np.clip(0.45 + 0.3 * ground.grain, 0, 1) * covers.garden
    lawn = covers.garden - trees
    yield Material.BROADLEAF, trees * leafy
    yield Material.TWIGS, trees * (1 - leafy)
    yield Material.MEADOW, lawn * np.float32(0.7)
    yield Material.DRY_GRASS, lawn * np.float32(0.3)


def _trees(ground: Ground, day: float) -> Part:
    covers = ground.covers
    # Stands differ by a week to either side.
    leafy, turned = leaves(np.float32(day + 7) - 14 * ground.stands, ground.land.height_m)
    in_leaf = covers.broadleaf * leafy
    yield Material.CONIFER, covers.conifer
    yield Material.BROADLEAF, in_leaf * (1 - turned)
    yield Material.AUTUMN_LEAVES, in_leaf * turned
    yield Material.TWIGS, covers.broadleaf - in_leaf
    yield Material.SHRUB, covers.shrub


def _fields(ground: Ground, day: float) -> Part:
    materials, table = farmland_table(day)
    meadow, bins = len(CROP_YEARS), table.shape[1]
    limits = np.cumsum([share for share, _ in CROP_YEARS])[:-1].astype(np.float32)
    crop = np.searchsorted(limits, share_of(ground.fields.identity, "crop"), side="right")
    when = (share_of(ground.fields.identity, "when") * np.float32(bins)).astype(np.int64)
    code = np.where(ground.arable, crop, meadow) * bins + when
    # Grass grows along the edges of fields.
    edge = np.clip(np.float32(0.9) - ground.fields.margin_px, 0, 1) * np.float32(0.6)
    strips = ground.covers.farmland * edge
    inside = ground.covers.farmland - strips
    for index, material in enumerate(materials):
        column = table[:, :, index].ravel()
        if column.any():
            yield material, column.take(code) * inside
    yield Material.DRY_GRASS, strips * np.float32(0.5)
    yield Material.MEADOW, strips * np.float32(0.5)


def _heights(ground: Ground, day: float) -> Part:
    covers = ground.covers
    green = alpine_green(day, ground.land.height_m)
    yield Material.ALPINE_GRASS, covers.alpine * green
    yield Material.DRY_GRASS, covers.alpine * (1 - green)
    lime = 0.55 + 0.06 * ground.grain + 0.25 * ground.uneven - 0.3 * ground.land.slope
    lime = np.clip(lime, 0, 1)
    yield Material.LIMESTONE, covers.rock * lime
    yield Material.DARK_ROCK, covers.rock * (1 - lime)


def _snow(seed: int, ground: Ground, scene: Scene) -> Floats:
    """Share of each pixel under snow."""
    land, covers = ground.land, ground.covers
    # Faces away from the sun keep snow, steep rock sheds it, water and trees hide it.
    sunny = np.float32(-math.copysign(_ASPECT_M, scene.sun.direction[1]))
    above = land.height_m - sunny * land.north_slope - np.float32(snow_line_m(scene.season))
    if float(above.max()) < -_LOWEST_SNOW_M:
        return np.zeros(land.window.shape, np.float32)
    above += np.float32(_PATCH_M) * fractal(key_of(seed, "snow"), land.window, _SNOW_PATCHES)
    snow = np.clip(above / 170 + 0.5, 0, 1) * np.clip(1.9 - 1.1 * land.slope, 0, 1)
    snow *= 1 - covers.lake - covers.river
    snow *= 1 - 0.75 * (covers.conifer + 0.6 * covers.broadleaf)
    share: Floats = snow.astype(np.float32)
    return share
