"""Many tiles at once: read ahead, encoded together, each failing alone."""

import threading
import time
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clay_assets import progress
from clay_assets.bands import SENTINEL2_BANDS
from clay_assets.embeddings import (
    EmbeddingsReport,
    Product,
    embed_tile,
    embed_tiles,
    find_file,
    read_rows,
    vectors_of,
)
from clay_assets.embeddings.in_hand import TileInHand
from clay_assets.errors import (
    CheckpointError,
    ChipError,
    InvalidValueError,
    NotFoundError,
    StoreError,
)
from clay_assets.store import Store
from clay_assets_tests.embeddings.conftest import make_chip, put_chips, put_manifest, put_weights
from clay_assets_tests.embeddings.troubled_s3 import NEVER_S, TroubledProxy

CLAY = Product("clay")
TILES = ["32VKM", "32VLM", "32VMM", "32VNM"]
HOW = {"device": "cpu", "run_id": "run"}


@pytest.fixture
def tiles(store: Store) -> Store:
    """Four tiles of three chips, and a checkpoint."""
    return put_tiles(store)


def put_tiles(store: Store, tiles=TILES) -> Store:
    put_weights(store)
    for number, tile in enumerate(tiles):
        put_chips(store, chips_of(number, tile), tile)
    return store


def chips_of(number, tile, **how):
    chips = [make_chip(chip, seed=number, **how) for chip in (1, 2, 3)]
    return [
        type(chip)(**vars(chip) | {"chip_id": chip.chip_id.replace("32VKM", tile)})
        for chip in chips
    ]


def embed(store, tiles=TILES, product=CLAY, **how):
    return dict(embed_tiles(store, product, tiles, **HOW | how))


def vectors_by_chip(store, tile, product="clay"):
    rows = pa.concat_tables(read_rows(store, find_file(store, product, tile).key))
    return dict(zip(rows["chip_id"].to_pylist(), vectors_of(rows["embeddings"]), strict=True))


def spoil(store, tile):
    """Make the second chip of a tile unreadable."""
    (key,) = [file.key for file in store.files(f"chips/{tile}") if "_0002" in file.key]
    store.write_bytes(key, b"not a tif")
    return key


def test_tiles_come_in_order_each_with_its_file(tiles):
    found = list(embed_tiles(tiles, CLAY, reversed(TILES), **HOW, batch_size=2))
    assert [tile for tile, _ in found] == TILES[::-1]
    assert [report.embedded for _, report in found] == [3, 3, 3, 3]
    assert all(tiles.exists(report.key) for _, report in found)


def test_a_tile_that_is_slow_to_read_still_comes_in_its_place(tiles, monkeypatch):
    from clay_assets.embeddings import reading

    read, others = reading.read_chip, threading.Semaphore(0)

    def read_last(store, path, **how):
        if TILES[0] in path:
            for _ in range(9 if "_0001" in path else 0):
                others.acquire(timeout=5)
            time.sleep(0.5)  # until their files are written too
            return read(store, path, **how)
        chip = read(store, path, **how)
        others.release()
        return chip

    monkeypatch.setattr(reading, "read_chip", read_last)
    found = embed_tiles(tiles, CLAY, TILES, **HOW, batch_size=1)
    assert [tile for tile, _ in found] == TILES


def test_tiles_together_get_what_each_gets_alone(tiles):
    embed(tiles, batch_size=5)
    alone = Product("alone")
    for tile in TILES:
        embed_tile(tiles, alone, tile, **HOW, batch_size=1)
        together, expected = vectors_by_chip(tiles, tile), vectors_by_chip(tiles, tile, "alone")
        assert all(np.array_equal(together[chip], expected[chip]) for chip in expected)


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(TILES), batch_size=st.integers(1, 13))
def test_neither_order_nor_batches_change_a_vector(tiles, order, batch_size):
    first, other = Product("first"), Product(f"other{batch_size}")
    embed(tiles, product=first)
    for file in tiles.files(f"embeddings/{other.name}"):
        tiles.delete([file.key])
    embed(tiles, order, product=other, batch_size=batch_size)
    for tile in TILES:
        expected, found = (vectors_by_chip(tiles, tile, p.name) for p in (first, other))
        assert all(np.array_equal(found[chip], expected[chip]) for chip in expected)


def test_a_batch_holds_chips_of_several_tiles(tiles, monkeypatch):
    sizes = []
    add = TileInHand.add
    monkeypatch.setattr(
        TileInHand, "add", lambda hand, chips, _: sizes.append(len(chips)) or add(hand, chips, _)
    )
    embed(tiles, batch_size=12)
    assert sizes == [3, 3, 3, 3]
    assert len({id(report) for report in embed(tiles).values()}) == 4


def test_a_repeat_does_no_work_and_loads_no_weights(tiles, monkeypatch):
    embed(tiles)
    weights = [file.key for file in tiles.files("checkpoints") if "safetensors" in file.key]
    tiles.delete(weights)
    assert all(report.skipped for report in embed(tiles).values())


@pytest.mark.parametrize("batch_size", [1, 4, 50])
def test_a_bad_chip_fails_its_tile_alone(tiles, batch_size):
    bad = spoil(tiles, "32VLM")
    found = embed(tiles, batch_size=batch_size)
    assert isinstance(found["32VLM"], ChipError)
    assert f"{bad} cannot be read: truncated or not a GeoTIFF" in str(found["32VLM"])
    others = [found[tile] for tile in TILES if tile != "32VLM"]
    assert [report.embedded for report in others] == [3, 3, 3]


def test_what_was_computed_for_a_failed_tile_is_not_computed_again(tiles):
    chips = chips_of(1, "32VLM")
    huge = replace(chips[1], pixels=np.full_like(chips[1].pixels, 3e38))
    put_chips(tiles, [chips[0], huge, chips[2]], "32VLM")
    failed = embed(tiles, ["32VLM"], batch_size=3)["32VLM"]
    assert isinstance(failed, CheckpointError)
    assert "gives chip chips/32VLM" in str(failed)
    assert len(tiles.files("embeddings/clay/unfinished")) == 1
    put_chips(tiles, chips, "32VLM")
    report = embed(tiles, ["32VLM"])["32VLM"]
    assert (report.chips, report.embedded) == (3, 1)
    assert not tiles.files("embeddings/clay/unfinished")


def test_tiles_that_cannot_be_planned_fail_alone(tiles):
    put_manifest(tiles, [], "32VMM")
    found = embed(tiles, ["31UDQ", *TILES])
    assert isinstance(found["31UDQ"], NotFoundError)
    assert "tile 31UDQ has no chips yet" in str(found["31UDQ"])
    assert (found["32VMM"].key, found["32VMM"].chips) == (None, 0)
    assert [found[tile].chips for tile in ("32VKM", "32VLM", "32VNM")] == [3, 3, 3]


def test_chips_of_other_bands_go_through_an_encoder_of_their_own(tiles):
    put_chips(tiles, chips_of(1, "32VLM", bands=SENTINEL2_BANDS), "32VLM")
    found = embed(tiles, batch_size=4)
    assert [found[tile].embedded for tile in TILES] == [3, 3, 3, 3]


def test_a_chip_of_a_rare_kind_does_not_wait_for_the_end(store):
    many = [f"32V{letter}M" for letter in "KLMNP"] + [f"32V{letter}N" for letter in "KLMNP"]
    put_tiles(store, many)
    rare = put_chips(store, chips_of(9, many[0], bands=SENTINEL2_BANDS)[:1], many[0])
    seen = []
    with progress.listening(lambda now: seen.append((now.step, now.done))):
        tiles = embed_tiles(store, CLAY, many, **HOW, batch_size=2)
        assert next(tiles)[1].chips == len(rare) == 1
        done = {step: done for step, done in seen}
        assert sum(done.values()) < 1 + 3 * 9
        assert len(list(tiles)) == 9


def test_an_encoder_that_cannot_be_had_fails_every_tile(tiles):
    with pytest.raises(InvalidValueError, match="batch_size must be 1 or more, got 0"):
        embed_tiles(tiles, CLAY, TILES, **HOW, batch_size=0)
    found = embed(tiles, device="tpu")
    assert {str(error) for error in found.values()} == {
        "device must be one of auto, cpu, cuda, mps, got 'tpu'"
    }


def test_tiles_that_were_done_before_a_kill_stay(tiles):
    class KilledError(Exception):
        pass

    def listen(now):
        if now.step.endswith("32VMM") and now.done:
            raise KilledError

    with progress.listening(listen), pytest.raises(KilledError):
        embed(tiles, batch_size=3)
    found = embed(tiles)
    assert found["32VKM"].skipped
    assert sum(report.embedded for report in found.values()) <= 9
    assert not [t for t in threading.enumerate() if t.name.startswith(("read-ahead", "write-emb"))]


def test_whoever_stops_early_leaves_no_thread_behind(tiles):
    source = embed_tiles(tiles, CLAY, TILES, **HOW)
    next(source)
    source.close()
    assert not [t for t in threading.enumerate() if t.name.startswith(("read-ahead", "write-emb"))]


def test_a_full_disk_fails_the_tile_whose_file_it_is(tiles, monkeypatch):
    from clay_assets.embeddings import in_hand

    write = in_hand.write_file

    def fail_once(store, key, *rest):
        if "32VLM" in key:
            raise StoreError("the disk is full")
        return write(store, key, *rest)

    monkeypatch.setattr(in_hand, "write_file", fail_once)
    found = embed(tiles)
    assert [tile for tile in TILES if isinstance(found[tile], StoreError)] == ["32VLM"]


@pytest.fixture
def proxy(s3_environment):
    server = TroubledProxy(s3_environment["AWS_ENDPOINT_URL"])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def remote(s3_bucket, proxy, tmp_path, monkeypatch):
    """The four tiles on S3, seen through the proxy, with little patience."""
    store = put_tiles(Store(f"s3://{s3_bucket}/data", tmp_path / "cache-s3"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    monkeypatch.setattr("clay_assets.embeddings.reading.LIMIT_S", 1.0)
    return store


@pytest.mark.parametrize("kind", ["503", "reset", "half", "hang"])
def test_an_object_that_fails_once_is_asked_for_again(remote, proxy, kind):
    proxy.trouble["32VLM_20230612_v10_0002"] = (kind, 1)
    started = time.monotonic()
    found = embed(remote)
    assert time.monotonic() - started < NEVER_S / 2
    assert [type(found[tile]) for tile in TILES] == [EmbeddingsReport] * 4
    assert proxy.asked["32VLM_20230612_v10_0002"] >= 2


@pytest.mark.parametrize("kind", ["503", "reset", "half", "hang"])
def test_an_object_that_keeps_failing_fails_its_tile_alone(remote, proxy, kind):
    proxy.trouble["32VLM_20230612_v10_0002"] = (kind, 1000)
    found = embed(remote)
    assert isinstance(found["32VLM"], StoreError)
    assert "claytile_32VLM_20230612_v10_0002.tif" in str(found["32VLM"])
    others = [found[tile] for tile in TILES if tile != "32VLM"]
    assert [report.embedded for report in others] == [3, 3, 3]
    assert 2 <= proxy.asked["32VLM_20230612_v10_0002"] <= 10
