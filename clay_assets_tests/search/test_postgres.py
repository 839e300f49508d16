"""Reaching a server, and what is said when there is none."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from clay_assets.errors import DatabaseError
from clay_assets.search.postgres import connected, postgres_server, server_name


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgres_server(None, tmp_path_factory.mktemp("postgres")) as url:
        yield url


def test_own_server_is_used_as_it_is(url: str, tmp_path: Path) -> None:
    with postgres_server(url, tmp_path / "unused") as found:
        assert found == url
    assert not (tmp_path / "unused").exists()


def test_server_that_is_down_is_named_without_its_password(tmp_path: Path) -> None:
    down = "postgresql://me:hunter2@127.0.0.1:1/clay"
    with (
        pytest.raises(
            DatabaseError, match=r"127\.0\.0\.1:1/clay cannot be reached.*start"
        ) as error,
        postgres_server(down, tmp_path),
    ):
        pass
    assert "hunter2" not in str(error.value)
    assert error.value.__cause__ is None


@pytest.mark.parametrize("wrong", ["postgresql://me:50%-off@host/db", "me:hunter2"])
def test_url_that_cannot_be_read_is_not_shown(wrong: str) -> None:
    with pytest.raises(DatabaseError, match="not a connection URL") as error:
        server_name(wrong)
    assert "50%" not in str(error.value)
    assert "hunter2" not in str(error.value)


def test_block_commits_or_rolls_back(url: str) -> None:
    with connected(url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    with pytest.raises(ZeroDivisionError):
        _insert_and_fail(url)
    with connected(url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def _insert_and_fail(url: str) -> None:
    with connected(url) as connection:
        connection.execute("INSERT INTO kept VALUES (1)")
        raise ZeroDivisionError


def test_connection_that_breaks_is_a_clear_error(url: str) -> None:
    with pytest.raises(DatabaseError, match="broke off: terminating connection"):
        _lose_connection(url)


def _lose_connection(url: str) -> None:
    with connected(url) as connection, psycopg.connect(url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
        connection.execute("SELECT 1")
