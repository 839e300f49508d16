"""The shape of a whole tile at 160 m: mountains, valleys, hills, lakes and where the water goes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clay_assets.synthetic.area import TILE_PX
from clay_assets.synthetic.erosion import Drainage, drainage_of, filled
from clay_assets.synthetic.lakes import lake_nodes, scoured_m
from clay_assets.synthetic.mountains import STEP_PX, worn_land
from clay_assets.synthetic.noise import Floats, Window, key_of, white_bits

CELL_KM2 = (STEP_PX * 10 / 1000) ** 2
_MARGIN_PX = 512
_MAIN_RIVER_KM2 = 25.0


@dataclass(frozen=True)
class Relief:
    """Shape of the tile and some kilometres around it."""

    grid: Window
    """Nodes, `STEP_PX` apart."""
    bed_m: Floats
    """(H, W) ground, under water the lake floor."""
    surface_m: Floats
    """(H, W) ground or lake surface; every node drains."""
    lake: NDArray[np.bool_]
    """(H, W) nodes under standing water."""
    slope: Floats
    """(H, W) steepest rise of the ground, metres a metre."""
    mountain: Floats
    """(H, W) 0 in the plain to 1 in the mountains."""
    drainage: Drainage
    """On `surface_m`."""
    area_km2: Floats
    """(H, W) drained through each node."""


def relief_of(seed: int) -> Relief:
    """Relief of a landscape."""
    grid = _tile_grid()
    worn = worn_land(seed, grid)
    bits = white_bits(key_of(seed, "flow"), grid)
    rivers = drainage_of(worn.height_m, worn.outlets, bits)
    land = filled(_with_valley_floors(worn.height_m, worn.mountain, rivers), worn.outlets)
    rivers = drainage_of(land, worn.outlets, bits)
    area = drained_km2(rivers, grid)
    bed = land - scoured_m(seed, grid, _steepness(land), worn.mountain, area, rivers)
    surface = filled(bed, worn.outlets)
    lake = lake_nodes(surface, bed)
    bed = np.where(lake, bed, surface)
    rivers = drainage_of(surface, worn.outlets, bits)
    area = drained_km2(rivers, grid)
    return Relief(grid, bed, surface, lake, _steepness(bed), worn.mountain, rivers, area)


def drained_km2(drainage: Drainage, grid: Window) -> Floats:
    """(H, W) area drained through each node."""
    cells = np.full(grid.width * grid.height, CELL_KM2, np.float32)
    return drainage.accumulated(cells).reshape(grid.shape)


def _steepness(height_m: Floats) -> Floats:
    down, right = np.gradient(height_m, np.float32(10 * STEP_PX))
    slope: Floats = np.sqrt(down**2 + right**2)
    return slope


def _tile_grid() -> Window:
    margin = _MARGIN_PX // STEP_PX
    side = -(-TILE_PX // STEP_PX) + 2 * margin
    return Window(-margin, -margin, side, side)


def _with_valley_floors(height: Floats, mountain: Floats, rivers: Drainage) -> Floats:
    """Fill the foot of the main valleys with gravel, flat and wide as glaciers leave them.

    Heights are taken above the main river that a node drains to; what is lower than the fill
    becomes floor.
    """
    flat = height.ravel()
    area = rivers.accumulated(np.full(flat.size, CELL_KM2, np.float32))
    river = flat.copy()
    # In float64, as in mountains.py.
    depth = (28 * np.log2(1 + area.astype(np.float64) / _MAIN_RIVER_KM2)).astype(np.float32)
    for cells in rivers.levels[1:]:
        below = rivers.receiver[cells]
        main = area[cells] >= _MAIN_RIVER_KM2
        river[cells] = np.where(main, flat[cells], river[below])
        depth[cells] = np.where(main, depth[cells], depth[below])
    above = np.maximum(flat - river, 0)
    fill = np.float32(4) + depth * mountain.ravel()
    # A floor that still falls a little to the river, met by slopes less high than before.
    floor = np.float32(0.06) * np.minimum(above, fill)
    raised: Floats = river + floor + np.maximum(above - fill, 0)
    return raised.reshape(height.shape)
