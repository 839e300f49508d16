"""Where people live: towns on good ground, and between them roads of least effort."""

import heapq
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clay_assets.synthetic.lines import CURVE_PARTS, Lines, curves
from clay_assets.synthetic.mountains import STEP_PX
from clay_assets.synthetic.noise import Floats, Window, fractal, key_of, white
from clay_assets.synthetic.relief import Relief

Cells = NDArray[np.intp]
_ROAD_M = 9.0
_LONGEST_EFFORT = 40.0
_COARSE = 3  # relief nodes to a step of a road
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
    size = 0.8 * worth[rows, columns] / (1.01 - chance) ** 0.62
    centre = np.stack([columns + relief.grid.x, rows + relief.grid.y], axis=-1) * STEP_PX
    radius = np.clip(10 * size, 10, 190)
    return Settlements(centre.astype(np.float32), radius.astype(np.float32))


def roads_of(seed: int, relief: Relief, towns: Settlements) -> Lines:
    """The way of least effort between each two neighbouring towns."""
    effort = _effort(relief)
    rows, columns = effort.shape
    corner = np.array([relief.grid.x, relief.grid.y])
    places = np.rint((towns.centre / STEP_PX - corner) / _COARSE).astype(np.intp)
    starts = np.clip(places[:, 1], 0, rows - 1) * columns + np.clip(places[:, 0], 0, columns - 1)
    owner, before, cost = _spread(effort, starts)
    steps = _steps(_crossings(owner, cost, effort.shape), before)
    points = _road_points(seed, corner, Window(0, 0, columns, rows))
    start, control, end = (points[column] for column in steps.T)
    first, last = curves((start + control) / 2, control, (control + end) / 2)
    height = relief.surface_m[::_COARSE, ::_COARSE].ravel()[steps[:, 1]]
    width = np.full(len(first), _ROAD_M, np.float32)
    level = np.repeat(height, CURVE_PARTS)
    return Lines(first, last, width, level, level)


def _worth(seed: int, relief: Relief) -> Floats:
    water = np.where(relief.lake, 3.0, np.log10(1 + relief.area_km2.astype(np.float64)))
    near_water = _maximum_around(water.astype(np.float32), 3)
    taste = fractal(key_of(seed, "taste"), relief.grid, (1, 0.8, 0.5, 0.5))
    worth: Floats = (
        1 + 0.25 * near_water + 0.2 * taste - 14 * np.clip(relief.slope - 0.015, 0, None)
    )
    on_water = relief.lake | (relief.area_km2 > 60)
    worth[on_water | (relief.surface_m > _HIGHEST_M)] = 0
    worth += np.float32(1e-4) * white(key_of(seed, "tie"), relief.grid)
    return worth


def _maximum_around(values: Floats, reach: int) -> Floats:
    """Largest value within `reach` nodes in each direction."""
    for axis in (0, 1):
        padded = np.pad(values, [(reach, reach) if a == axis else (0, 0) for a in (0, 1)], "edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=axis)
        values = windows.max(axis=-1)
    return values


def _effort(relief: Relief) -> Floats:
    height = relief.surface_m[::_COARSE, ::_COARSE]
    slope_y, slope_x = np.gradient(height, 10 * STEP_PX * _COARSE)
    effort = 1 + 400 * (slope_x**2 + slope_y**2)
    effort += 0.6 * (relief.area_km2[::_COARSE, ::_COARSE] > 40)
    effort[relief.lake[::_COARSE, ::_COARSE]] = 200
    return effort.astype(np.float32)


def _spread(effort: Floats, starts: Cells) -> tuple[Cells, Cells, Floats]:
    """Nearest town of each cell by effort, the cell before it on the way, and the effort."""
    rows, columns = effort.shape
    weight = effort.ravel().tolist()
    cost = [math.inf] * len(weight)
    owner, before = [-1] * len(weight), [-1] * len(weight)
    queue = []
    for town, cell in enumerate(starts.tolist()):
        cost[cell], owner[cell] = 0.0, town
        queue.append((0.0, cell))
    heapq.heapify(queue)
    steps = [(dx, dy, math.hypot(dx, dy)) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dx or dy]
    while queue:
        spent, cell = heapq.heappop(queue)
        if spent > cost[cell]:
            continue
        row, column = divmod(cell, columns)
        for dx, dy, length in steps:
            if not (0 <= column + dx < columns and 0 <= row + dy < rows):
                continue
            other = cell + dy * columns + dx
            total = spent + length * (weight[cell] + weight[other]) / 2
            if total < cost[other]:
                cost[other], owner[other], before[other] = total, owner[cell], cell
                heapq.heappush(queue, (total, other))
    return np.array(owner, np.intp), np.array(before, np.intp), np.array(cost, np.float32)


def _crossings(owner: Cells, cost: Floats, shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """The cheapest pair of cells at which two towns' lands meet, for each two that do."""
    cells = np.arange(owner.size).reshape(shape)
    pairs = [(cells[:, :-1], cells[:, 1:]), (cells[:-1], cells[1:])]
    here = np.concatenate([a.ravel() for a, _ in pairs])
    there = np.concatenate([b.ravel() for _, b in pairs])
    meet = owner[here] != owner[there]
    here, there = here[meet], there[meet]
    total = cost[here] + cost[there]
    low, high = np.minimum(owner[here], owner[there]), np.maximum(owner[here], owner[there])
    order = np.lexsort((total, high, low))
    _, firsts = np.unique(low[order] * owner.size + high[order], return_index=True)
    best = order[firsts]
    best = best[total[best] < _LONGEST_EFFORT]
    return list(zip(here[best].tolist(), there[best].tolist(), strict=True))


def _steps(crossings: list[tuple[int, int]], before: Cells) -> Cells:
    """(N, 3) cells on the way to a town, each with the one behind and the one ahead; no repeats."""
    steps: set[tuple[int, int, int]] = set()
    for crossing in crossings:
        for behind, cell in (crossing, crossing[::-1]):
            while True:
                ahead = int(before[cell])
                if (behind, cell, ahead) in steps:
                    break
                steps.add((behind, cell, ahead if ahead >= 0 else cell))
                if ahead < 0:
                    break
                behind, cell = cell, ahead
    return np.array(sorted(steps), np.intp).reshape(-1, 3)


def _road_points(seed: int, corner: Cells, grid: Window) -> Floats:
    """(N, 2) place of each cell of the roads' grid in pixels."""
    shift = [fractal(key_of(seed, "road", axis), grid, (1, 0.7)) for axis in "xy"]
    rows, columns = np.indices(grid.shape)
    points = (np.stack([columns, rows], axis=-1) * _COARSE + corner) * STEP_PX
    return (points + 4 * np.stack(shift, axis=-1)).reshape(-1, 2).astype(np.float32)
