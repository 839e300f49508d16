"""What the ground shows on one day: shares of pure materials, from which both sensors are made."""

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
from clay_assets.synthetic.spectra import Material

M = Material
Shares = dict[Material, Floats]


def surface_of(seed: int, ground: Ground, day: float) -> Shares:
    """Shares of each pixel under each material; they add up to one."""
    shares: Shares = {}
    parts = (
        _water(ground),
        _built(ground, day),
        _trees(ground, day),
        _farmland(ground, day),
        _heights(ground, day),
    )
    for material, share in chain(*parts):
        shares[material] = shares[material] + share if material in shares else share
    return _under_snow(seed, ground, day, shares)


def _water(ground: Ground) -> Iterator[tuple[Material, Floats]]:
    depth = ground.land.lake_depth_m
    bottom = np.float32(0.35) * np.exp(-depth / np.float32(2.5)) * ground.lake
    cloudy = np.float32(0.12) + np.float32(0.25) * np.exp(-depth / np.float32(12))
    yield M.GRAVEL, bottom + ground.gravel
    yield M.TURBID_WATER, ground.river * np.float32(0.75) + (ground.lake - bottom) * cloudy
    yield M.DEEP_WATER, ground.river * np.float32(0.25) + (ground.lake - bottom) * (1 - cloudy)


def _built(ground: Ground, day: float) -> Iterator[tuple[Material, Floats]]:
    yield M.ROOF_TILES, ground.roof
    yield M.CONCRETE, ground.bright_roof
    yield M.ASPHALT, ground.paved
    leafy, _ = leaves(np.float32(day), ground.land.height_m)
    tree = np.clip(0.45 + 0.3 * ground.grain, 0, 1) * ground.garden
    yield M.BROADLEAF, tree * leafy
    yield M.TWIGS, tree * (1 - leafy)
    yield M.MEADOW, (ground.garden - tree) * np.float32(0.7)
    yield M.DRY_GRASS, (ground.garden - tree) * np.float32(0.3)


def _trees(ground: Ground, day: float) -> Iterator[tuple[Material, Floats]]:
    leafy, turned = leaves(np.float32(day + 7) - 14 * ground.stands, ground.land.height_m)
    yield M.CONIFER, ground.conifer
    yield M.BROADLEAF, ground.broadleaf * leafy * (1 - turned)
    yield M.AUTUMN_LEAVES, ground.broadleaf * leafy * turned
    yield M.TWIGS, ground.broadleaf * (1 - leafy)
    yield M.SHRUB, ground.shrub


def _farmland(ground: Ground, day: float) -> Iterator[tuple[Material, Floats]]:
    materials, table = farmland_table(day)
    limits = np.cumsum([share for share, _ in CROP_YEARS])
    choice = share_of(ground.fields.identity, "crop")
    crop = np.searchsorted(limits, choice.ravel(), side="right").reshape(choice.shape)
    crop = np.where(ground.arable, np.minimum(crop, len(limits) - 1), len(limits))
    bins = table.shape[1]
    when = (share_of(ground.fields.identity, "when") * np.float32(bins)).astype(np.int32)
    code = crop * bins + when
    # Grass grows along the edges of fields.
    edge = np.clip(np.float32(0.9) - ground.fields.margin_px, 0, 1) * np.float32(0.6)
    inside = ground.farmland * (1 - edge)
    for index, material in enumerate(materials):
        column = np.ascontiguousarray(table[:, :, index].ravel())
        if column.any():
            yield material, column.take(code) * inside
    yield M.DRY_GRASS, ground.farmland * edge * np.float32(0.5)
    yield M.MEADOW, ground.farmland * edge * np.float32(0.5)


def _heights(ground: Ground, day: float) -> Iterator[tuple[Material, Floats]]:
    green = alpine_green(day, ground.land.height_m)
    yield M.ALPINE_GRASS, ground.alpine * green
    yield M.DRY_GRASS, ground.alpine * (1 - green)
    lime = np.clip(0.5 + 0.25 * ground.grain + 0.3 * (ground.stands - 0.5), 0, 1)
    yield M.LIMESTONE, ground.rock * lime
    yield M.DARK_ROCK, ground.rock * (1 - lime)


def _under_snow(seed: int, ground: Ground, day: float, shares: Shares) -> Shares:
    land = ground.land
    line = snow_line_m(day)
    if float(land.height_m.max()) < line - 500:
        return shares
    patches = fractal(key_of(seed, "snow"), land.window, (1, 1, 0.8, 0.6, 0.5))
    # North faces keep snow, steep rock sheds it.
    above = land.height_m - line - 260 * land.north_slope * np.float32(-1) + 55 * patches
    snow = np.clip(above / 170 + 0.5, 0, 1) * np.clip(1.9 - 1.1 * land.slope, 0, 1)
    wet = ground.lake + ground.river
    canopy = ground.conifer + np.float32(0.6) * ground.broadleaf
    snow = (snow * (1 - wet) * (1 - np.float32(0.75) * canopy)).astype(np.float32)
    if not snow.any():
        return shares
    covered = {material: share * (1 - snow) for material, share in shares.items()}
    covered[M.SNOW] = snow
    return covered
