"""Everything of a tile that must be known before any pixel of it: relief, rivers, towns, roads."""

from dataclasses import dataclass
from functools import lru_cache

from clay_assets.synthetic.lakes import lake_levels
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
    levels = lake_levels(relief.surface_m, relief.lake)
    return World(key, relief, levels, rivers_of(key, relief), towns, roads_of(key, relief, towns))
