"""Sentinel-1 radiometrically terrain-corrected gamma0 with speckle."""

import numpy as np

from clay_assets.synthetic.ground import Ground
from clay_assets.synthetic.noise import Floats, Window, fractal, key_of, white_bits
from clay_assets.synthetic.optical import MARGIN_PX
from clay_assets.synthetic.spectra import GAMMA0_DB, Material
from clay_assets.synthetic.surface import Shares

_WATER = (Material.DEEP_WATER, Material.TURBID_WATER)
_BARE = (Material.DARK_SOIL, Material.BRIGHT_SOIL, Material.STRAW)


def render_radar(seed: int, ground: Ground, shares: Shares, day: str) -> dict[str, Floats]:
    """Linear gamma0 of vh and vv for `ground` without its margin."""
    window = ground.window
    wind_db = 6 * np.float32(key_of(seed, "wind", day) / 2**32 - 0.35)
    ripples = fractal(key_of(seed, "ripples", day), window, (1, 0.7, 0.4, 0, 0, 0))
    damp_db = 1.6 * fractal(key_of(seed, "damp", day), window, (1, 0.6, 0.3, 0, 0, 0, 0))
    field = (ground.fields.identity >> np.uint32(16)).astype(np.float32) / 65536 - 0.5
    gain = {m: _power(wind_db + 0.9 * ripples) for m in _WATER}
    gain |= {m: _power(damp_db + 3.0 * field) for m in _BARE}
    corner = 1 + 2.5 * np.clip(ground.grain, 0, None) ** 2  # walls that face the radar
    gain |= {m: corner for m in (Material.ROOF_TILES, Material.CONCRETE)}
    rest = _power(0.8 * ground.grain + 2.0 * ground.land.east_slope)
    out = {}
    for index, band in enumerate(("vh", "vv")):
        total = np.zeros(window.shape, np.float32)
        for material, share in shares.items():
            level = np.float32(10 ** (GAMMA0_DB[material][index] / 10))
            total += level * share * gain.get(material, rest)
        speckled = total[1:-1, 1:-1] * _speckle(
            key_of(seed, "speckle", day, band), window.grown(-1)
        )
        inner = MARGIN_PX - 1
        out[band] = np.ascontiguousarray(speckled[inner:-inner, inner:-inner], dtype=np.float32)
    return out


def _power(decibel: Floats) -> Floats:
    power: Floats = np.exp(decibel * np.float32(np.log(10) / 10))
    return power


def _speckle(key: int, window: Window) -> Floats:
    """Multiplicative noise of mean 1 and about 4.4 looks, alike in neighbouring pixels."""
    bits = white_bits(key, window.grown(1)) >> np.uint32(8)
    looks = -np.log((bits.astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-24))
    keep, give = np.float32(0.64), np.float32(0.18)
    rows = keep * looks[1:-1] + give * (looks[:-2] + looks[2:])
    speckle: Floats = keep * rows[:, 1:-1] + give * (rows[:, :-2] + rows[:, 2:])
    return speckle
