"""Furrows that run down slopes, finer than erosion on the relief's grid can make them."""

import numpy as np

from clay_assets.synthetic.noise import Floats, Window, white

_REACH = np.float32(1.3)  # of a wave, in lattice cells


def furrows(key: int, window: Window, down_x: Floats, down_y: Floats, spacing: int) -> Floats:
    """Waves whose crests follow the slope, -1 in a furrow to 1 on a rib.

    Around each of many scattered points stands a plane wave across the local slope; where slopes
    turn, neighbouring waves fork as gullies do.

    Args:
        key: tells patterns apart.
        window: steps of the grid.
        down_x: slope towards larger columns, of any scale.
        down_y: slope towards larger rows.
        spacing: steps between points, about the distance between furrows.
    """
    steep = np.sqrt(down_x**2 + down_y**2) + np.float32(1e-6)
    turn = np.float32(2 * np.pi * 1.1)
    across_x, across_y = -down_y / steep * turn, down_x / steep * turn
    columns = (np.arange(window.width) + window.x).astype(np.float32) / np.float32(spacing)
    rows = (np.arange(window.height) + window.y).astype(np.float32) / np.float32(spacing)
    cell_x, cell_y = np.floor(columns).astype(np.int32), np.floor(rows).astype(np.int32)
    lattice = window.coarser(spacing).grown(1)
    jitter = np.float32(0.3)
    at_x, at_y = (np.float32(0.5) + jitter * white(key + axis, lattice) for axis in (0, 1))
    total, weights = np.zeros(window.shape, np.float32), np.full(window.shape, np.float32(1e-3))
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            place = np.ix_(cell_y + (dy - lattice.y), cell_x + (dx - lattice.x))
            to_x = at_x[place] + (cell_x + dx - columns)[None, :].astype(np.float32)
            to_y = at_y[place] + (cell_y + dy - rows)[:, None].astype(np.float32)
            weight = np.maximum(1 - (to_x * to_x + to_y * to_y) / _REACH**2, 0)
            weight *= weight
            weights += weight
            weight *= np.cos(to_x * across_x + to_y * across_y)
            total += weight
    return total / weights
