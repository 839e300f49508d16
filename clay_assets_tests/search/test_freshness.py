"""An index that is older than its files is told, and of which tiles."""

from clay_assets.search import DuckDBIndex, PgvectorIndex, build_duckdb, remove_tile, sync_tile
from clay_assets.search.freshness import stale_tiles, stale_words
from clay_assets.store import Store
from clay_assets_tests.search.embedding_files import made_chips, write_embeddings


def test_tiles_embedded_anew_added_or_taken_away_are_named(store: Store, database_url: str) -> None:
    chips = {tile: made_chips(tile, 6, width=8) for tile in ("32VKM", "32VLM", "33VUG")}
    keys = {tile: write_embeddings(store, "clay", tile, chips[tile]) for tile in ("32VKM", "32VLM")}
    build_duckdb(store, run_id="run")
    for tile in keys:
        sync_tile(database_url, store, "clay", tile, run_id="run")
    with DuckDBIndex(store) as duckdb, PgvectorIndex(database_url) as pgvector:
        for index in (duckdb, pgvector):
            assert stale_tiles(store, index, "clay") == ()
        write_embeddings(store, "clay", "32VKM", chips["32VKM"], version="2")
        write_embeddings(store, "clay", "33VUG", chips["33VUG"])
        store.delete([keys["32VLM"]])
        for index in (duckdb, pgvector):
            assert stale_tiles(store, index, "clay") == ("32VKM", "32VLM", "33VUG")
        assert stale_tiles(store, duckdb, "other") == ()
        build_duckdb(store, run_id="again")
        sync_tile(database_url, store, "clay", "32VKM", run_id="again")
        remove_tile(database_url, "clay", "32VLM")
        assert stale_tiles(store, duckdb, "clay") == ()
        assert stale_tiles(store, pgvector, "clay") == ("33VUG",)


def test_many_stale_tiles_are_counted() -> None:
    words = stale_words(tuple("abcdefg"), "pgvector")
    assert "of 7 tiles (a, b, c, d, e, ...); materialise pgvector_index" in words
