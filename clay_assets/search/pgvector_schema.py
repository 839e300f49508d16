"""Setting up a database for the index, and a connection to it."""

import psycopg
from pgvector.psycopg import register_vector

from clay_assets.errors import DatabaseError, NotFoundError
from clay_assets.search.pgvector_tables import BOOKS, SCHEMAS

CODE_VERSION = 2
"""Raised when the same embeddings would give other tables."""
MIN_PGVECTOR = (0, 8, 0)


def prepare_database(connection: psycopg.Connection) -> None:
    """Make the extension and the tables unless they are there; replace those of other code.

    Raises:
        DatabaseError: the server has no pgvector, one that is too old, or forbids it.
    """
    if _code_version(connection) != CODE_VERSION:
        lock_writers(connection)
        _make_extension(connection)
        if _code_version(connection) != CODE_VERSION:  # nobody else did meanwhile
            for schema in SCHEMAS:
                connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())
            connection.execute(BOOKS)
            connection.execute("INSERT INTO clay_assets.version VALUES (%s)", [CODE_VERSION])
        connection.commit()
    register_vector(connection)


def lock_writers(connection: psycopg.Connection) -> None:
    """Wait until no other transaction changes the index; held until this one ends."""
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('clay_assets'))")


def register_index(connection: psycopg.Connection) -> None:
    """Make a connection ready to search.

    Raises:
        NotFoundError: nothing was indexed yet in this database, or by other code.
    """
    if _code_version(connection) != CODE_VERSION:
        raise NotFoundError(
            f"there is no index yet in {_server(connection)}; materialise pgvector_index first"
        )
    register_vector(connection)
    connection.commit()


def check_pgvector(version: str) -> None:
    """Refuse a pgvector without the operators that are used.

    >>> check_pgvector("0.8.5")

    Raises:
        DatabaseError: it is too old.
    """
    if tuple(int(part) for part in version.split(".")) < MIN_PGVECTOR:
        raise DatabaseError(
            f"pgvector must be {'.'.join(map(str, MIN_PGVECTOR))} or newer, found {version}; "
            "update it and run ALTER EXTENSION vector UPDATE"
        )


def _make_extension(connection: psycopg.Connection) -> None:
    try:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile) as error:
        raise DatabaseError(
            f"{_server(connection)} has no pgvector; install pgvector "
            f"{'.'.join(map(str, MIN_PGVECTOR))} or newer there, or unset CLAY_POSTGRES_URL"
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseError(
            f"user {connection.info.user} may not set up {_server(connection)}: "
            f"{str(error).splitlines()[0]}; let an administrator run CREATE EXTENSION vector and "
            f"GRANT CREATE ON DATABASE {connection.info.dbname} TO {connection.info.user}"
        ) from error
    found = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    check_pgvector(str(found.fetchall()[0][0]))


def _code_version(connection: psycopg.Connection) -> int | None:
    there = connection.execute("SELECT to_regclass('clay_assets.version')").fetchall()[0][0]
    if there is None:
        return None
    return int(connection.execute("SELECT code_version FROM clay_assets.version").fetchall()[0][0])


def _server(connection: psycopg.Connection) -> str:
    info = connection.info
    return f"database {info.dbname} of PostgreSQL at {info.host}"
