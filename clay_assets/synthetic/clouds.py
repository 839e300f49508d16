"""Clouds over the landscape and the shadows they throw."""

import math
from dataclasses import dataclass

import numpy as np

from clay_assets.synthetic.noise import Floats, Window, fractal, key_of
from clay_assets.synthetic.scenes import Scene

_HEAP = (1, 0.9, 0.75, 0.5, 0.36, 0.24, 0.16, 0.09, 0.05)
_VEIL = (1, 0.7, 0.45, 0.25, 0.12, 0.06, 0, 0, 0, 0)
_BASE_ABOVE_GROUND_M = 1500.0


@dataclass(frozen=True)
class Weather:
    """The sky over one rectangle."""

    cloud: Floats
    """Share of the light that comes from the cloud, 0 to 1."""
    bright: Floats
    """Brightness of the cloud, about 1."""
    cirrus: Floats
    """Share of the light that comes from a thin high veil, 0 to 0.25."""
    shadow: Floats
    """Share of direct sunlight taken away, 0 to 1."""


def weather_of(seed: int, window: Window, scene: Scene) -> Weather:
    """Weather of a rectangle; the shadow lies where the cloud up-sun would be."""
    key = key_of(seed, "weather", scene.day.isoformat())
    clear = np.zeros(window.shape, np.float32)
    if scene.cloud_cover_pct == 0:
        return Weather(clear, clear, clear, clear)
    reach = _BASE_ABOVE_GROUND_M / math.tan(math.radians(scene.sun.elevation_deg)) / 10
    azimuth = math.radians(scene.sun.azimuth_deg)
    up_sun = window.moved(round(reach * math.sin(azimuth)), -round(reach * math.cos(azimuth)))
    thick = _thickness(key, window, scene)
    toward_sun = _thickness(
        key, window.moved(up_sun_step(azimuth)[0], up_sun_step(azimuth)[1]), scene
    )
    veil = fractal(key_of(key, "veil"), window, _VEIL)
    return Weather(
        1 - np.exp(-thick),
        np.clip(1 - np.float32(0.16) * (toward_sun - thick) / (1 + thick), 0.62, 1.12).astype(
            np.float32
        ),
        np.clip(np.float32(0.09) * (veil - np.float32(2.2)), 0, 0.22).astype(np.float32),
        np.float32(0.93) * (1 - np.exp(np.float32(-1.3) * _thickness(key, up_sun, scene))),
    )


def up_sun_step(azimuth: float) -> tuple[int, int]:
    """A few pixels towards the sun."""
    return round(6 * math.sin(azimuth)), -round(6 * math.cos(azimuth))


def _thickness(key: int, window: Window, scene: Scene) -> Floats:
    """Optical thickness of heaped clouds."""
    field = fractal(key, window, _HEAP)
    spread = math.sqrt(sum(a * a for a in _HEAP))
    level = spread * _normal_quantile(1 - scene.cloud_cover_pct / 100)
    thick: Floats = np.clip(field - np.float32(level), 0, None) * np.float32(4.5)
    return thick


def _normal_quantile(share: float) -> float:
    """Value below which a standard normal lies with a probability.

    Source:
        Tocher's logistic approximation.
    """
    share = min(max(share, 1e-3), 1 - 1e-3)
    return math.log(share / (1 - share)) / 1.702
