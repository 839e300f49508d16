"""Searching the pgvector index."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import IsolationLevel

from clay_assets.search.index import Index
from clay_assets.search.pgvector_schema import register_index
from clay_assets.search.pgvector_tables import PgvectorTables
from clay_assets.search.postgres import clear_errors, connect


class PgvectorIndex(Index):
    """The index in a PostgreSQL database. Safe to share by threads."""

    engine = "pgvector"

    def __init__(self, url: str) -> None:
        """Nothing is opened before the first question."""
        super().__init__()
        self._url = url
        self._idle: list[psycopg.Connection] = []
        self._lock = threading.Lock()

    @contextmanager
    def reading(self) -> Iterator[PgvectorTables]:
        """One snapshot, while the block lasts.

        Raises:
            NotFoundError: nothing was indexed yet.
            DatabaseError: the server cannot be reached.
        """
        with clear_errors(self._url):
            connection = self._begin()
            try:
                yield PgvectorTables(connection)
                connection.commit()
            except BaseException:
                connection.close()
                raise
        with self._lock:
            self._idle.append(connection)

    def close(self) -> None:
        """Close the connections that are not in use."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _begin(self) -> psycopg.Connection:
        """A connection in a new transaction, kept from before if one still works."""
        while True:
            with self._lock:
                kept = self._idle.pop() if self._idle else None
            connection = kept or self._open()
            try:
                # First of all: no table may be dropped between the snapshot and its last use.
                connection.execute("LOCK TABLE clay_assets.products IN ACCESS SHARE MODE")
            except psycopg.Error:
                connection.close()
                if kept is None:
                    raise
            else:
                return connection

    def _open(self) -> psycopg.Connection:
        connection = connect(self._url)
        register_index(connection)
        # Pages are in memory or on a flash disk: a row by its number costs no more than the next.
        connection.execute("SET random_page_cost = 1.1")
        connection.commit()
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        return connection
