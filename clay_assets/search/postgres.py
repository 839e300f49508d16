"""Reaching PostgreSQL: your own server by its URL, or the embedded one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from clay_assets.errors import DatabaseError
from clay_assets.search.embedded_postgres import EmbeddedPostgres

_CONNECT_TIMEOUT_S = 10


@contextmanager
def postgres_server(url: str | None, folder: Path) -> Iterator[str]:
    """URL of a server that runs while the block does.

    Args:
        url: your own server; None for the embedded one.
        folder: data folder of the embedded one.

    Raises:
        DatabaseError: the server cannot be reached or started.
    """
    if url is None:
        with EmbeddedPostgres(folder).running() as embedded:
            yield embedded
        return
    with connected(url):
        pass
    yield url


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection]:
    """A connection that commits when the block ends well and rolls back otherwise.

    Raises:
        DatabaseError: the server cannot be reached, or the connection broke.
    """
    connection = connect(url)
    with clear_errors(url), connection:
        yield connection


def connect(url: str) -> psycopg.Connection:
    """A new connection.

    Raises:
        DatabaseError: the server cannot be reached; never shows the password.
    """
    where = server_name(url)
    try:
        return psycopg.connect(url, connect_timeout=_CONNECT_TIMEOUT_S, prepare_threshold=None)
    except psycopg.OperationalError as error:
        raise DatabaseError(
            f"PostgreSQL at {where} cannot be reached: {_first_line(error)}; start it, or correct "
            "or unset CLAY_POSTGRES_URL"
        ) from None  # the chained error repeats every address that was tried


@contextmanager
def clear_errors(url: str) -> Iterator[None]:
    """Say which server it was when a connection breaks.

    Raises:
        DatabaseError: the connection broke.
    """
    try:
        yield
    except psycopg.OperationalError as error:
        raise DatabaseError(
            f"PostgreSQL at {server_name(url)} broke off: {_first_line(error)}; see the server's "
            "log and run again"
        ) from error


def server_name(url: str) -> str:
    """Host, port and database of a URL, without user or password.

    >>> server_name("postgresql://me:secret@db.example:5433/clay")
    'db.example:5433/clay'

    Raises:
        DatabaseError: not a connection URL.
    """
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise DatabaseError(
            "CLAY_POSTGRES_URL is not a connection URL (not shown: it may hold a password); "
            "expected postgresql://user:password@host:port/database"
        ) from None
    host, port = parts.get("host", "localhost"), parts.get("port", 5432)
    return f"{host}:{port}/{parts.get('dbname', '')}"


def _first_line(error: psycopg.Error) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
