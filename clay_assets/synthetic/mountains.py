"""Where land rises and how rivers wear it down: the tile's heights before ice and gravel."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clay_assets.synthetic.area import TILE_PX
from clay_assets.synthetic.erosion import eroded
from clay_assets.synthetic.noise import (
    Floats,
    Window,
    doubled,
    fractal,
    key_of,
    pyramid_windows,
    white,
)

STEP_PX = 16
"""10 m pixels between the nodes of the relief."""
_STAGES = ((128, 150, 0.0, 1.0), (64, 25, 0.03, 1.0), (32, 8, 0.08, 1.0), (16, 3, 0.15, 0.6))
"""Pixels between nodes, erosion steps, creep and share of a full step; coarse to fine."""
_UPLIFT_M = 50.0
_EROSION = 0.20
_AREA_EXPONENT = 0.42
_BASE_M = 450.0
_HILLS_M = 55.0
_FRONT = 0.55
"""Where the mountains begin, from the tile's northern edge, in tiles."""
_FRONT_WIDTH = 0.016


@dataclass(frozen=True)
class Worn:
    """Heights made by uplift and erosion alone."""

    height_m: Floats
    """(H, W) ground."""
    mountain: Floats
    """(H, W) 0 in the plain to 1 in the mountains."""
    outlets: NDArray[np.bool_]
    """(H, W) nodes where rivers leave: the northern edge."""


def worn_land(seed: int, grid: Window) -> Worn:
    """Mountains in the south and hills in the north, worn from coarse to fine."""
    windows = pyramid_windows(grid, len(_STAGES) - 1)[::-1]
    height: Floats = np.zeros((0, 0), np.float32)
    for index, (step_px, steps, creep, share) in enumerate(_STAGES):
        window = windows[index]
        mountain, southing = _mountain(seed, window, step_px)
        massif = field(seed, "massif", window, step_px, (1, 0.8, 0.5, 0.3, 0.2, 0.1, 0.1), 1024)
        if index == 0:
            height = _BASE_M + (12 + 40 * mountain) * massif + 300 * mountain + 250 * southing
        else:
            height = doubled(height, windows[index - 1], window)
            rough = white(key_of(seed, "rough", step_px), window) * (0.1 + mountain)
            height += rough * np.float32(6 * step_px / STEP_PX)
        if index == 1:
            hills = field(seed, "hills", window, step_px, (0.7, 1, 1, 0.7), 512)
            height += hills * (1 - mountain) * np.float32(_HILLS_M)
        outlets = np.zeros(window.shape, bool)
        outlets[0] = True
        height[0] = _BASE_M
        rise = 0.02 + mountain * np.clip(0.85 + 0.1 * massif + 0.1 * southing, 0.25, None)
        height = eroded(
            height.astype(np.float32),
            (rise * np.float32(share * _UPLIFT_M)).astype(np.float32),
            outlets,
            strength=_strength(seed, window, step_px, mountain) * np.float32(share),
            exponent=_AREA_EXPONENT,
            creep=creep,
            steps=steps,
            key=key_of(seed, "erosion", step_px),
        )
    return Worn(height, mountain, outlets)


def field(
    seed: int, name: str, window: Window, step_px: int, amplitudes: Sequence[float], top_px: int
) -> Floats:
    """Noise whose octaves start at `top_px`, as many of them as a grid of `step_px` can carry."""
    octaves = amplitudes[: (top_px // step_px).bit_length()]
    return fractal(key_of(seed, name), window, octaves, finest=step_px.bit_length() - 1)


def _mountain(seed: int, window: Window, step_px: int) -> tuple[Floats, Floats]:
    """Share of mountain, and distance south of the mountain front in tiles, at least 0."""
    front = field(seed, "front", window, step_px, (1, 0.6, 0.4, 0.25, 0.15, 0.1, 0.05), 2048)
    rows = (np.arange(window.height) + window.y) * step_px / TILE_PX
    beyond = rows[:, None] - _FRONT + 0.05 * front.astype(np.float64)
    # In float64: float32 exponentials differ between processors, and erosion would amplify that.
    mountain = 1 / (1 + np.exp(-beyond / _FRONT_WIDTH))
    return mountain.astype(np.float32), np.maximum(beyond, 0).astype(np.float32)


def _strength(seed: int, window: Window, step_px: int, mountain: Floats) -> Floats:
    """Erosion a step of a unit slope draining one node."""
    hardness = field(seed, "hardness", window, step_px, (1, 1, 0.8, 0.6, 0.5, 0.3), 512)
    # Gravel of the plain: rivers there have their slope, not their bed, to spend.
    softness = np.exp(-0.3 * hardness.astype(np.float64)) * (0.15 + 0.85 * mountain)
    strength: Floats = softness.astype(np.float32)
    return strength * np.float32(_EROSION * (step_px / 64) ** (2 * _AREA_EXPONENT - 1))
