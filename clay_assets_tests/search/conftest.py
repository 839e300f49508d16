"""A real PostgreSQL server for the tests of this folder, a database for each."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from clay_assets.search import postgres_server


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgres_server(None, tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture
def database_url(server_url: str) -> Iterator[str]:
    with new_database(server_url) as url:
        yield url


@contextmanager
def new_database(server_url: str) -> Iterator[str]:
    """URL of an empty database, which is there while the block lasts."""
    name = Identifier(f"test_{uuid.uuid4().hex[:8]}")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(name))
        yield server_url.replace("@/postgres?", f"@/{name.as_string()[1:-1]}?")
        connection.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(name))
