"""The shape of a whole tile at 160 m: mountains, valleys, hills, lakes and where the water goes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clay_assets.synthetic.area import TILE_PX
from clay_assets.synthetic.erosion import Drainage, drainage_of, eroded, filled
from clay_assets.synthetic.noise import (
    Floats,
    Window,
    doubled,
    fractal,
    key_of,
    pyramid_windows,
    white,
    white_bits,
)

STEP_PX = 16
"""10 m pixels between the nodes of the relief."""
CELL_KM2 = (STEP_PX * 10 / 1000) ** 2
_MARGIN_PX = 512
_STAGES = ((128, 150, 0.0, 1.0), (64, 25, 0.03, 1.0), (32, 8, 0.08, 1.0), (16, 3, 0.15, 0.6))
"""Pixels between nodes, erosion steps, creep and share of a full step; coarse to fine."""
_UPLIFT_M = 33.0
_EROSION = 0.20
_AREA_EXPONENT = 0.42
_BASE_M = 450.0
_HILLS_M = 55.0
_MAIN_RIVER_KM2 = 25.0
_FINGER_LAKES = 6


@dataclass(frozen=True)
class Relief:
    """Shape of the tile and some kilometres around it."""

    grid: Window
    """Nodes, `STEP_PX` apart."""
    bed_m: Floats
    """(H, W) ground, under water the lake floor."""
    surface_m: Floats
    """(H, W) ground or lake surface; every node drains."""
    mountain: Floats
    """(H, W) 0 in the plain to 1 in the mountains."""
    drainage: Drainage
    """On `surface_m`."""
    area_km2: Floats
    """(H, W) drained through each node."""

    @property
    def lake(self) -> NDArray[np.bool_]:
        """(H, W) nodes under standing water."""
        return self.surface_m - self.bed_m > np.float32(0.75)


def relief_of(seed: int) -> Relief:
    """Relief of a landscape."""
    grid = _tile_grid()
    worn, mountain, outlets = _worn(seed, grid)
    bits = white_bits(key_of(seed, "flow"), grid)
    land = _with_valley_floors(worn, mountain, drainage_of(worn, outlets, bits))
    land = filled(land, outlets)
    drainage = drainage_of(land, outlets, bits)
    bed = land - _dug(seed, grid, mountain, drainage)
    surface = filled(bed, outlets)
    drainage = drainage_of(surface, outlets, bits)
    area = drainage.accumulated(np.full(surface.size, CELL_KM2, np.float32))
    return Relief(grid, bed, surface, mountain, drainage, area.reshape(grid.shape))


def _tile_grid() -> Window:
    margin = _MARGIN_PX // STEP_PX
    side = -(-TILE_PX // STEP_PX) + 2 * margin
    return Window(-margin, -margin, side, side)


def _octaves(amplitudes: Sequence[float], coarsest_px: int, step_px: int) -> list[float]:
    """The amplitudes of the octaves that a grid of `step_px` can carry."""
    return list(amplitudes[: (coarsest_px // step_px).bit_length()])


def _field(
    seed: int, name: str, window: Window, step_px: int, amplitudes: Sequence[float], top_px: int
) -> Floats:
    octaves = _octaves(amplitudes, top_px, step_px)
    return fractal(key_of(seed, name), window, octaves, finest=step_px.bit_length() - 1)


def _worn(seed: int, grid: Window) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Eroded heights, the mountain share and the outlets (the northern edge)."""
    windows = pyramid_windows(grid, len(_STAGES) - 1)[::-1]
    height = np.zeros((0, 0), np.float32)
    for index, (step_px, steps, creep, share) in enumerate(_STAGES):
        window = windows[index]
        mountain, southing = _mountain(seed, window, step_px)
        massif = _field(seed, "massif", window, step_px, (1, 0.8, 0.5, 0.3, 0.2, 0.1, 0.1), 1024)
        hardness = _field(seed, "hardness", window, step_px, (1, 1, 0.8, 0.6, 0.5, 0.3), 512)
        if index == 0:
            height = _BASE_M + (12 + 40 * mountain) * massif + 300 * mountain + 250 * southing
        else:
            height = doubled(height, windows[index - 1], window)
            rough = white(key_of(seed, "rough", step_px), window) * (0.1 + mountain)
            height += rough * np.float32(6 * step_px / STEP_PX)
        if index == 1:
            hills = _field(seed, "hills", window, step_px, (0.7, 1, 1, 0.7), 512)
            height += hills * (1 - mountain) * np.float32(_HILLS_M)
        outlets = np.zeros(window.shape, bool)
        outlets[0] = True
        height[0] = _BASE_M
        rise = 0.03 + mountain * np.clip(0.8 + 0.1 * massif + 0.4 * southing, 0.25, None)
        strength = np.exp(np.float32(-0.3) * hardness)
        strength *= np.float32(share * _EROSION * (step_px / 64) ** (2 * _AREA_EXPONENT - 1))
        height = eroded(
            height.astype(np.float32),
            (rise * np.float32(share * _UPLIFT_M)).astype(np.float32),
            outlets,
            strength=strength,
            exponent=_AREA_EXPONENT,
            creep=creep,
            steps=steps,
            key=key_of(seed, "erosion", step_px),
        )
    return height, mountain, outlets


def _mountain(seed: int, window: Window, step_px: int) -> tuple[Floats, Floats]:
    """Share of mountain, and distance south of the mountain front in tiles, at least 0."""
    front = _field(seed, "front", window, step_px, (1, 0.6, 0.4, 0.25, 0.15, 0.1, 0.05), 2048)
    rows = (np.arange(window.height) + window.y) * step_px / TILE_PX
    beyond = (rows[:, None] - 0.55 + 0.05 * front).astype(np.float32)
    mountain = 1 / (1 + np.exp(beyond / np.float32(-0.03)))
    return mountain.astype(np.float32), np.maximum(beyond, 0)


def _with_valley_floors(height: Floats, mountain: Floats, drainage: Drainage) -> Floats:
    """Fill the foot of the main valleys with gravel, flat and wide as glaciers leave them.

    Heights are taken above the main river that a cell drains to; what is lower than the fill
    becomes floor.
    """
    flat = height.ravel()
    area = drainage.accumulated(np.full(flat.size, CELL_KM2, np.float32))
    river = flat.copy()
    depth = np.float32(28) * np.log2(1 + area / np.float32(_MAIN_RIVER_KM2))
    for cells in drainage.levels[1:]:
        below = drainage.receiver[cells]
        main = area[cells] >= _MAIN_RIVER_KM2
        river[cells] = np.where(main, flat[cells], river[below])
        depth[cells] = np.where(main, depth[cells], depth[below])
    above = np.maximum(flat - river, 0)
    fill = np.float32(4) + depth * mountain.ravel()
    floor = np.minimum(above, fill)
    # A floor that still falls a little to the river, met by slopes a little less high than before.
    raised: Floats = river + np.float32(0.06) * floor + np.maximum(above - fill, 0)
    return raised.reshape(height.shape)


def _dug(seed: int, grid: Window, mountain: Floats, drainage: Drainage) -> Floats:
    """How deep ice scoured: long basins at the mountain front, small kettles all about."""
    kettles = _field(seed, "kettles", grid, STEP_PX, (0.5, 1, 0.8, 0.5), 128)
    depth = np.float32(14) * np.clip(kettles - np.float32(4.3), 0, 1.5)
    area = drainage.accumulated(np.full(depth.size, CELL_KM2, np.float32))
    rng = np.random.default_rng(key_of(seed, "lakes"))
    shares = mountain.ravel()
    at_front = np.flatnonzero((area > 60) & (shares > 0.35) & (shares < 0.5))
    starts: list[int] = []
    for cell in rng.permutation(at_front):
        far = [
            abs(cell % grid.width - s % grid.width) + abs(cell // grid.width - s // grid.width)
            for s in starts
        ]
        if len(starts) < _FINGER_LAKES and min(far, default=1000) > 60:
            starts.append(int(cell))
            _scour(depth, drainage, int(cell), rng)
    return depth


def _scour(depth: Floats, drainage: Drainage, cell: int, rng: np.random.Generator) -> None:
    """Deepen a basin along a river, in place."""
    length = int(rng.integers(25, 70))
    width = float(rng.uniform(5, 11))
    deepest = float(rng.uniform(60, 130))
    rows, columns = np.indices(depth.shape)
    columns_of = depth.shape[1]
    for step in range(length):
        swell = np.sin(np.pi * (step + 3) / (length + 6)) ** 0.5
        row, column = divmod(cell, columns_of)
        reach = int(width) + 1
        here = np.s_[
            max(0, row - reach) : row + reach + 1, max(0, column - reach) : column + reach + 1
        ]
        squared = (rows[here] - row) ** 2 + (columns[here] - column) ** 2
        bowl = deepest * swell * np.clip(1 - squared / (width * swell) ** 2, 0, None) ** 0.5
        depth[here] = np.maximum(depth[here], bowl.astype(np.float32))
        cell = int(drainage.receiver[cell])
