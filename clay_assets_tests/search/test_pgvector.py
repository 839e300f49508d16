"""Bringing tiles into a real PostgreSQL, and reading while they are replaced."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import psycopg
import pytest

from clay_assets.embeddings.listing import list_files
from clay_assets.errors import DatabaseError, NotFoundError, SearchError
from clay_assets.search import (
    PgvectorIndex,
    Query,
    maintain_pgvector,
    maintain_products,
    remove_tile,
    sync_tile,
)
from clay_assets.search.pgvector_bloat import tidy
from clay_assets.search.pgvector_schema import check_pgvector
from clay_assets.store import Store
from clay_assets_tests.embeddings.conftest import put_manifest
from clay_assets_tests.search.embedding_files import (
    MadeChip,
    made_chips,
    write_all,
    write_embeddings,
)

CHECKOUT = Path(__file__).parents[2]
STALLED_SYNC = """
import sys
from pathlib import Path
from clay_assets.search import pgvector_sync
from clay_assets.store import Store
def stall(*_):
    print("rows written, not committed", flush=True)
    sys.stdin.readline()
pgvector_sync._refresh_statistics = stall
url, root, cache = sys.argv[1:]
pgvector_sync.sync_tile(url, Store(root, Path(cache)), "clay", "32VKM", run_id="killed")
"""


@pytest.fixture
def chips() -> list[MadeChip]:
    return [chip for tile in ("32VKM", "32VLM") for chip in made_chips(tile, 12, width=8)]


def found(index: PgvectorIndex) -> list[str]:
    hits = index.search(Query("clay", vector=[1] * 8, k=1000))
    return sorted(hits.frame["chip_id"])


def _sync_both(url: str, store: Store) -> None:
    for tile in ("32VKM", "32VLM"):
        sync_tile(url, store, "clay", tile, run_id="one")


def ids(chips: list[MadeChip]) -> list[str]:
    return sorted(chip.chip_id for chip in chips)


def test_unchanged_tile_is_skipped(store: Store, database_url: str, chips: list[MadeChip]) -> None:
    write_all(store, "clay", chips)
    first = sync_tile(database_url, store, "clay", "32VKM", run_id="one")
    again = sync_tile(database_url, store, "clay", "32VKM", run_id="two")
    assert (first.skipped, first.rows, first.product_rows) == (False, 12, 12)
    assert (again.skipped, again.rows, again.product_rows) == (True, 12, 12)
    assert again.data_version == first.data_version
    with psycopg.connect(database_url) as connection:
        runs = connection.execute("SELECT run_id FROM clay_assets.tiles").fetchall()
        assert runs == [("one",)]


def test_changed_tile_is_replaced_and_others_stay(
    store: Store, database_url: str, chips: list[MadeChip]
) -> None:
    write_all(store, "clay", chips)
    _sync_both(database_url, store)
    write_embeddings(store, "clay", "32VKM", chips[3:12], version="2")
    report = sync_tile(database_url, store, "clay", "32VKM", run_id="two")
    assert (report.skipped, report.rows, report.product_rows) == (False, 9, 21)
    with PgvectorIndex(database_url) as index:
        assert found(index) == ids(chips[3:])


def test_removed_tile_is_gone_and_comes_back(
    store: Store, database_url: str, chips: list[MadeChip]
) -> None:
    write_all(store, "clay", chips)
    assert remove_tile(database_url, "clay", "32VKM") == 0  # nothing there yet
    _sync_both(database_url, store)
    assert remove_tile(database_url, "clay", "32VKM") == 12
    with PgvectorIndex(database_url) as index:
        assert found(index) == ids(chips[12:])
        assert not sync_tile(database_url, store, "clay", "32VKM", run_id="two").skipped
        assert found(index) == ids(chips)


def test_a_tile_without_chips_loses_its_rows(
    store: Store, database_url: str, chips: list[MadeChip]
) -> None:
    write_all(store, "clay", chips)
    _sync_both(database_url, store)
    put_manifest(store, [], "32VKM")
    store.delete([file.key for file in list_files(store, "clay") if file.tile == "32VKM"])
    report = sync_tile(database_url, store, "clay", "32VKM", run_id="two")
    assert (report.skipped, report.rows, report.product_rows) == (False, 0, 12)
    assert sync_tile(database_url, store, "clay", "32VKM", run_id="two").skipped
    with PgvectorIndex(database_url) as index:
        assert found(index) == ids(chips[12:])


def test_new_checkpoint_takes_the_place_of_the_old(
    store: Store, database_url: str, chips: list[MadeChip]
) -> None:
    write_all(store, "clay", chips)
    _sync_both(database_url, store)
    wider = made_chips("32VKM", 12, width=20)
    write_embeddings(store, "clay", "32VKM", wider, version="2", checkpoint_id="cd34")
    with PgvectorIndex(database_url) as index:
        assert len(found(index)) == 24
        sync_tile(database_url, store, "clay", "32VKM", run_id="two")
        (product,) = index.products()
        assert (product.checkpoint_id, product.width, product.rows) == ("cd34", 20, 12)
        assert len(index.search(Query("clay", vector=[1] * 20, k=100)).frame) == 12
    with pytest.raises(SearchError, match=r"32VLM.*checkpoint ab12.*newest of clay by cd34"):
        sync_tile(database_url, store, "clay", "32VLM", run_id="two")


def test_missing_embeddings_are_a_clear_error(store: Store, database_url: str) -> None:
    with pytest.raises(NotFoundError, match="tile 32VKM has no embeddings of product clay"):
        sync_tile(database_url, store, "clay", "32VKM", run_id="one")
    with (
        pytest.raises(NotFoundError, match=r"no index yet in database test_.* materialise"),
        PgvectorIndex(database_url) as index,
    ):
        index.products()


def test_damaged_embedding_leaves_the_old_rows(
    store: Store, database_url: str, chips: list[MadeChip]
) -> None:
    write_all(store, "clay", chips[:12])
    sync_tile(database_url, store, "clay", "32VKM", run_id="one")
    damaged = [*chips[:5], replace(chips[5], embedding=np.full(8, np.nan)), *chips[6:12]]
    write_embeddings(store, "clay", "32VKM", damaged, version="2")
    with pytest.raises(SearchError, match=f"chip {chips[5].chip_id} is all zeros or not finite"):
        sync_tile(database_url, store, "clay", "32VKM", run_id="two")
    with PgvectorIndex(database_url) as index:
        assert found(index) == ids(chips[:12])


@pytest.mark.parametrize("other", ["32VKM", "32VLM"])
def test_one_chip_id_twice_is_refused(
    store: Store, database_url: str, chips: list[MadeChip], other: str
) -> None:
    twice = replace(chips[0], mgrs=other)
    write_all(store, "clay", [*chips, twice])
    with pytest.raises(SearchError, match=f"chip {twice.chip_id} is more than once .* {other};"):
        _sync_both(database_url, store)


def test_wide_embeddings_are_searched_and_the_widest_refused(
    store: Store, database_url: str
) -> None:
    wide = made_chips("32VKM", 3, width=5_000)
    write_all(store, "clay", wide)
    sync_tile(database_url, store, "clay", "32VKM", run_id="one")
    with PgvectorIndex(database_url) as index:
        hits = index.search(Query("clay", chip_id=wide[0].chip_id, include_query=True, k=1))
        assert hits.frame["chip_id"].tolist() == [wide[0].chip_id]
    write_all(store, "wider", made_chips("32VKM", 2, width=16_001))
    with pytest.raises(SearchError, match=r"16001 numbers, pgvector takes at most 16000; .*duckdb"):
        sync_tile(database_url, store, "wider", "32VKM", run_id="one")


def test_writers_at_once_lose_and_double_nothing(
    store: Store, database_url: str, chips: list[MadeChip]
) -> None:
    tiles = ["32VKM", "32VLM", "33VUG", "33VVG"]
    some = [chip for tile in tiles for chip in made_chips(tile, 30, width=8)]
    write_all(store, "clay", some)
    write_all(store, "other", some)
    work = [(product, tile) for product in ("clay", "other") for tile in tiles * 2]
    with ThreadPoolExecutor(8) as pool:
        reports = list(
            pool.map(lambda pt: sync_tile(database_url, store, *pt, run_id="at once"), work)
        )
    assert sum(not report.skipped for report in reports) == 8
    with PgvectorIndex(database_url) as index:
        assert found(index) == ids(some)
        assert [product.rows for product in index.products()] == [120, 120]


def test_readers_see_a_tile_before_or_after(
    store: Store, database_url: str, chips: list[MadeChip]
) -> None:
    """Also while a new checkpoint of another width takes the tables away."""
    write_all(store, "clay", chips[:12])
    sync_tile(database_url, store, "clay", "32VKM", run_id="first")
    index = PgvectorIndex(database_url)
    seen: set[tuple[int, int]] = set()
    faults: list[BaseException] = []
    stop = threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                with index.reading() as tables:
                    (product,) = tables.products()
                    rows = tables.chips(product, "TRUE", {}, vectors=True)
                    seen.add((len(rows), rows["embedding"].type.list_size))
                    assert product.rows == len(rows)
        except BaseException as error:
            faults.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for turn in range(12):
        width, count = (8, 12) if turn % 2 else (20, 9)
        again = made_chips("32VKM", count, width=width)
        write_embeddings(
            store, "clay", "32VKM", again, version=str(turn), checkpoint_id=f"check{width}"
        )
        sync_tile(database_url, store, "clay", "32VKM", run_id="again")
    stop.set()
    for reader in readers:
        reader.join()
    assert not faults
    assert seen == {(12, 8), (9, 20)}


def test_one_search_sees_one_state(store: Store, database_url: str, chips: list[MadeChip]) -> None:
    write_all(store, "clay", chips)
    _sync_both(database_url, store)
    with PgvectorIndex(database_url) as index:
        with index.reading() as tables:
            (product,) = tables.products()
            remove_tile(database_url, "clay", "32VKM")
            assert len(tables.chips(product, "TRUE", {}, vectors=False)) == 24
        assert found(index) == ids(chips[12:])


def test_killed_sync_leaves_the_old_rows(
    store: Store, database_url: str, chips: list[MadeChip]
) -> None:
    write_all(store, "clay", chips[:12])
    sync_tile(database_url, store, "clay", "32VKM", run_id="one")
    write_embeddings(store, "clay", "32VKM", chips[:6], version="2")
    killed = subprocess.Popen(
        [sys.executable, "-c", STALLED_SYNC, database_url, store.root, str(store.cache)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
    )
    assert killed.stdout
    assert killed.stdout.readline() == "rows written, not committed\n"
    with PgvectorIndex(database_url) as index:
        assert found(index) == ids(chips[:12])  # and the reader did not wait
        killed.kill()
        killed.wait()
        assert found(index) == ids(chips[:12])
        assert not sync_tile(database_url, store, "clay", "32VKM", run_id="two").skipped
        assert found(index) == ids(chips[:6])


def test_tables_of_other_code_are_made_anew(
    store: Store, database_url: str, chips: list[MadeChip]
) -> None:
    write_all(store, "clay", chips)
    _sync_both(database_url, store)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE clay_assets.version SET code_version = 0")
    with pytest.raises(NotFoundError, match="no index yet"), PgvectorIndex(database_url) as index:
        index.products()
    assert not sync_tile(database_url, store, "clay", "32VLM", run_id="two").skipped
    with PgvectorIndex(database_url) as index:
        assert found(index) == ids(chips[12:])


def test_search_goes_on_after_the_server_dropped_its_connections(
    store: Store, database_url: str, chips: list[MadeChip]
) -> None:
    write_all(store, "clay", chips[:12])
    sync_tile(database_url, store, "clay", "32VKM", run_id="one")
    with PgvectorIndex(database_url) as index:
        assert len(found(index)) == 12
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert len(found(index)) == 12


def test_threads_share_an_index(store: Store, database_url: str, chips: list[MadeChip]) -> None:
    write_all(store, "clay", chips)
    _sync_both(database_url, store)
    with PgvectorIndex(database_url) as index, ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: found(index), range(60)))
        assert all(answer == ids(chips) for answer in answers)


def test_server_without_pgvector_says_what_to_install(
    store: Store, database_url: str, chips: list[MadeChip]
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            f"ALTER DATABASE {connection.info.dbname} SET extension_control_path = '/nowhere'"
        )
    write_all(store, "clay", chips[:12])
    with pytest.raises(DatabaseError, match=r"test_\w+ of .* has no pgvector; install .*0\.8\.0"):
        sync_tile(database_url, store, "clay", "32VKM", run_id="one")


def test_user_who_may_not_set_up_is_told_what_to_ask_for(
    store: Store, database_url: str, chips: list[MadeChip]
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute("CREATE ROLE reader LOGIN")
    write_all(store, "clay", chips[:12])
    as_reader = database_url.replace("postgres@", "reader@")
    with pytest.raises(DatabaseError, match=r"user reader may not set up .*CREATE EXTENSION"):
        sync_tile(as_reader, store, "clay", "32VKM", run_id="one")


def test_old_pgvector_is_refused() -> None:
    with pytest.raises(DatabaseError, match=r"must be 0\.8\.0 or newer, found 0\.6\.2; update"):
        check_pgvector("0.6.2")


def test_readers_take_on_a_role_that_cannot_write(
    store: Store, database_url: str, chips: list[MadeChip]
) -> None:
    write_all(store, "clay", chips)
    _sync_both(database_url, store)
    with PgvectorIndex(database_url) as index, index.reading() as tables:
        user = tables._connection.execute("SELECT current_user").fetchone()
    assert user == ("clay_reader",)
    with psycopg.connect(database_url) as connection:
        connection.execute("SET ROLE clay_reader")
        assert connection.execute('SELECT count(*) FROM clay_rows."clay"').fetchone() == (24,)
        for table in ("clay_assets.tiles", 'clay_vectors."clay"'):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute(f"DELETE FROM {table}")


def test_user_who_may_not_read_is_told_what_to_ask_for(
    store: Store, database_url: str, chips: list[MadeChip]
) -> None:
    write_all(store, "clay", chips)
    _sync_both(database_url, store)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS stranger")
        connection.execute("CREATE ROLE stranger LOGIN")
    with (
        pytest.raises(DatabaseError, match=r"stranger may not read .* GRANT clay_reader TO stran"),
        PgvectorIndex(database_url.replace("postgres@", "stranger@")) as index,
    ):
        index.products()


def test_user_who_may_not_make_the_role_is_told_what_to_ask_for(
    store: Store, database_url: str, chips: list[MadeChip]
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
        connection.execute("DROP ROLE IF EXISTS maker")
        connection.execute("CREATE ROLE maker LOGIN")
        connection.execute(f"GRANT CREATE ON DATABASE {connection.info.dbname} TO maker")
    write_all(store, "clay", chips)
    as_maker = database_url.replace("postgres@", "maker@")
    with pytest.raises(DatabaseError, match=r"maker may not make the role clay_reader .* TO maker"):
        sync_tile(as_maker, store, "clay", "32VKM", run_id="one")


def test_connection_lost_in_a_search_is_said_and_the_next_search_works(
    store: Store, database_url: str, chips: list[MadeChip]
) -> None:
    write_all(store, "clay", chips)
    _sync_both(database_url, store)
    with PgvectorIndex(database_url) as index:
        with pytest.raises(DatabaseError, match=r"broke off: .*; see the server's log"):
            _lose_connection(index, database_url)
        assert found(index) == ids(chips)


def _lose_connection(index: PgvectorIndex, url: str) -> None:
    with index.reading() as tables, psycopg.connect(url, autocommit=True) as other:
        backend = tables._connection.info.backend_pid
        other.execute("SELECT pg_terminate_backend(%s)", [backend])
        tables.products()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few hundred rows be many."""
    monkeypatch.setattr("clay_assets.search.centre.SKETCH_MIN_ROWS", 100)
    monkeypatch.setattr("clay_assets.search.pgvector_graphs.MIN_ROWS", 100)
    monkeypatch.setattr("clay_assets.search.pgvector_recall.SAMPLES", 25)
    monkeypatch.setattr("clay_assets.search.sketch_recall.LEAST_RERANK", 20)
    for module in ("plan", "pgvector_graphs", "pgvector_tables"):
        monkeypatch.setattr(f"clay_assets.search.{module}.EXACT_MAX_ROWS", 99)


@pytest.mark.usefixtures("small")
def test_graphs_answer_what_is_in_them_and_rows_beyond_are_found_too(
    store: Store, database_url: str
) -> None:
    chips = [chip for tile in ("32VKM", "32VLM") for chip in made_chips(tile, 300, width=160)]
    write_all(store, "clay", chips)
    _sync_both(database_url, store)
    report = maintain_pgvector(database_url, "clay")
    assert (report.graphs_built, report.rows_in_graphs, report.skipped) == (1, 600, False)
    assert report.recall["hnsw"] >= 0.99
    assert report.recall["sketch"] >= 0.9
    assert maintain_pgvector(database_url, "clay").skipped
    query = Query("clay", chip_id=chips[7].chip_id, k=5)
    with PgvectorIndex(database_url) as index:
        hits = index.search(query)
        assert (hits.how, hits.expected_recall) == ("hnsw", report.recall["hnsw"])
        assert hits.frame["id"].tolist() == index.search(query, exact=True).frame["id"].tolist()
        more = [replace(chips[7], chip_id="twin", mgrs="33VUG")]
        write_all(store, "clay", more)
        sync_tile(database_url, store, "clay", "33VUG", run_id="two")
        hits = index.search(query)
        assert (hits.how, hits.frame["id"][0]) == ("hnsw", "twin")
        remove_tile(database_url, "clay", "33VUG")
        assert "twin" not in index.search(query).frame["id"].tolist()


@pytest.mark.usefixtures("small")
def test_all_graphs_of_a_product_are_walked_and_their_answers_merged(
    store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clay_assets.search.pgvector_graphs.MAX_ROWS", 400)
    chips = [chip for tile in ("32VKM", "32VLM") for chip in made_chips(tile, 300, width=160)]
    write_all(store, "clay", chips)
    _sync_both(database_url, store)
    report = maintain_pgvector(database_url, "clay")
    assert (report.graphs_built, report.rows_in_graphs) == (2, 600)
    tiles = set()
    with PgvectorIndex(database_url) as index:
        for chip in chips[::60]:
            query = Query("clay", chip_id=chip.chip_id, k=10)
            hits = index.search(query)
            assert hits.how == "hnsw"
            assert hits.frame["id"].tolist() == index.search(query, exact=True).frame["id"].tolist()
            tiles |= set(hits.frame["mgrs"])
    assert tiles == {"32VKM", "32VLM"}
    assert min(_walks(database_url)) >= 10


def _walks(url: str) -> list[int]:
    """How often each graph was walked, as the server counts."""
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(100):  # it counts when a connection has ended
            open_ones = connection.execute(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchone()[0]
            if not open_ones:
                break
            time.sleep(0.05)
        found = connection.execute(
            "SELECT idx_scan FROM pg_stat_user_indexes JOIN pg_class ON oid = indexrelid "
            "JOIN pg_am ON relam = pg_am.oid WHERE amname = 'hnsw'"
        ).fetchall()
    return [count for (count,) in found]


@pytest.mark.usefixtures("small")
def test_worn_graphs_are_built_anew(store: Store, database_url: str) -> None:
    chips = [chip for tile in ("32VKM", "32VLM") for chip in made_chips(tile, 300, width=160)]
    write_all(store, "clay", chips)
    _sync_both(database_url, store)
    maintain_pgvector(database_url, "clay")
    write_all(store, "clay", made_chips("32VKM", 280, width=160, seed=5), version="2")
    sync_tile(database_url, store, "clay", "32VKM", run_id="two")
    query = Query("clay", chip_id=chips[400].chip_id, k=5)
    with PgvectorIndex(database_url) as index:
        assert index.search(query).how == "sketch"  # too many rows are in no graph
        report = maintain_pgvector(database_url, "clay")
        assert report.rows_in_graphs == report.rows == 580
        assert report.tidied["clay_halves"] == "vacuumed"
        assert index.search(query).how == "hnsw"
    with psycopg.connect(database_url) as connection:
        indexes = "SELECT count(*) FROM pg_indexes WHERE indexdef LIKE '%USING hnsw%'"
        in_books = "SELECT count(*) FROM clay_assets.graphs"
        assert connection.execute(indexes).fetchone() == connection.execute(in_books).fetchone()


def test_product_that_was_never_loaded_is_not_maintained(
    store: Store, database_url: str, chips: list[MadeChip]
) -> None:
    assert maintain_products(database_url) == {}
    write_all(store, "clay", chips)
    _sync_both(database_url, store)
    with pytest.raises(NotFoundError, match="no product 'soil' in the database, it holds clay;"):
        maintain_pgvector(database_url, "soil")


def test_space_of_removed_rows_is_given_back(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE kept AS SELECT n, repeat('x', 100) AS t "
            "FROM generate_series(1, 20000) AS n"
        )
        connection.execute("VACUUM ANALYZE kept")
        assert tidy(connection, "kept") is None
        connection.execute("DELETE FROM kept WHERE n % 4 <> 0")
        assert tidy(connection, "kept") == "vacuumed"  # small: what is empty will be filled again
        before = connection.execute("SELECT pg_relation_size('kept')").fetchone()[0]
        monkeypatch.setattr("clay_assets.search.pgvector_bloat._SMALL_BYTES", 0)
        connection.execute("DELETE FROM kept WHERE n % 8 <> 0")
        assert tidy(connection, "kept") == "rewritten"
        after = connection.execute("SELECT pg_relation_size('kept')").fetchone()[0]
        assert after < before / 4
