"""The search indexes, and examples of what they answer."""

import dagster as dg

from clay_assets import search
from clay_assets.defs.imagery import OWNERS
from clay_assets.defs.metadata import picture
from clay_assets.defs.partitions import mgrs_tiles
from clay_assets.defs.resources import DatabaseResource, StoreResource
from clay_assets.defs.tile_runs import (
    TILES_A_RUN,
    Outcome,
    logged_progress,
    materialize_tiles,
    reported_as_failure,
)
from clay_assets.pictures import neighbour_sheet_png


class ExamplesConfig(dg.Config):  # type: ignore[misc]
    """Which neighbours the sheet shows."""

    queries: int = 4
    """Rows of the sheet."""
    k: int = 5
    """Neighbours a row."""
    seed: int = 0
    """Seed of the choice of chips."""


def index_assets(products: list[str]) -> list[dg.AssetsDefinition]:
    """The assets over the embeddings of `products`."""
    embeddings = [dg.AssetKey(["embeddings", product]) for product in products]
    return [_duckdb_index(embeddings), _pgvector_index(embeddings, products), _examples(products)]
