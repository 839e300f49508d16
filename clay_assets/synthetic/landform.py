"""Terrain and water of any rectangle of the tile at 10 m, from the relief and finer noise."""

from dataclasses import dataclass

import numpy as np

from clay_assets.synthetic.gullies import furrows
from clay_assets.synthetic.lines import Nearness, coverage, nearness
from clay_assets.synthetic.mountains import STEP_PX
from clay_assets.synthetic.noise import (
    Floats,
    Window,
    doubled,
    key_of,
    pyramid_windows,
    refined,
    white,
)
from clay_assets.synthetic.world import World

_DOUBLINGS = STEP_PX.bit_length() - 1
_RIVER_REACH_PX = 10
_ROUGHNESS_M = {8: 14.0, 4: 6.0, 2: 2.5, 1: 1.0}
"""Height of terrain detail between nodes so many pixels apart, on steep slopes."""


_FURROWS = {3: (6, 60.0), 2: (7, 30.0), 1: (7, 12.0)}
"""Steps between gullies and their depth in metres, by level of the pyramid: 2 is 40 m a step."""


_EDGE_PX = 16
"""Slopes are not known at the edge of the pyramid's windows; so far in, nothing depends on them."""


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
    level = _nearest(world, world.lake_level_m, wide)
    river = nearness(world.rivers, wide, _RIVER_REACH_PX)
    bed = _with_channel(bed, river, level)
    depth = np.maximum(level - bed, 0)
    lake = np.clip(np.float32(0.5) + (level - bed) / np.float32(0.5), 0, 1)
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


def relief_on(world: World, values: Floats, window: Window) -> Floats:
    """Values of the relief's nodes, smoothly brought to pixels."""
    windows = pyramid_windows(window, _DOUBLINGS)
    return refined(values[_nodes_under(world, windows[-1])], windows)


def _nodes_under(world: World, coarse: Window) -> tuple[slice, slice]:
    """Where a window of nodes lies in the relief's arrays."""
    x, y = coarse.x - world.relief.grid.x, coarse.y - world.relief.grid.y
    return np.s_[y : y + coarse.height, x : x + coarse.width]


def _terrain(world: World, window: Window) -> tuple[Floats, Floats]:
    """Lake floors and ground, and the mountain share."""
    windows = pyramid_windows(window.grown(_EDGE_PX), _DOUBLINGS)
    nodes = _nodes_under(world, windows[-1])
    height, mountain = world.relief.bed_m[nodes], world.relief.mountain[nodes]
    steep = np.clip(world.relief.slope[nodes] * np.float32(2.2), 0.012, 1).astype(np.float32)
    for level in range(_DOUBLINGS - 1, -1, -1):
        height = doubled(height, windows[level + 1], windows[level])
        steep = doubled(steep, windows[level + 1], windows[level])
        rough = white(key_of(world.seed, "terrain", level), windows[level])
        height += np.float32(_ROUGHNESS_M[2**level]) * rough * steep
        if level in _FURROWS:
            height += _furrowed(world.seed, windows[level], level, height, steep)
    inner = np.s_[_EDGE_PX:-_EDGE_PX, _EDGE_PX:-_EDGE_PX]
    return height[inner], refined(mountain, windows)[inner]


def _furrowed(seed: int, window: Window, level: int, height: Floats, steep: Floats) -> Floats:
    """Ribs and gullies to add to slopes, at one level of the pyramid."""
    spacing, depth_m = _FURROWS[level]
    hold = np.clip(steep - np.float32(0.3), 0, 1)
    if not hold.any():
        return np.zeros(window.shape, np.float32)
    down_y, down_x = np.gradient(height)
    key = key_of(seed, "furrows", level)
    waves: Floats = furrows(key, window, np.asarray(down_x), np.asarray(down_y), spacing)
    waves *= np.float32(depth_m) * hold
    return waves


def _nearest(world: World, values: Floats, window: Window) -> Floats:
    """Values of the nearest nodes of the relief."""
    grid = world.relief.grid
    columns = (np.arange(window.width) + window.x + STEP_PX // 2) // STEP_PX - grid.x
    rows = (np.arange(window.height) + window.y + STEP_PX // 2) // STEP_PX - grid.y
    return values[np.ix_(rows, columns)]


def _with_channel(bed: Floats, river: Nearness, lake_level: Floats) -> Floats:
    """Ground cut down to rivers, which noise would else leave on a slope."""
    reach = np.float32(10 * _RIVER_REACH_PX)
    beside = np.clip(river.outside_m, 0, reach)
    bank = river.level_m + np.float32(0.8) * (beside > 0) + np.float32(0.2) * beside
    # The bank's hold on the ground fades towards the end of its reach.
    hold = np.clip(1 - beside / reach, 0, 1)
    lowered = bed + (bank - bed) * hold
    near = (river.outside_m < reach) & (np.isneginf(lake_level) | (river.outside_m < 0))
    return np.where(near, np.minimum(bed, lowered), bed).astype(np.float32)
