"""Sentinel-2 Level-2A as the sensor would have delivered it: ten bands and the scene classes."""

import numpy as np
from numpy.typing import NDArray

from clay_assets.bands import SENTINEL2_BANDS
from clay_assets.synthetic.ground import Ground
from clay_assets.synthetic.noise import Floats, Window, fractal, key_of, white
from clay_assets.synthetic.scenes import Scene
from clay_assets.synthetic.spectra import CLOUD_REFLECTANCE, REFLECTANCE, Material

FINE_BANDS = ("B02", "B03", "B04", "B08")

_MATERIAL_OF = {
    10: Material.CONIFER,
    30: Material.MEADOW,
    40: Material.CROP,
    60: Material.LIMESTONE,
    80: Material.DEEP_WATER,
}


def render_optical(seed: int, ground: Ground, scene: Scene) -> dict[str, NDArray[np.generic]]:
    """DN of each band and SCL, bands of 20 m at half the size."""
    window = ground.window
    cloud = _cloud(seed, window, scene)
    out: dict[str, NDArray[np.generic]] = {}
    for index, band in enumerate(SENTINEL2_BANDS):
        table = np.zeros(256, np.float32)
        for code, material in _MATERIAL_OF.items():
            table[code] = REFLECTANCE[material][index]
        values = table[ground.land_cover] * (0.9 + 0.2 * ground.parcel)
        values += 20 * white(key_of(seed, "noise", str(scene.day), band), window)
        values = values * (1 - cloud) + CLOUD_REFLECTANCE[index] * cloud + scene.offset_dn
        values = np.clip(np.rint(values), 1, 65535).astype(np.uint16)
        out[band] = values if band in FINE_BANDS else _halved(values)
    scl = np.where(ground.land_cover == 80, 6, 4).astype(np.uint8)
    scl[cloud > 0.5] = 9
    out["SCL"] = scl[::2, ::2]
    return out


def _halved(values: NDArray[np.uint16]) -> NDArray[np.uint16]:
    height, width = values.shape
    blocks = values.reshape(height // 2, 2, width // 2, 2).astype(np.float32)
    return np.rint(blocks.mean(axis=(1, 3))).astype(np.uint16)


def _cloud(seed: int, window: Window, scene: Scene) -> Floats:
    if scene.cloud_cover_pct == 0:
        return np.zeros(window.shape, np.float32)
    field = fractal(
        key_of(seed, "cloud", str(scene.day)), window, [1, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05]
    )
    level = np.float32(1.6 - scene.cloud_cover_pct / 25)
    return np.clip((field - level) / np.float32(0.3), 0, 1).astype(np.float32)
