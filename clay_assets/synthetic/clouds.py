"""Clouds over the landscape and the shadows they throw."""

import math
from dataclasses import dataclass

import numpy as np

from clay_assets.synthetic.noise import Floats, Window, fractal, halved, key_of
from clay_assets.synthetic.scenes import Scene

_HEAP = (1, 0.9, 0.75, 0.5, 0.36, 0.24, 0.16, 0.09, 0.05)
_VEIL = (1, 0.7, 0.45, 0.25, 0.12, 0.06, 0, 0, 0, 0)
_BASE_ABOVE_GROUND_M = 1500.0
_SELF_SHADE_PX = 6


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

    def halved(self) -> "Weather":
        """The same at half the resolution."""
        return Weather(*map(halved, (self.cloud, self.bright, self.cirrus, self.shadow)))


def weather_of(seed: int, window: Window, scene: Scene) -> Weather:
    """Weather of a rectangle; the shadow lies where the cloud up-sun would be."""
    if scene.cloud_cover_pct == 0:
        clear = np.zeros(window.shape, np.float32)
        return Weather(clear, clear, clear, clear)
    key = key_of(seed, "weather", scene.day.isoformat())
    elevation = math.radians(scene.sun.elevation_deg)
    shadow_px = _BASE_ABOVE_GROUND_M / 10 / math.tan(elevation)
    here = _thickness(key, window, scene)
    sunward = _thickness(key, _up_sun(window, scene, _SELF_SHADE_PX), scene)
    overhead = _thickness(key, _up_sun(window, scene, shadow_px), scene)
    veil = fractal(key_of(key, "veil"), window, _VEIL)
    bright = 1 - np.float32(0.16) * (sunward - here) / (1 + here)
    return Weather(
        1 - np.exp(-here),
        np.clip(bright, 0.62, 1.12),
        np.clip(np.float32(0.09) * (veil - np.float32(2.2)), 0, 0.22),
        np.float32(0.93) * (1 - np.exp(np.float32(-1.3) * overhead)),
    )


def _up_sun(window: Window, scene: Scene, distance_px: float) -> Window:
    """The window moved towards the sun."""
    azimuth = math.radians(scene.sun.azimuth_deg)
    return window.moved(
        round(distance_px * math.sin(azimuth)), -round(distance_px * math.cos(azimuth))
    )


def _thickness(key: int, window: Window, scene: Scene) -> Floats:
    """Optical thickness of heaped clouds."""
    field = fractal(key, window, _HEAP)
    spread = math.sqrt(sum(a * a for a in _HEAP))
    level = spread * _normal_quantile(1 - scene.cloud_cover_pct / 100)
    thickness: Floats = np.maximum(field - np.float32(level), 0) * np.float32(3.2)
    return thickness


def _normal_quantile(share: float) -> float:
    """Value below which a standard normal lies with a probability, good to a few hundredths.

    Source:
        Tocher's logistic approximation.
    """
    share = min(max(share, 1e-3), 1 - 1e-3)
    return math.log(share / (1 - share)) / 1.702
