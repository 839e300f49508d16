"""Everything of a tile that must be known before any pixel of it: relief, rivers, towns, roads."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from clay_assets.synthetic.lines import Lines
from clay_assets.synthetic.noise import Floats, key_of
from clay_assets.synthetic.relief import Relief, relief_of
from clay_assets.synthetic.rivers import rivers_of
from clay_assets.synthetic.settlements import Settlements, roads_of, settlements_of


@dataclass(frozen=True)
class World:
    """The landscape of one tile and seed."""

    seed: int
    """Of the tile's own noise."""
    relief: Relief
    """Shape of the land."""
    lake_level_m: Floats
    """(H, W) water level at lakes and their banks, -inf elsewhere."""
    rivers: Lines
    """All streams."""
    towns: Settlements
    """All places where people live."""
    roads: Lines
    """Between them."""


@lru_cache(maxsize=2)
def world_of(tile: str, seed: int) -> World:
    """The landscape of a tile; takes some seconds once, whatever part of it is drawn."""
    key = key_of(tile, seed)
    relief = relief_of(key)
    towns = settlements_of(key, relief)
    return World(
        key,
        relief,
        _lake_levels(relief),
        rivers_of(key, relief),
        towns,
        roads_of(key, relief, towns),
    )


def _lake_levels(relief: Relief) -> Floats:
    """Levels carried two nodes up the banks, but not down the outlet."""
    level = np.where(relief.lake, relief.surface_m, np.float32(-np.inf)).astype(np.float32)
    for _ in range(2):
        padded = np.pad(level, 1, constant_values=-np.inf)
        around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).max(axis=(2, 3))
        bank = np.isneginf(level) & (relief.surface_m > around - np.float32(0.3))
        level = np.where(bank, around, level)
    return level
