"""Rivers drawn as smooth curves along the drainage of the relief."""

import numpy as np

from clay_assets.synthetic.lines import CURVE_PARTS, Lines, curves
from clay_assets.synthetic.mountains import STEP_PX
from clay_assets.synthetic.noise import Floats, Window, fractal, key_of, white
from clay_assets.synthetic.relief import Relief

STREAM_KM2 = 2.5
"""Drained area from which a stream is drawn."""
_SMOOTHINGS = 3


def river_width_m(area_km2: Floats) -> Floats:
    """Width of the water from the area drained: about 10 m at 30 km2, 75 m at 2,500 km2.

    Source:
        Fitted by eye to rivers of the northern Alps on Sentinel-2 images.
    """
    return np.float32(2.2) * area_km2 ** np.float32(0.45)


def rivers_of(seed: int, relief: Relief) -> Lines:
    """Curves of all rivers: from the middle of one reach to the middle of the next."""
    area = relief.area_km2.ravel()
    flows = area >= STREAM_KM2
    receiver = relief.drainage.receiver
    donors = np.flatnonzero(flows & (receiver != np.arange(receiver.size)))
    points = _points(seed, relief, donors)
    node = receiver[donors]
    beyond = receiver[node]
    first, last = (points[donors] + points[node]) / 2, (points[node] + points[beyond]) / 2
    springs = ~np.isin(donors, node)
    first[springs] = points[donors][springs]
    start, end = curves(first, points[node], last)
    height = relief.surface_m.ravel()
    upper, lower = (height[donors] + height[node]) / 2, (height[node] + height[beyond]) / 2
    level = upper[:, None] + (lower - upper)[:, None] * (np.arange(CURVE_PARTS + 1) / CURVE_PARTS)
    width = np.repeat(river_width_m(area[donors]), CURVE_PARTS)
    levels = (level[:, :-1].ravel(), level[:, 1:].ravel())
    return Lines(start, end, *(part.astype(np.float32) for part in (width, *levels)))


def _points(seed: int, relief: Relief, donors: np.ndarray) -> Floats:
    """(N, 2) place of each node in pixels, moved off the grid and smoothed along the rivers."""
    grid, receiver = relief.grid, relief.drainage.receiver
    rows, columns = np.indices(grid.shape)
    points = np.stack([columns + grid.x, rows + grid.y], axis=-1).astype(np.float32)
    points += np.float32(0.3) * np.stack(
        [white(key_of(seed, "river", axis), grid) for axis in "xy"], axis=-1
    )
    flat = points.reshape(-1, 2) * np.float32(STEP_PX)
    main = np.full(receiver.size, -1)
    by_area = donors[np.argsort(relief.area_km2.ravel()[donors], kind="stable")]
    main[receiver[by_area]] = by_area  # the last one written drains most
    inner = donors[main[donors] >= 0]
    for _ in range(_SMOOTHINGS):
        around = (flat[main[inner]] + flat[receiver[inner]]) / 2
        flat[inner] = (flat[inner] + around) / 2
    flat += np.float32(2.5) * _wander(seed, grid).reshape(-1, 2)
    return flat


def _wander(seed: int, grid: Window) -> Floats:
    """Meanders: a smooth shift of a few pixels."""
    return np.stack(
        [fractal(key_of(seed, "meander", axis), grid, (1, 1)) for axis in "xy"], axis=-1
    )
