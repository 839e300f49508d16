"""Houses, streets and gardens of any rectangle."""

from dataclasses import dataclass

import numpy as np

from clay_assets.synthetic.lines import coverage
from clay_assets.synthetic.noise import Floats, Window, fractal, key_of, white
from clay_assets.synthetic.parcels import blocks_of, share_of
from clay_assets.synthetic.world import World

_BLOCK_PX = 11
_FLAT_ROOFS = 0.16
_FARTHEST = 1.4
"""Houses stand at most so many radii from the middle."""


@dataclass(frozen=True)
class Town:
    """Built-up land; shares are of the pixel."""

    density: Floats
    """0 outside to 1 in the middle of a town."""
    roof: Floats
    """Tiled roofs."""
    bright_roof: Floats
    """Large flat roofs."""
    paved: Floats
    """Streets and yards."""
    garden: Floats
    """Lawns and trees between houses."""


def town_of(world: World, window: Window, bend: tuple[Floats, Floats]) -> Town:
    """Town of a rectangle; all zero where nobody lives."""
    density = _density(world, window)
    if not density.any():
        none = np.zeros(window.shape, np.float32)
        return Town(none, none, none, none, none)
    seed = world.seed
    blocks = blocks_of(key_of(seed, "streets"), window, _BLOCK_PX, (bend[0] / 3, bend[1] / 3))
    kind, luck = share_of(blocks.identity, "kind"), share_of(blocks.identity, "built")
    built = (density > 0.12 + 0.3 * luck).astype(np.float32)
    works = (kind > 0.86) & (density < 0.75)
    park = (kind < 0.06) & (density > 0.3)
    street = coverage(10 * blocks.border_px - np.float32(4.5)) * built
    house = np.clip(0.6 + 0.5 * white(key_of(seed, "house"), window), 0, 1)
    packed = np.clip(0.38 + 0.45 * density, 0, 0.8)
    roof = built * packed * house * ~works * ~park
    flat = white(key_of(seed, "flat roof"), window) > 1 - 2 * _FLAT_ROOFS
    hall = built * works * np.clip(blocks.border_px - np.float32(0.8), 0, 1)
    hall += np.float32(0.7) * roof * flat
    roof *= 1 - np.float32(0.8) * flat
    paved = np.maximum(street, built * np.where(works, 0.35, (0.16 + 0.2 * density) * ~park))
    return Town(
        (density * built).astype(np.float32),
        roof.astype(np.float32),
        (hall * np.float32(0.85)).astype(np.float32),
        paved.astype(np.float32),
        built,
    )


def _density(world: World, window: Window) -> Floats:
    density = np.zeros(window.shape, np.float32)
    towns = world.towns
    reach = _FARTHEST * towns.radius_px
    low, high = towns.centre - reach[:, None], towns.centre + reach[:, None]
    corner, size = np.array([window.x, window.y]), np.array([window.width, window.height])
    near = ((high >= corner) & (low <= corner + size)).all(axis=1)
    if not near.any():
        return density
    ragged = 1 + 0.28 * fractal(key_of(world.seed, "suburb"), window, (1, 0.8, 0.6, 0.4, 0.2))
    np.maximum(ragged, np.float32(1 / _FARTHEST), out=ragged)
    columns = np.arange(window.width, dtype=np.float32) + np.float32(window.x)
    rows = np.arange(window.height, dtype=np.float32) + np.float32(window.y)
    for (x, y), radius in zip(towns.centre[near], towns.radius_px[near], strict=True):
        away = np.sqrt((columns - x)[None, :] ** 2 + (rows - y)[:, None] ** 2) / radius
        peak = np.clip(np.float32(0.35) + radius / np.float32(160), 0, 1)
        np.maximum(density, peak * np.clip(1 - away * ragged, 0, 1), out=density)
    density[density < 0.05] = 0
    return density
