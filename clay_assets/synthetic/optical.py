"""Sentinel-2 Level-2A as the sensor would have delivered it: ten bands and the scene classes."""

import numpy as np
from numpy.typing import NDArray

from clay_assets.bands import SENTINEL2_BANDS
from clay_assets.synthetic.clouds import Weather, weather_of
from clay_assets.synthetic.ground import Ground
from clay_assets.synthetic.noise import Floats, fractal, key_of, white
from clay_assets.synthetic.scenes import Scene
from clay_assets.synthetic.spectra import CLOUD_REFLECTANCE, REFLECTANCE, Material
from clay_assets.synthetic.surface import Shares

MARGIN_PX = 2
"""More ground on each side than the rectangle rendered; keeps 20 m pixels whole."""
FINE_BANDS = ("B02", "B03", "B04", "B08")
_SKY_LIGHT = (0.26, 0.19, 0.14, 0.12, 0.11, 0.10, 0.09, 0.08, 0.04, 0.03)
"""Diffuse light as a share of direct sunlight, by band: blue sky lights blue shadows."""
_NOISE_DN = (9, 9, 10, 11, 12, 13, 16, 14, 13, 12)
_VEGETATION = frozenset(
    {
        Material.CONIFER, Material.BROADLEAF, Material.AUTUMN_LEAVES, Material.SHRUB,
        Material.MEADOW, Material.ALPINE_GRASS, Material.CROP, Material.RAPESEED,
    }
)  # fmt: skip


def render_optical(
    seed: int, ground: Ground, shares: Shares, scene: Scene
) -> dict[str, NDArray[np.generic]]:
    """DN of each band and SCL for `ground` without its margin, bands of 20 m at half the size."""
    weather = weather_of(seed, ground.window, scene)
    light, sky = _light(ground, scene, weather)
    texture = _texture(seed, ground)
    fine = _Pixels(shares, light * texture, sky * texture, weather)
    coarse = fine.halved()
    out: dict[str, NDArray[np.generic]] = {}
    for index, band in enumerate(SENTINEL2_BANDS):
        pixels = fine if band in FINE_BANDS else coarse
        values = _blurred(pixels.reflectance(index, scene))
        margin = MARGIN_PX if band in FINE_BANDS else MARGIN_PX // 2
        values = values[margin:-margin, margin:-margin]
        key = key_of(seed, "noise", scene.day.isoformat(), band)
        window = ground.window if band in FINE_BANDS else ground.window.coarser(2)
        noise = white(key, window.grown(-margin)) * np.float32(1.7 * _NOISE_DN[index])
        values = values * (1 + noise / 4000) + noise + scene.offset_dn
        out[band] = np.clip(np.rint(values), 1, 65535).astype(np.uint16)
    inner = MARGIN_PX // 2
    out["SCL"] = _scene_classes(coarse)[inner:-inner, inner:-inner]
    return out


class _Pixels:
    """Materials, light and weather at one resolution."""

    def __init__(self, shares: Shares, light: Floats, sky: Floats, weather: Weather) -> None:
        self.shares, self.light, self.sky, self.weather = shares, light, sky, weather

    def halved(self) -> "_Pixels":
        weather = self.weather
        return _Pixels(
            {material: _halved(share) for material, share in self.shares.items()},
            _halved(self.light),
            _halved(self.sky),
            Weather(
                _halved(weather.cloud),
                _halved(weather.bright),
                _halved(weather.cirrus),
                _halved(weather.shadow),
            ),
        )

    def reflectance(self, band: int, scene: Scene) -> Floats:
        """Reflectance times 10,000 above the clouds."""
        total = np.zeros_like(self.light)
        for material, share in self.shares.items():
            total += np.float32(REFLECTANCE[material][band]) * share
        diffuse = np.float32(_SKY_LIGHT[band])
        flat = np.float32(scene.sun.direction[2]) + diffuse
        total *= (self.light + diffuse * self.sky) / flat
        cloud = np.float32(CLOUD_REFLECTANCE[band])
        cirrus = self.weather.cirrus * np.float32(0.7 if band < 8 else 0.35)
        total += cirrus * (cloud - total)
        total += self.weather.cloud * (cloud * self.weather.bright - total)
        return total


def _light(ground: Ground, scene: Scene, weather: Weather) -> tuple[Floats, Floats]:
    """Direct sunlight on the slope, and the share of the sky it sees."""
    land = ground.land
    east, north, up = (np.float32(part) for part in scene.sun.direction)
    steep = 1 / np.sqrt(1 + land.east_slope**2 + land.north_slope**2)
    facing = (up - east * land.east_slope - north * land.north_slope) * steep
    direct = np.clip(facing, 0, None) * (1 - weather.shadow)
    return direct.astype(np.float32), ((1 + steep) / 2).astype(np.float32)


def _texture(seed: int, ground: Ground) -> Floats:
    """Brightness of what is rough or uneven, about 1."""
    canopy = ground.conifer + ground.broadleaf + ground.shrub
    grain = ground.grain + 0.8 * white(key_of(seed, "leaf"), ground.window)
    uneven = fractal(key_of(seed, "soil"), ground.window, (0.8, 1, 0.8, 0.5))
    field = (ground.fields.identity & np.uint32(0xFFFF)).astype(np.float32) / 65536 - 0.5
    stand = ground.stands - np.float32(0.5)
    texture = 1 + canopy * (0.10 * grain + 0.25 * stand)
    texture += ground.farmland * (0.035 * uneven + 0.22 * field + 0.012 * grain)
    texture += (ground.rock + ground.gravel) * (0.10 * grain + 0.05 * uneven)
    texture += (ground.roof + ground.paved + ground.garden) * 0.10 * grain
    texture += (ground.alpine) * (0.05 * uneven + 0.05 * grain)
    return np.clip(texture, 0.4, 1.8).astype(np.float32)


def _blurred(values: Floats) -> Floats:
    """The sensor's point spread: each pixel keeps about half of its own light."""
    keep, give = np.float32(0.72), np.float32(0.14)
    out = values * keep
    out[1:] += give * values[:-1]
    out[:-1] += give * values[1:]
    across = out * keep
    across[:, 1:] += give * out[:, :-1]
    across[:, :-1] += give * out[:, 1:]
    return across


def _halved(values: Floats) -> Floats:
    rows = values[0::2] + values[1::2]
    halved: Floats = (rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25)
    return halved


def _scene_classes(pixels: _Pixels) -> NDArray[np.uint8]:
    """Scene classes as Sen2Cor would tell them."""
    shares, weather = pixels.shares, pixels.weather
    none = np.zeros_like(pixels.light)
    water = shares.get(Material.DEEP_WATER, none) + shares.get(Material.TURBID_WATER, none)
    green = sum((shares[m] for m in shares if m in _VEGETATION), none)
    classes = np.full(none.shape, 5, np.uint8)
    classes[green > 0.45] = 4
    classes[(pixels.light < 0.12) & (weather.shadow < 0.3)] = 2
    classes[water > 0.5] = 6
    classes[shares.get(Material.SNOW, none) > 0.5] = 11
    classes[weather.shadow > 0.45] = 3
    classes[weather.cirrus > 0.06] = 10
    classes[weather.cloud > 0.22] = 8
    classes[weather.cloud > 0.65] = 9
    return classes
