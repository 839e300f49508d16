"""Searching `indexes/index.duckdb`."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clay_assets.errors import NotFoundError, UnusableIndexError
from clay_assets.search.duckdb_tables import (
    CODE_VERSION,
    INDEX_KEY,
    MEMORY_LIMIT,
    DuckDBTables,
    quoted_path,
    read_products,
)
from clay_assets.search.index import Index
from clay_assets.search.row_files import RowFiles, open_row_files, row_keys
from clay_assets.search.tables import IndexedProduct
from clay_assets.store import Store

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class _Opened:
    """One version of the file."""

    etag: str
    connection: "duckdb.DuckDBPyConnection"
    products: list[IndexedProduct]
    files: Mapping[str, RowFiles]


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
            UnusableIndexError: the file is not an index that this version reads.
        """
        with self._lock:
            opened = self._current()
        with opened.connection.cursor() as cursor:
            cursor.execute("USE index")
            yield DuckDBTables(cursor, opened.products, opened.files)

    def close(self) -> None:
        """Let go of the file; asking again opens it again."""
        with self._lock:
            self._opened = None

    def _current(self) -> _Opened:
        try:
            etag = self._store.stat(INDEX_KEY).etag
            while self._opened is None or self._opened.etag != etag:
                # Whoever still reads the version before keeps it alive by a cursor.
                connection = open_database(self._store.local_path(INDEX_KEY))
                try:
                    self._opened = self._open(etag, connection)
                except NotFoundError:
                    latest = self._store.stat(INDEX_KEY).etag
                    if latest == etag:  # else it was built anew since, and the rows with it
                        raise
                    etag = latest
        except NotFoundError as error:
            raise NotFoundError(
                f"there is no whole index yet ({error}); materialise duckdb_index first"
            ) from error
        return self._opened

    def _open(self, etag: str, connection: "duckdb.DuckDBPyConnection") -> _Opened:
        with connection.cursor() as cursor:
            cursor.execute("USE index")
            names = cursor.execute("SELECT product, row_files FROM products").fetchall()
            products = read_products(cursor)
        files = {
            product: open_row_files([self._store.local_path(key) for key in row_keys(name)])
            for product, name in names
        }
        return _Opened(etag, connection, products, files)


def open_database(path: Path) -> "duckdb.DuckDBPyConnection":
    """A connection with an index file as `index`, read only, in bounded memory.

    Raises:
        UnusableIndexError: the file is not an index that this version reads.
    """
    import duckdb

    connection = duckdb.connect(config={"memory_limit": MEMORY_LIMIT})
    try:
        connection.execute(f"ATTACH {quoted_path(path)} AS index (READ_ONLY)")
        found = connection.execute("SELECT code_version FROM index.build").fetchone()
    except duckdb.Error as error:
        raise UnusableIndexError(
            f"{path} is not an index that can be read: {str(error).splitlines()[0]}; delete "
            "it and materialise duckdb_index again"
        ) from error
    if found is None or found[0] != CODE_VERSION:
        raise UnusableIndexError(
            f"{path} was built by another version of this package (code version "
            f"{found[0] if found else 'none'}, needed {CODE_VERSION}); materialise duckdb_index "
            "again"
        )
    return connection
