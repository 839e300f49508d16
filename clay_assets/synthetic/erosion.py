"""Rivers wear mountains down: flow routing and stream-power erosion on a regular grid.

Each cell drains to its steepest lower neighbour, so that flow forms a tree. The tree is walked
level by level from the outlets, which keeps every step a whole-array operation.

Source:
    J. Braun and S. D. Willett, A very efficient O(n), implicit and parallel method to solve the
    stream power equation, Geomorphology 180-181, 2013.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clay_assets.synthetic.noise import Floats, Window, key_of, white_bits

Indices = NDArray[np.int32]
_NEIGHBOURS = ((0, 1), (1, 0), (0, -1), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))
_FILL_SLOPE_M = 0.001  # a step; a filled hollow drains, barely


@dataclass(frozen=True)
class Drainage:
    """Where each cell of a grid drains to."""

    receiver: Indices
    """(N,) flat index of the next cell downstream; an outlet drains to itself."""
    distance: Floats
    """(N,) length of that step in cells, 1 at outlets."""
    levels: tuple[Indices, ...]
    """Cells by their number of steps from an outlet; `levels[0]` are the outlets."""

    def upstream_first(self) -> Iterator[Indices]:
        """Levels from the springs down, without the outlets."""
        return reversed(self.levels[1:])

    def accumulated(self, amounts: Floats) -> Floats:
        """(N,) sum of `amounts` over all cells that drain through each cell, itself included."""
        total = amounts.copy()
        for cells in self.upstream_first():
            np.add.at(total, self.receiver[cells], total[cells])
        return total


def drainage_of(height: Floats, outlets: NDArray[np.bool_], chance: NDArray[np.uint32]) -> Drainage:
    """About the steepest descent on a surface without hollows.

    Args:
        height: (H, W) metres.
        outlets: (H, W) cells where water leaves.
        chance: (H, W) random bits; slopes are compared with a random factor, without which rivers
            run along the eight directions of the grid.
    """
    rows, columns = height.shape
    flat = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    receiver, steepest = flat.copy(), np.zeros_like(height)
    distance = np.ones_like(height)
    for turn, (dy, dx) in enumerate(_NEIGHBOURS):
        here, there = _overlap(dy, rows), _overlap(dx, columns)
        inner, outer = (here[0], there[0]), (here[1], there[1])
        step = np.float32(np.hypot(dy, dx))
        luck = (chance[inner] >> np.uint32(4 * turn)) & np.uint32(15)
        slope = (height[inner] - height[outer]) / step * (luck.astype(np.float32) + np.float32(18))
        better = slope > steepest[inner]
        np.copyto(steepest[inner], slope, where=better)
        np.copyto(receiver[inner], flat[outer], where=better)
        np.copyto(distance[inner], step, where=better)
    receiver[outlets] = flat[outlets]
    return Drainage(receiver.ravel(), distance.ravel(), _levels(receiver.ravel()))


def filled(height: Floats, outlets: NDArray[np.bool_]) -> Floats:
    """`height` with every hollow raised until it drains to an outlet.

    Source:
        O. Planchon and F. Darboux, A fast, simple and versatile algorithm to fill the depressions
        of digital elevation models, Catena 46, 2001.
    """
    level = np.where(outlets, height, np.float32(np.inf)).astype(np.float32)
    turned = np.ascontiguousarray(height.T)
    while True:
        before = level
        across = np.ascontiguousarray(level.T)
        for ahead in (1, -1):
            _sweep(across[::ahead], turned[::ahead])
        level = np.ascontiguousarray(across.T)
        for ahead in (1, -1):
            _sweep(level[::ahead], height[::ahead])
        if np.array_equal(before, level):
            return level


def eroded(
    height: Floats,
    uplift_m: Floats,
    outlets: NDArray[np.bool_],
    *,
    strength: Floats,
    exponent: float,
    creep: float,
    steps: int,
    key: int,
) -> Floats:
    """The surface after some steps of uplift and stream-power erosion.

    Args:
        height: (H, W) metres.
        uplift_m: (H, W) metres a step.
        outlets: (H, W) cells that neither rise nor wear down.
        strength: (H, W) erosion a step of a unit slope draining one cell.
        exponent: how erosion grows with drained area.
        creep: share of the difference to its neighbours' mean that a cell loses a step.
        steps: number of steps.
        key: of the random numbers.
    """
    surface = filled(height, outlets)
    rise = np.where(outlets, 0, uplift_m).astype(np.float32).ravel()
    ones = np.ones(surface.size, np.float32)
    window = Window(0, 0, surface.shape[1], surface.shape[0])
    for step in range(steps):
        drainage = drainage_of(surface, outlets, white_bits(key_of(key, step), window))
        area = drainage.accumulated(ones)
        # In float64: float32 powers differ between processors, and erosion would amplify that.
        factor = (strength.ravel() * area.astype(np.float64) ** exponent).astype(np.float32)
        factor /= drainage.distance
        heights = surface.ravel() + rise
        for cells in drainage.levels[1:]:
            below = heights[drainage.receiver[cells]]
            heights[cells] = (heights[cells] + factor[cells] * below) / (1 + factor[cells])
        surface = heights.reshape(surface.shape)
        surface[1:-1, 1:-1] += np.float32(creep) * _curvature(surface)
    return filled(surface, outlets)


def _curvature(height: Floats) -> Floats:
    """Mean of the four neighbours minus the cell, without the border."""
    around = height[:-2, 1:-1] + height[2:, 1:-1] + height[1:-1, :-2] + height[1:-1, 2:]
    return np.float32(0.25) * around - height[1:-1, 1:-1]


def _levels(receiver: Indices) -> tuple[Indices, ...]:
    depth = (receiver != np.arange(receiver.size)).astype(np.int32)
    ahead = receiver
    while True:  # pointer jumping: each round doubles how far ahead a cell looks
        more = depth[ahead]
        if not more.any():
            break
        depth = depth + more
        ahead = ahead[ahead]
    order = np.argsort(depth, kind="stable").astype(np.int32)
    counts = np.bincount(depth)
    return tuple(np.split(order, np.cumsum(counts)[:-1]))


def _sweep(level: Floats, height: Floats) -> None:
    """Let each row drain to the one before it and along itself."""
    slope = np.float32(_FILL_SLOPE_M)
    for row in range(1, level.shape[0]):
        above = level[row - 1]
        lowest = above.copy()
        np.minimum(lowest[1:], above[:-1], out=lowest[1:])
        np.minimum(lowest[:-1], above[1:], out=lowest[:-1])
        np.minimum(level[row], np.maximum(height[row], lowest + slope), out=level[row])


def _overlap(step: int, size: int) -> tuple[slice, slice]:
    """Slices of the cells that have a neighbour `step` on, and of those neighbours."""
    return (
        slice(max(0, -step), size - max(0, step)),
        slice(max(0, step), size + min(0, step)),
    )
