"""Sentinel-1 radiometrically terrain-corrected gamma0 with speckle."""

import math

import numpy as np

from clay_assets.bands import SENTINEL1_BANDS
from clay_assets.synthetic.ground import Ground
from clay_assets.synthetic.noise import Floats, Window, fractal, key_of, white_bits
from clay_assets.synthetic.optical import MARGIN_PX, without_margin
from clay_assets.synthetic.spectra import GAMMA0_DB, Material
from clay_assets.synthetic.surface import Shares

_WATER = (Material.DEEP_WATER, Material.TURBID_WATER)
_BARE = (Material.DARK_SOIL, Material.BRIGHT_SOIL, Material.STRAW)
_WALLED = (Material.ROOF_TILES, Material.CONCRETE)


def render_radar(seed: int, ground: Ground, shares: Shares, day: str) -> dict[str, Floats]:
    """Linear gamma0 of vh and vv for `ground` without its margin."""
    gains = _gains(seed, ground, day)
    window = ground.window.grown(-MARGIN_PX)
    out = {}
    for index, band in enumerate(SENTINEL1_BANDS):
        total = np.zeros(ground.window.shape, np.float32)
        for material, share in shares.items():
            total += _power(GAMMA0_DB[material][index]) * share * gains[material]
        speckle = _speckle(key_of(seed, "speckle", day, band), window)
        out[band] = (without_margin(total) * speckle).astype(np.float32)
    return out


def _gains(seed: int, ground: Ground, day: str) -> dict[Material, Floats]:
    """What wind, moisture, tillage, walls and slopes make of each material's level."""
    window = ground.window
    wind_db = np.float32(6 * (key_of(seed, "wind", day) / 2**32 - 0.35))
    ripples_db = 0.9 * fractal(key_of(seed, "ripples", day), window, (1, 0.7, 0.4, 0, 0, 0))
    damp_db = 1.6 * fractal(key_of(seed, "damp", day), window, (1, 0.6, 0.3, 0, 0, 0, 0))
    tilled = (ground.fields.identity >> np.uint32(16)).astype(np.float32) / 65536 - 0.5
    # Terrain correction leaves about a decibel on slopes that face the sensor in the west.
    rest = _power(0.8 * ground.grain + 2.0 * ground.land.east_slope)
    gains = dict.fromkeys(Material, rest)
    gains |= dict.fromkeys(_WATER, _power(wind_db + ripples_db))
    gains |= dict.fromkeys(_BARE, _power(damp_db + 3.0 * tilled))
    gains |= dict.fromkeys(_WALLED, 1 + 2.5 * np.maximum(ground.grain, 0) ** 2)
    return gains


def _power(decibel: Floats | float) -> Floats:
    power: Floats = np.exp(np.float32(math.log(10) / 10) * decibel, dtype=np.float32)
    return power


def _speckle(key: int, window: Window) -> Floats:
    """Multiplicative noise of mean 1 and about 4.4 looks, alike in neighbouring pixels."""
    bits = white_bits(key, window.grown(1)) >> np.uint32(8)
    looks = -np.log((bits.astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-24))
    keep, give = np.float32(0.64), np.float32(0.18)
    rows = keep * looks[1:-1] + give * (looks[:-2] + looks[2:])
    speckle: Floats = keep * rows[:, 1:-1] + give * (rows[:, :-2] + rows[:, 2:])
    return speckle
