"""A real PostgreSQL server for the tests of this folder, a database for each."""

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from clay_assets.search import postgres_server


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgres_server(None, tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture
def database_url(server_url: str) -> str:
    return new_database(server_url)


def new_database(server_url: str) -> str:
    """URL of a new, empty database."""
    name = f"test_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
    return server_url.replace("@/postgres?", f"@/{name}?")
