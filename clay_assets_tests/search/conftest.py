"""A real PostgreSQL server for the tests of this folder, and small installations."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from clay_assets.search import postgres_server
from clay_assets.synthetic import generate
from clay_assets_tests.search.small_installation import SmallInstallation, make_installation


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


@pytest.fixture(scope="session")
def generated_area(tmp_path_factory: pytest.TempPathFactory) -> SmallInstallation:
    """A generated landscape of two dates, in both indexes, by chip and by patch."""
    home = tmp_path_factory.mktemp("generated")
    imagery = generate(home / "synthetic", size_px=256, dates=2, cloud_cover_pct=5)
    return make_installation(home, str(imagery))


@pytest.fixture(scope="session")
def real_tile(tmp_path_factory: pytest.TempPathFactory, shared_imagery: Path) -> SmallInstallation:
    """Sentinel-2 over 29RKH on 2020-02-19, pixels of 100 m, in both indexes."""
    item = shared_imagery / "s2_29RKH_20200219/item_local.json"
    return make_installation(tmp_path_factory.mktemp("real"), str(item))
