"""Terrain and water of any rectangle of the tile at 10 m, from the relief and finer noise."""

from dataclasses import dataclass

import numpy as np

from clay_assets.synthetic.lines import Nearness, coverage, nearness
from clay_assets.synthetic.noise import (
    Floats,
    Window,
    doubled,
    key_of,
    pyramid_windows,
    refined,
    white,
)
from clay_assets.synthetic.relief import STEP_PX
from clay_assets.synthetic.world import World

_DOUBLINGS = STEP_PX.bit_length() - 1
_RIVER_REACH_PX = 14
_ROUGHNESS_M = {8: 13.0, 4: 5.5, 2: 2.2, 1: 0.7}
"""Height of terrain detail between nodes so many pixels apart, on steep slopes."""


@dataclass(frozen=True)
class Landform:
    """Shape and water of one rectangle."""

    window: Window
    """10 m pixels of the tile."""
    height_m: Floats
    """Ground, or the surface of water."""
    east_slope: Floats
    """Rise to the east, metres a metre."""
    north_slope: Floats
    """Rise to the north."""
    mountain: Floats
    """0 in the plain to 1 in the mountains."""
    lake: Floats
    """Share of the pixel under standing water."""
    lake_depth_m: Floats
    """Depth of that water, 0 elsewhere."""
    river: Floats
    """Share of the pixel under running water."""
    bank_m: Floats
    """Distance from the edge of the nearest river, negative in it."""

    @property
    def slope(self) -> Floats:
        """Steepest rise, metres a metre."""
        steepest: Floats = np.sqrt(self.east_slope**2 + self.north_slope**2)
        return steepest


def landform_of(world: World, window: Window) -> Landform:
    """Landform of a rectangle."""
    wide = window.grown(1)
    bed, mountain = _terrain(world, wide)
    level = _nodes(world, world.lake_level_m, wide)
    river = nearness(world.rivers, wide, _RIVER_REACH_PX)
    bed = _with_channel(bed, river, level)
    depth = np.maximum(level - bed, 0)
    lake = np.clip(np.float32(0.5) + (level - bed) / np.float32(0.8), 0, 1)
    surface = np.where(depth > 0, level, bed).astype(np.float32)
    inner = np.s_[1:-1, 1:-1]
    return Landform(
        window,
        surface[inner],
        (surface[1:-1, 2:] - surface[1:-1, :-2]) / np.float32(20),
        (surface[:-2, 1:-1] - surface[2:, 1:-1]) / np.float32(20),
        mountain[inner],
        lake[inner].astype(np.float32),
        depth[inner].astype(np.float32),
        (coverage(river.outside_m) * (1 - lake))[inner].astype(np.float32),
        river.outside_m[inner],
    )


def _terrain(world: World, window: Window) -> tuple[Floats, Floats]:
    """Lake floors and ground, and the mountain share."""
    relief = world.relief
    windows = pyramid_windows(window, _DOUBLINGS)
    coarse = windows[-1].moved(-relief.grid.x, -relief.grid.y)
    nodes = np.s_[coarse.y : coarse.y + coarse.height, coarse.x : coarse.x + coarse.width]
    height, mountain = relief.bed_m[nodes], relief.mountain[nodes]
    slope_y, slope_x = np.gradient(height, np.float32(10 * STEP_PX))
    steep = np.clip(np.sqrt(slope_x**2 + slope_y**2) * np.float32(2.2), 0.012, 1)
    for level in range(_DOUBLINGS - 1, -1, -1):
        height = doubled(height, windows[level + 1], windows[level])
        steep = doubled(steep, windows[level + 1], windows[level])
        rough = white(key_of(world.seed, "terrain", level), windows[level])
        height += np.float32(_ROUGHNESS_M[2**level] / 0.577) * rough * steep
    return height, refined(mountain, windows)


def _nodes(world: World, values: Floats, window: Window) -> Floats:
    """Values of the nearest nodes of the relief."""
    grid = world.relief.grid
    columns = (np.arange(window.width) + window.x + STEP_PX // 2) // STEP_PX - grid.x
    rows = (np.arange(window.height) + window.y + STEP_PX // 2) // STEP_PX - grid.y
    return values[np.ix_(rows, columns)]


def _with_channel(bed: Floats, river: Nearness, lake_level: Floats) -> Floats:
    """Ground cut down to rivers, which noise would else leave on a slope."""
    reach = np.float32(10 * _RIVER_REACH_PX)
    beside = np.clip(river.outside_m, 0, reach)
    bank = river.level_m + np.float32(0.8) * (beside > 0) + np.float32(0.12) * beside
    # The bank's hold on the ground fades towards the end of its reach.
    hold = np.clip(1 - beside / reach, 0, 1) ** np.float32(0.7)
    lowered = bed + (bank - bed) * hold
    near = (river.outside_m < reach) & (np.isneginf(lake_level) | (river.outside_m < 0))
    return np.where(near, np.minimum(bed, lowered), bed).astype(np.float32)
