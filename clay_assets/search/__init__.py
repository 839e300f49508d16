"""Search: one query, two engines, the same answers."""

from clay_assets.search.duckdb_build import IndexReport, build_duckdb
from clay_assets.search.duckdb_index import DuckDBIndex
from clay_assets.search.hits import Hits
from clay_assets.search.index import Index, IndexedProduct
from clay_assets.search.query import Query

__all__ = [
    "DuckDBIndex",
    "Hits",
    "Index",
    "IndexReport",
    "IndexedProduct",
    "Query",
    "build_duckdb",
]
