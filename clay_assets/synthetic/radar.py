"""Sentinel-1 radiometrically terrain-corrected gamma0 with speckle."""

import numpy as np

from clay_assets.synthetic.ground import Ground
from clay_assets.synthetic.noise import Floats, key_of, white
from clay_assets.synthetic.spectra import GAMMA0_DB, Material

_MATERIAL_OF = {
    10: Material.CONIFER,
    30: Material.MEADOW,
    40: Material.CROP,
    60: Material.LIMESTONE,
    80: Material.DEEP_WATER,
}


def render_radar(seed: int, ground: Ground, day: str) -> dict[str, Floats]:
    """Linear gamma0 of vh and vv."""
    out = {}
    for index, band in enumerate(("vh", "vv")):
        table = np.zeros(256, np.float32)
        for code, material in _MATERIAL_OF.items():
            table[code] = 10 ** (GAMMA0_DB[material][index] / 10)
        looks = [
            -np.log((white(key_of(seed, "speckle", day, band, look), ground.window) + 1) / 2 + 1e-7)
            for look in range(4)
        ]
        out[band] = (table[ground.land_cover] * np.mean(looks, axis=0)).astype(np.float32)
    return out
