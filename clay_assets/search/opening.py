"""Opening an index of an installation, and asking it in one line."""

import weakref
from contextlib import ExitStack
from typing import Any

import geopandas

from clay_assets.errors import SearchError
from clay_assets.search.duckdb_index import DuckDBIndex
from clay_assets.search.index import Index
from clay_assets.search.pgvector_index import PgvectorIndex
from clay_assets.search.postgres import postgres_server
from clay_assets.search.query import Query
from clay_assets.settings import Settings

ENGINES = ("duckdb", "pgvector")


def open_index(settings: Settings, engine: str = "duckdb") -> Index:
    """The index of an installation; close it, or use it in a `with`.

    Args:
        settings: where the store and the database are.
        engine: one of `ENGINES`; `pgvector` starts the embedded server if none is configured, and
            stops it when the index is closed or the program ends.

    Raises:
        SearchError: no such engine.
        DatabaseError: the server cannot be reached or started.
    """
    if engine == "duckdb":
        return DuckDBIndex(settings.store)
    if engine != "pgvector":
        raise SearchError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    stack = ExitStack()
    url = stack.enter_context(postgres_server(settings.postgres_url, settings.postgres_folder))
    return _HeldIndex(url, stack)


def search(
    product: str,
    *,
    settings: Settings | None = None,
    engine: str = "duckdb",
    **query: Any,  # noqa: ANN401
) -> geopandas.GeoDataFrame:
    """The chips that look most like some example, as a frame: `Query`'s fields as arguments.

    Args:
        product: embedding product that is searched.
        settings: of the installation; the environment's by default.
        engine: one of `ENGINES`.
        **query: an example and filters, see `Query`: `chip_id=..., k=20`.

    Raises:
        SearchError: the query makes no sense.
        NotFoundError: no such index, product or chip.
        DatabaseError: the server cannot be reached or started.
    """
    with open_index(settings or Settings.from_environment(), engine) as index:
        return index.search(Query(product, **query)).frame


class _HeldIndex(PgvectorIndex):
    """An index that keeps its server running."""

    def __init__(self, url: str, server: ExitStack) -> None:
        super().__init__(url)
        self._release = weakref.finalize(self, server.close)

    def close(self) -> None:
        """Close the connections, then leave the server."""
        super().close()
        self._release()
