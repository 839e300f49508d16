"""Search: one query, two engines, the same answers."""

from clay_assets.search.duckdb_build import IndexReport, build_duckdb
from clay_assets.search.duckdb_index import DuckDBIndex
from clay_assets.search.hits import Hits
from clay_assets.search.index import Index, IndexedProduct
from clay_assets.search.neighbours import NeighbourExample, neighbour_examples
from clay_assets.search.notebook_view import show
from clay_assets.search.opening import ENGINES, open_index, search
from clay_assets.search.pgvector_index import PgvectorIndex
from clay_assets.search.pgvector_maintenance import (
    MaintenanceReport,
    maintain_pgvector,
    maintain_products,
)
from clay_assets.search.pgvector_sync import TileSyncReport, remove_tile, sync_tile
from clay_assets.search.postgres import postgres_server
from clay_assets.search.query import Query
from clay_assets.search.recall import Recall, measure_recall
from clay_assets.search.trace import Trace, trace

__all__ = [
    "ENGINES",
    "DuckDBIndex",
    "Hits",
    "Index",
    "IndexReport",
    "IndexedProduct",
    "MaintenanceReport",
    "NeighbourExample",
    "PgvectorIndex",
    "Query",
    "Recall",
    "TileSyncReport",
    "Trace",
    "build_duckdb",
    "maintain_pgvector",
    "maintain_products",
    "measure_recall",
    "neighbour_examples",
    "open_index",
    "postgres_server",
    "remove_tile",
    "search",
    "show",
    "sync_tile",
    "trace",
]
