"""Sentinel-2 Level-2A as the sensor would have delivered it: ten bands and the scene classes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clay_assets.bands import SENTINEL2_BANDS
from clay_assets.synthetic.clouds import Weather, weather_of
from clay_assets.synthetic.ground import Ground
from clay_assets.synthetic.light import View, light_of
from clay_assets.synthetic.noise import Floats, halved, key_of, white
from clay_assets.synthetic.spectra import CLOUD_REFLECTANCE, REFLECTANCE, VEGETATION, Material
from clay_assets.synthetic.surface import Shares

MARGIN_PX = 2
"""More ground on each side than the rectangle rendered; keeps 20 m pixels whole."""
FINE_BANDS = ("B02", "B03", "B04", "B08")
_SKY_LIGHT = (0.26, 0.19, 0.14, 0.12, 0.11, 0.10, 0.09, 0.08, 0.04, 0.03)
"""Diffuse light as a share of direct sunlight, by band: blue sky lights blue shadows."""
_CIRRUS = (0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.35, 0.35)
_NOISE_DN = (9, 9, 10, 11, 12, 13, 16, 14, 13, 12)
"""Standard deviation of sensor noise on dark ground, by band."""


def render_optical(view: View, ground: Ground, shares: Shares) -> dict[str, NDArray[Any]]:
    """DN of each band and SCL for `ground` without its margin, bands of 20 m at half the size."""
    weather = weather_of(view.world.seed, ground.window, view.scene)
    light = light_of(view, ground.land)
    texture = _texture(view.world.seed, ground)
    direct = light.direct * (1 - weather.shadow) * texture
    up = view.scene.sun.direction[2]
    fine = _Pixels(shares, direct, light.sky * texture, weather, np.float32(up))
    coarse = fine.halved()
    out: dict[str, NDArray[Any]] = {}
    for index, band in enumerate(SENTINEL2_BANDS):
        factor = 1 if band in FINE_BANDS else 2
        values = blurred((fine if factor == 1 else coarse).reflectance(index))
        values = without_margin(values, MARGIN_PX // factor)
        window = ground.window.grown(-MARGIN_PX).coarser(factor)
        noise = white(key_of(view.world.seed, "noise", str(view.scene.day), band), window)
        noise *= np.float32(1.7 * _NOISE_DN[index])
        values = values + noise * (1 + values / 4000) + np.float32(view.scene.offset_dn)
        out[band] = np.clip(np.rint(values), 1, 65535).astype(np.uint16)
    out["SCL"] = without_margin(_scene_classes(coarse), MARGIN_PX // 2)
    return out


def without_margin(values: NDArray[Any], margin: int = MARGIN_PX) -> NDArray[Any]:
    """Values of the rectangle rendered, from those of its ground."""
    return values[margin:-margin, margin:-margin]


@dataclass(frozen=True)
class _Pixels:
    """Materials, light and weather at one resolution."""

    shares: Shares
    """Of each material."""
    direct: Floats
    """Sunlight that arrives, times texture."""
    sky: Floats
    """Share of the sky that is seen, times texture."""
    weather: Weather
    """Clouds."""
    level: np.float32
    """Sunlight on level ground."""

    def halved(self) -> "_Pixels":
        """The same at half the resolution."""
        shares = {material: halved(share) for material, share in self.shares.items()}
        light = (halved(self.direct), halved(self.sky))
        return _Pixels(shares, *light, self.weather.halved(), self.level)

    def reflectance(self, band: int) -> Floats:
        """Reflectance times 10,000 above the clouds."""
        total = np.zeros(self.direct.shape, np.float32)
        for material, share in self.shares.items():
            total += np.float32(REFLECTANCE[material][band]) * share
        diffuse = np.float32(_SKY_LIGHT[band])
        total *= (self.direct + diffuse * self.sky) / (self.level + diffuse)
        cloud = np.float32(CLOUD_REFLECTANCE[band])
        total += np.float32(_CIRRUS[band]) * self.weather.cirrus * (cloud - total)
        total += self.weather.cloud * (cloud * self.weather.bright - total)
        return total


def _texture(seed: int, ground: Ground) -> Floats:
    """Brightness of what is rough or uneven, about 1."""
    covers, uneven = ground.covers, ground.uneven
    grain = ground.grain + 0.8 * white(key_of(seed, "leaf"), ground.window)
    field = (ground.fields.identity & np.uint32(0xFFFF)).astype(np.float32) / 65536 - 0.5
    canopy = covers.conifer + covers.broadleaf + covers.shrub
    texture = 1 + canopy * (0.10 * grain + 0.25 * (ground.stands - 0.5))
    texture += covers.farmland * (0.05 * uneven + 0.22 * field + 0.012 * grain)
    texture += (covers.rock + covers.gravel) * (0.05 * grain + 0.10 * uneven)
    texture += (covers.roof + covers.paved + covers.garden) * 0.2 * grain
    texture += covers.alpine * (0.05 * uneven + 0.05 * grain)
    return np.clip(texture, 0.4, 1.8)


def blurred(values: Floats) -> Floats:
    """The sensor's point spread: each pixel keeps about half of its own light."""
    keep, give = np.float32(0.72), np.float32(0.14)
    rows = values * keep
    rows[1:] += give * values[:-1]
    rows[:-1] += give * values[1:]
    blurred = rows * keep
    blurred[:, 1:] += give * rows[:, :-1]
    blurred[:, :-1] += give * rows[:, 1:]
    return blurred


def _scene_classes(pixels: _Pixels) -> NDArray[np.uint8]:
    """Scene classes as Sen2Cor would tell them; later ones win."""
    shares, weather = pixels.shares, pixels.weather
    none = np.zeros(pixels.direct.shape, np.float32)
    water = shares.get(Material.DEEP_WATER, none) + shares.get(Material.TURBID_WATER, none)
    green = sum((share for material, share in shares.items() if material in VEGETATION), none)
    classes = np.full(none.shape, 5, np.uint8)
    classes[green > 0.45] = 4
    classes[(pixels.direct < 0.12) & (weather.shadow < 0.3)] = 2
    classes[water > 0.5] = 6
    classes[shares.get(Material.SNOW, none) > 0.5] = 11
    classes[weather.shadow > 0.45] = 3
    classes[weather.cirrus > 0.06] = 10
    classes[weather.cloud > 0.22] = 8
    classes[weather.cloud > 0.65] = 9
    return classes
