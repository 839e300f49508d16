"""Where people live: towns on good ground, and between them roads of least effort."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clay_assets.synthetic.lines import Lines
from clay_assets.synthetic.noise import Floats, Window, fractal, key_of, white
from clay_assets.synthetic.relief import STEP_PX, Relief

_COARSE = 2  # relief nodes to a step of a road
_VILLAGE_SPACING = 9  # nodes
_HIGHEST_M = 1250.0


@dataclass(frozen=True)
class Settlements:
    """Towns and villages."""

    centre: Floats
    """(N, 2) column and row in pixels."""
    radius_px: Floats
    """(N,) about where houses end."""


def settlements_of(seed: int, relief: Relief) -> Settlements:
    """Towns at the best places of their surroundings; few large, many small."""
    worth = _worth(seed, relief)
    best = worth == _maximum_around(worth, _VILLAGE_SPACING // 2)
    rows, columns = np.nonzero(best & (worth > 0.9))
    chance = (white(key_of(seed, "town"), relief.grid)[rows, columns] + 1) / 2
    # Sizes follow Zipf's law: a town of twice the size is half as common.
    size = 0.8 * worth[rows, columns] / (1.03 - chance) ** 0.62
    centre = np.stack([columns + relief.grid.x, rows + relief.grid.y], axis=-1) * STEP_PX
    radius = np.clip(13 * size, 12, 190)
    return Settlements(centre.astype(np.float32), radius.astype(np.float32))


def roads_of(seed: int, relief: Relief, towns: Settlements) -> Lines:
    """The cheapest way between each two neighbouring towns."""
    effort = _effort(relief)
    grid = _coarse_grid(relief)
    places = np.rint(towns.centre / (STEP_PX * _COARSE)).astype(int) - (grid.x, grid.y)
    starts = places[:, 1] * grid.width + places[:, 0]
    owner, before, cost = _spread(effort, starts)
    ways: dict[tuple[int, int], int] = {}
    for cell, rank in _crossings(owner, before, cost, grid, starts):
        ways[cell] = max(rank, ways.get(cell, 0))
    radius = towns.radius_px
    return _drawn(seed, ways, grid, relief, radius)


def _worth(seed: int, relief: Relief) -> Floats:
    slope_y, slope_x = np.gradient(relief.surface_m, 10 * STEP_PX)
    slope = np.sqrt(slope_x**2 + slope_y**2)
    water = np.where(relief.lake, 3.0, np.log10(1 + relief.area_km2))
    near_water = _maximum_around(water.astype(np.float32), 3)
    taste = fractal(key_of(seed, "taste"), relief.grid, (1, 0.8, 0.5, 0.5))
    worth = 1 + 0.25 * near_water + 0.2 * taste - 14 * np.clip(slope - 0.015, 0, None)
    on_water = relief.lake | (relief.area_km2 > 60)
    worth[on_water | (relief.surface_m > _HIGHEST_M)] = 0
    worth += np.float32(1e-4) * white(key_of(seed, "tie"), relief.grid)
    return worth.astype(np.float32)


def _maximum_around(values: Floats, reach: int) -> Floats:
    """Largest value within `reach` nodes in each direction."""
    for axis in (0, 1):
        padded = np.pad(values, [(reach, reach) if a == axis else (0, 0) for a in (0, 1)], "edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=axis)
        values = windows.max(axis=-1)
    return values


def _coarse_grid(relief: Relief) -> Window:
    rows, columns = relief.surface_m[::_COARSE, ::_COARSE].shape
    return Window(relief.grid.x // _COARSE, relief.grid.y // _COARSE, columns, rows)


def _effort(relief: Relief) -> Floats:
    height = relief.surface_m[::_COARSE, ::_COARSE]
    slope_y, slope_x = np.gradient(height, 10 * STEP_PX * _COARSE)
    effort = 1 + 400 * (slope_x**2 + slope_y**2)
    effort += 0.6 * (relief.area_km2[::_COARSE, ::_COARSE] > 40)
    effort[relief.lake[::_COARSE, ::_COARSE]] = 200
    return effort.astype(np.float32)


def _spread(
    effort: Floats, starts: NDArray[np.intp]
) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats]:
    """Nearest town of each cell by effort, the cell before it on the way, and the effort."""
    rows, columns = effort.shape
    cheap = effort.ravel().tolist()
    cost = [float("inf")] * len(cheap)
    owner, before = [-1] * len(cheap), [-1] * len(cheap)
    queue = []
    for town, cell in enumerate(starts.tolist()):
        cost[cell], owner[cell] = 0.0, town
        queue.append((0.0, cell))
    steps = [
        (dy * columns + dx, dx, (dx * dx + dy * dy) ** 0.5)
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
        if dx or dy
    ]
    heapq.heapify(queue)
    while queue:
        spent, cell = heapq.heappop(queue)
        if spent > cost[cell]:
            continue
        column = cell % columns
        for step, dx, length in steps:
            other = cell + step
            if not (0 <= other < len(cheap) and 0 <= column + dx < columns):
                continue
            total = spent + length * (cheap[cell] + cheap[other]) / 2
            if total < cost[other]:
                cost[other], owner[other], before[other] = total, owner[cell], cell
                heapq.heappush(queue, (total, other))
    shape = (rows, columns)
    return (
        np.array(owner, np.int32).reshape(shape),
        np.array(before, np.int32),
        np.array(cost, np.float32).reshape(shape),
    )


def _crossings(
    owner: NDArray[np.int32],
    before: NDArray[np.int32],
    cost: Floats,
    grid: Window,
    starts: NDArray[np.intp],
) -> Iterator[tuple[tuple[int, int], int]]:
    """Steps (from cell, to cell) of each road, with how long the road is."""
    best: dict[tuple[int, int], tuple[float, int, int]] = {}
    flat_owner, flat_cost = owner.ravel(), cost.ravel()
    cells = np.arange(flat_owner.size).reshape(owner.shape)
    for here, there in (
        (cells[:, :-1], cells[:, 1:]),
        (cells[:-1], cells[1:]),
    ):
        one, other = here.ravel(), there.ravel()
        differ = flat_owner[one] != flat_owner[other]
        for a, b in zip(one[differ].tolist(), other[differ].tolist(), strict=True):
            pair = (int(flat_owner[a]), int(flat_owner[b]))
            if pair[0] > pair[1]:
                pair, (a, b) = (pair[1], pair[0]), (b, a)
            total = float(flat_cost[a] + flat_cost[b])
            if pair not in best or total < best[pair][0]:
                best[pair] = (total, a, b)
    for total, a, b in best.values():
        if total > 60:
            continue
        yield (min(a, b), max(a, b)), 1
        for cell in (a, b):
            while before[cell] >= 0:
                ahead = int(before[cell])
                yield (min(cell, ahead), max(cell, ahead)), 1
                cell = ahead


def _drawn(
    seed: int,
    ways: dict[tuple[int, int], int],
    grid: Window,
    relief: Relief,
    radius: Floats,
) -> Lines:
    steps = np.array(sorted(ways), dtype=int).reshape(-1, 2)
    shift = np.stack([fractal(key_of(seed, "road", a), grid, (1, 0.7)) for a in "xy"], axis=-1)
    rows, columns = np.indices(grid.shape)
    points = np.stack([columns + grid.x, rows + grid.y], axis=-1) * (STEP_PX * _COARSE)
    flat = (points + 4 * shift).reshape(-1, 2).astype(np.float32)
    height = relief.surface_m[::_COARSE, ::_COARSE].ravel()
    a, b = steps[:, 0], steps[:, 1]
    return Lines(
        flat[a], flat[b], np.full(len(a), 9, np.float32), (height[a] + height[b]) / np.float32(2)
    )
