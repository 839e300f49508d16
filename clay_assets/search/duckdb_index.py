"""Searching `indexes/index.duckdb`."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clay_assets.errors import NotFoundError, SearchError
from clay_assets.search.duckdb_tables import INDEX_KEY, DuckDBTables, quoted_path
from clay_assets.search.index import Index
from clay_assets.store import Store

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class _Opened:
    """One version of the file."""

    etag: str
    connection: "duckdb.DuckDBPyConnection"


class DuckDBIndex(Index):
    """The index file of a store; follows it when it is built anew. Safe to share by threads."""

    engine = "duckdb"

    def __init__(self, store: Store) -> None:
        """Nothing is opened before the first question."""
        super().__init__()
        self._store = store
        self._lock = threading.Lock()
        self._opened: _Opened | None = None

    @contextmanager
    def reading(self) -> Iterator[DuckDBTables]:
        """One version of the file, while the block lasts.

        Raises:
            NotFoundError: there is no index yet.
            SearchError: the file is not an index that this version reads.
        """
        with self._lock:
            opened = self._current()
        with opened.connection.cursor() as cursor:
            cursor.execute("USE index")
            yield DuckDBTables(cursor)

    def close(self) -> None:
        """Let go of the file; asking again opens it again."""
        with self._lock:
            self._opened = None

    def _current(self) -> _Opened:
        try:
            etag = self._store.stat(INDEX_KEY).etag
            if self._opened is None or self._opened.etag != etag:
                # Whoever still reads the version before keeps it alive by a cursor.
                self._opened = _Opened(etag, self._open())
        except NotFoundError as error:
            raise NotFoundError(
                f"there is no index yet ({self._store.url(INDEX_KEY)} does not exist); "
                "materialise duckdb_index first"
            ) from error
        return self._opened

    def _open(self) -> "duckdb.DuckDBPyConnection":
        import duckdb

        path = self._store.local_path(INDEX_KEY)
        connection = duckdb.connect()
        try:
            connection.execute(f"ATTACH {quoted_path(path)} AS index (READ_ONLY)")
            connection.execute("SELECT code_version FROM index.build")
        except duckdb.Error as error:
            raise SearchError(
                f"{path} is not an index that can be read: {str(error).splitlines()[0]}; delete "
                "it and materialise duckdb_index again"
            ) from error
        return connection
