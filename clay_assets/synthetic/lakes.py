"""Lakes: basins that ice scoured, and how high water stands in them."""

import numpy as np
from numpy.typing import NDArray

from clay_assets.synthetic.erosion import Drainage
from clay_assets.synthetic.mountains import STEP_PX, field
from clay_assets.synthetic.noise import Floats, Window, key_of, white

_FINGER_LAKES = 7
_APART = 60  # nodes
_SHALLOWEST_M = np.float32(1.0)
_OUTLET_CUT_M = np.float32(0.7)


def scoured_m(
    seed: int, grid: Window, slope: Floats, mountain: Floats, area_km2: Floats, rivers: Drainage
) -> Floats:
    """How deep ice dug: long basins at the mountain front, small kettles in level ground."""
    kettles = field(seed, "kettles", grid, STEP_PX, (0.5, 1, 0.8, 0.5), 128)
    depth: Floats = 22 * np.clip(kettles - np.float32(3.9), 0, 1) * (slope < 0.08)
    at_front = (area_km2 > 60) & (mountain > 0.35) & (mountain < 0.5)
    lots = white(key_of(seed, "lakes"), grid)
    starts: list[tuple[int, int]] = []
    for cell in sorted(np.flatnonzero(at_front).tolist(), key=lots.ravel().__getitem__):
        row, column = divmod(cell, grid.width)
        if any(abs(row - r) + abs(column - c) < _APART for r, c in starts):
            continue
        starts.append((row, column))
        _scour(depth, rivers, cell, [_chance(seed, cell, what) for what in "lwd"])
        if len(starts) == _FINGER_LAKES:
            break
    return depth


def lake_nodes(surface_m: Floats, bed_m: Floats) -> NDArray[np.bool_]:
    """Nodes under water, without puddles of a node or two."""
    water = surface_m - bed_m > _SHALLOWEST_M
    around = np.lib.stride_tricks.sliding_window_view(np.pad(water, 1), (3, 3)).sum(axis=(2, 3))
    wide: NDArray[np.bool_] = water & (around >= 5)
    return wide


def lake_levels(surface_m: Floats, lake: NDArray[np.bool_]) -> Floats:
    """Water level at lakes and two nodes up their banks, but not down the outlet; -inf elsewhere.

    Water stands a little below the outlet of the relief, which the river has cut since.
    """
    level: Floats = np.where(lake, surface_m - _OUTLET_CUT_M, np.float32(-np.inf))
    for _ in range(2):
        padded = np.pad(level, 1, constant_values=-np.inf)
        around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).max(axis=(2, 3))
        bank = np.isneginf(level) & (surface_m > around - np.float32(0.3))
        level = np.where(bank, around, level)
    return level


def _chance(seed: int, cell: int, what: str) -> float:
    return key_of(seed, "lake", cell, what) / 2**32


def _scour(depth: Floats, rivers: Drainage, cell: int, chances: list[float]) -> None:
    """Deepen a basin along a river, in place."""
    length = 25 + int(45 * chances[0])
    width, deepest = 5 + 6 * chances[1], 60 + 70 * chances[2]
    reach = int(width) + 1
    for step in range(length):
        row, column = divmod(cell, depth.shape[1])
        swell = np.sin(np.pi * (step + 3) / (length + 6)) ** 0.5
        top, left = max(0, row - reach), max(0, column - reach)
        here = depth[top : row + reach + 1, left : column + reach + 1]
        rows, columns = np.ogrid[top : top + here.shape[0], left : left + here.shape[1]]
        squared = (rows - row) ** 2 + (columns - column) ** 2
        bowl = deepest * swell * np.sqrt(np.clip(1 - squared / (width * swell) ** 2, 0, None))
        np.maximum(here, bowl.astype(np.float32), out=here)
        cell = int(rivers.receiver[cell])
