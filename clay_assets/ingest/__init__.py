"""Imagery: what there is of a tile, which scenes are taken, and their aligned pixels."""

from clay_assets.ingest.imagery import TileImagery, find_imagery, list_tiles
from clay_assets.ingest.plan import CODE_VERSION, TileReport, plan_tile
from clay_assets.ingest.reading import DateWindow, open_date, read_overview, read_window
from clay_assets.ingest.recipe import Recipe, read_recipe
from clay_assets.ingest.registered import plan_registered

__all__ = [
    "CODE_VERSION",
    "DateWindow",
    "Recipe",
    "TileImagery",
    "TileReport",
    "find_imagery",
    "list_tiles",
    "open_date",
    "plan_registered",
    "plan_tile",
    "read_overview",
    "read_recipe",
    "read_window",
]
