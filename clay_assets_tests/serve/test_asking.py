from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from clay_assets.embeddings import Product
from clay_assets.errors import DatabaseError, ProductError
from clay_assets.search import DuckDBIndex, Index, Query, build_duckdb
from clay_assets.serve.app import assemble
from clay_assets.serve.asking import Indexes
from clay_assets.settings import Settings
from clay_assets.store import Store
from clay_assets_tests.search.embedding_files import made_chips, write_embeddings


@pytest.fixture
def indexed(store: Store) -> Store:
    write_embeddings(store, "clay", "32VKM", made_chips("32VKM", 30))
    build_duckdb(store, run_id="test")
    return store


def test_an_index_is_opened_once_and_closed_at_the_end(indexed: Store):
    events: list[str] = []

    @contextmanager
    def open_index(engine: str) -> Iterator[Index]:
        events.append(f"open {engine}")
        with DuckDBIndex(indexed) as index:
            yield index
        events.append("close")

    indexes = Indexes(open_index)
    query = Query("clay", chip_id=made_chips("32VKM", 1)[0].chip_id)
    assert events == []
    assert len(indexes.of("duckdb").search(query).frame) == 10
    indexes.of("duckdb").search(query)
    indexes.close()
    assert events == ["open duckdb", "close"]


def test_an_engine_that_could_not_be_opened_is_tried_again(indexed: Store):
    failures = [DatabaseError("the server is starting")]

    def open_index(engine: str) -> DuckDBIndex:
        if failures:
            raise failures.pop()
        return DuckDBIndex(indexed)

    indexes = Indexes(open_index)
    query = Query("clay", chip_id=made_chips("32VKM", 1)[0].chip_id)
    with pytest.raises(DatabaseError, match="the server is starting"):
        indexes.of("pgvector").search(query)
    assert len(indexes.of("pgvector").search(query).frame) == 10
    indexes.close()


def test_products_that_cannot_be_searched_are_refused(store: Store):
    settings = Settings.from_environment({"CLAY_DATA_ROOT": store.root})
    products = {
        "groups": Product("groups", level="group"),
        "pictures": Product("pictures", input="images"),
    }
    with pytest.raises(
        ProductError, match="none of the products groups, pictures gives one vector"
    ):
        assemble(settings, products, lambda engine: DuckDBIndex(store))
