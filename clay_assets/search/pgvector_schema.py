"""Setting up a database for the index, and connections that write to it or only read."""

import psycopg
from pgvector.psycopg import register_vector
from psycopg.sql import SQL, Identifier

from clay_assets.errors import DatabaseError, NotFoundError
from clay_assets.search.pgvector_layout import BOOKS, OLD_SCHEMAS, SCHEMAS

CODE_VERSION = 4
"""Raised when the same embeddings would give other tables."""
MIN_PGVECTOR = (0, 8, 0)
READER = "clay_reader"
"""Role that may read the index and nothing else; whoever searches takes it on."""


def prepare_database(connection: psycopg.Connection) -> None:
    """Make the extension, the role and the tables unless they are there.

    Tables of other code are replaced.

    Raises:
        DatabaseError: the server has no pgvector, one that is too old, or forbids it.
    """
    if _code_version(connection) != CODE_VERSION:
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('clay_assets'))")
        _make_extension(connection)
        if _code_version(connection) != CODE_VERSION:  # nobody else did meanwhile
            for schema in (*SCHEMAS, *OLD_SCHEMAS):
                connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE".encode())
            connection.execute(BOOKS)
            connection.execute("INSERT INTO clay_assets.version VALUES (%s)", [CODE_VERSION])
            _let_read(connection)
        connection.commit()
    register_vector(connection)


def lock_product(connection: psycopg.Connection, product: str, *, alone: bool) -> None:
    """Wait for a turn to change a product, beside other writers or alone, until the commit."""
    lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
    connection.execute(f"SELECT {lock}(hashtext('clay_assets'), hashtext(%s))".encode(), [product])


def lock_tile(connection: psycopg.Connection, product: str, tile: str) -> None:
    """Wait until nobody else changes a tile of a product; held until the commit."""
    connection.execute(
        "SELECT pg_advisory_xact_lock(hashtext('clay_assets tile'), hashtext(%s))",
        [f"{product} {tile}"],
    )


def register_index(connection: psycopg.Connection) -> None:
    """Make a connection ready to search, as the role that may only read.

    Raises:
        NotFoundError: nothing was indexed yet in this database, or by other code.
        DatabaseError: the user may not take on the role.
    """
    try:
        if _code_version(connection) != CODE_VERSION:
            raise NotFoundError(
                f"there is no index yet in {_server(connection)}; materialise pgvector_index first"
            )
        connection.execute(SQL("SET ROLE {}").format(Identifier(READER)))
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseError(
            f"user {connection.info.user} may not read the index in {_server(connection)}: "
            f"{str(error).splitlines()[0]}; let an administrator run "
            f"GRANT {READER} TO {connection.info.user}"
        ) from error
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


def _let_read(connection: psycopg.Connection) -> None:
    """Make the role of readers, one for all databases of the server, and let it read."""
    user, role = Identifier(connection.info.user), Identifier(READER)
    try:
        with connection.transaction():
            connection.execute(
                SQL(
                    "DO $$ BEGIN CREATE ROLE {} NOLOGIN; "
                    "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
                ).format(role)
            )
            found = connection.execute("SELECT pg_has_role(%s, 'MEMBER')", [READER]).fetchall()
            if not found[0][0]:
                connection.execute(SQL("GRANT {} TO {}").format(role, user))
    except psycopg.errors.InsufficientPrivilege as error:
        raise DatabaseError(
            f"user {connection.info.user} may not make the role {READER} in {_server(connection)}:"
            f" {str(error).splitlines()[0]}; let an administrator run CREATE ROLE {READER} and "
            f"GRANT {READER} TO {connection.info.user}"
        ) from error
    for schema in map(Identifier, SCHEMAS):
        connection.execute(SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, role))
        connection.execute(
            SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}").format(schema, role)
        )
        connection.execute(
            SQL("ALTER DEFAULT PRIVILEGES IN SCHEMA {} GRANT SELECT ON TABLES TO {}").format(
                schema, role
            )
        )


def _code_version(connection: psycopg.Connection) -> int | None:
    there = connection.execute("SELECT to_regclass('clay_assets.version')").fetchall()[0][0]
    if there is None:
        return None
    return int(connection.execute("SELECT code_version FROM clay_assets.version").fetchall()[0][0])


def _server(connection: psycopg.Connection) -> str:
    info = connection.info
    return f"database {info.dbname} of PostgreSQL at {info.host}"
