"""A tile from chips to its file: what is computed, kept, replaced and removed."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from clay_assets import progress
from clay_assets.bands import SENTINEL2_BANDS
from clay_assets.chips import read_manifest, write_chip
from clay_assets.chips.manifest import manifest_rows
from clay_assets.embeddings import (
    Product,
    embed_tile,
    find_file,
    list_files,
    read_metadata,
    read_rows,
    vectors_of,
)
from clay_assets.errors import (
    CheckpointError,
    ChipError,
    InvalidValueError,
    NotFoundError,
    StoreError,
)
from clay_assets.store import Store
from clay_assets_tests.embeddings.conftest import (
    TILE,
    make_chip,
    put_chips,
    put_manifest,
    put_weights,
    row_of,
)

CLAY = Product("clay")
KEY = "embeddings/clay/32VKM_20230612_20230901_v001.gpq"


def embed(store, product=CLAY, *, run_id="run", **how):
    return embed_tile(store, product, TILE, device="cpu", run_id=run_id, **how)


def rows_of(store, product="clay"):
    return pa.concat_tables(read_rows(store, find_file(store, product, TILE).key))


def vectors_by_chip(store, product="clay"):
    rows = rows_of(store, product)
    return dict(zip(rows["chip_id"].to_pylist(), vectors_of(rows["embeddings"]), strict=True))


def keys_of(store):
    """All files but the STAC items."""
    return [file.key for file in store.files("embeddings") if not file.key.endswith(".json")]


class KilledError(Exception):
    """Stands for the end of the process."""


def die_after(done, monkeypatch):
    """Let the process end once so many chips are embedded, each kept aside at once."""
    monkeypatch.setattr("clay_assets.embeddings.unfinished.PART_BYTES", 1)

    def listen(now):
        if now.done >= done:
            raise KilledError

    return progress.listening(listen)


def test_every_chip_becomes_a_row_in_the_manifests_order(tile):
    report = embed(tile)
    assert (report.key, report.skipped) == (KEY, False)
    assert (report.chips, report.embedded, report.shape) == (5, 5, (16,))
    assert 0 <= report.waited_seconds <= report.seconds
    rows, listed = rows_of(tile), manifest_rows(read_manifest(tile, TILE))
    assert rows["chip_id"].to_pylist() == [row.chip_id for row in listed]
    assert rows["chip_hash"].to_pylist() == [row.content_hash for row in listed]
    assert read_metadata(tile, KEY).data_version == report.data_version
    assert keys_of(tile) == [KEY]


def test_batch_size_does_not_change_the_embeddings(tile):
    embed(tile, batch_size=4)
    embed(tile, Product("one_by_one"), batch_size=1)
    together, alone = vectors_by_chip(tile), vectors_by_chip(tile, "one_by_one")
    for chip_id, vector in together.items():
        np.testing.assert_allclose(vector, alone[chip_id], rtol=0, atol=1e-6)  # token units


def test_a_repeat_does_no_work(tile):
    first, before = embed(tile), tile.stat(KEY)
    again = embed(tile, run_id="another")
    assert again.skipped
    assert (again.data_version, again.chips, again.embedded) == (first.data_version, 5, 0)
    assert tile.stat(KEY) == before


def test_only_new_and_changed_chips_are_embedded(tile, chips):
    embed(tile)
    before = vectors_by_chip(tile)
    changed = make_chip(2, seed=1)
    put_chips(tile, [chips[0], changed, *chips[2:], make_chip(9)])
    # Were an unchanged chip read again, this would stop the run.
    tile.write_bytes(f"chips/{TILE}/2023-06-12/{chips[0].chip_id}.tif", b"")
    report = embed(tile)
    assert (report.chips, report.embedded, report.skipped) == (6, 2, False)
    after = vectors_by_chip(tile)
    kept = set(before) - {changed.chip_id}
    assert all(np.array_equal(before[chip_id], after[chip_id]) for chip_id in kept)
    assert not np.array_equal(before[changed.chip_id], after[changed.chip_id])


def test_chips_that_are_gone_leave_the_file(tile, chips):
    embed(tile)
    put_chips(tile, chips[1:])
    assert embed(tile).embedded == 0
    assert rows_of(tile)["chip_id"].to_pylist() == [chip.chip_id for chip in chips[1:]]


def test_a_file_with_other_dates_replaces_the_old_one(tile, chips):
    embed(tile)
    put_chips(tile, [*chips, make_chip(1, date="2024-05-05")])
    report = embed(tile)
    assert report.embedded == 1
    assert keys_of(tile) == [report.key] == ["embeddings/clay/32VKM_20230612_20240505_v001.gpq"]
    assert read_metadata(tile, report.key).replaces == (KEY,)


def test_what_a_chip_carries_is_renewed_without_the_encoder(tile):
    first = embed(tile)
    rows = manifest_rows(read_manifest(tile, TILE))
    put_manifest(tile, [replace(row, cloud_share=0.5) for row in rows])
    report = embed(tile)
    assert (report.embedded, report.skipped) == (0, False)
    assert rows_of(tile)["cloud_share"].to_pylist() == [0.5] * 5
    assert report.data_version != first.data_version


@pytest.mark.parametrize("change", ["checkpoint", "level", "precision"])
def test_another_recipe_embeds_everything_again(tile, change):
    first = embed(tile)
    if change == "checkpoint":
        put_weights(tile, seed=1)
    product = Product("clay", level="patch") if change == "level" else CLAY
    precision = "bf16" if change == "precision" else "fp32"
    report = embed(tile, product, precision=precision)
    assert report.embedded == 5
    assert report.data_version != first.data_version
    assert keys_of(tile) == [KEY]


def test_products_live_side_by_side(tile):
    other = put_weights(tile, "other", seed=1)
    embed(tile)
    embed(tile, Product("compared", checkpoint="other"))
    found = [(file.product, file.tile) for file in list_files(tile)]
    assert found == [("clay", TILE), ("compared", TILE)]
    assert read_metadata(tile, KEY.replace("clay", "compared")).checkpoint_id == other
    assert not np.array_equal(*(list(vectors_by_chip(tile, n).values()) for n, _ in found))


def test_a_killed_run_leaves_the_old_file_and_its_work(tile, chips, monkeypatch):
    first = embed(tile)
    put_weights(tile, seed=1)
    with die_after(3, monkeypatch), pytest.raises(KilledError):
        embed(tile, batch_size=1)
    assert read_metadata(tile, KEY).data_version == first.data_version
    report = embed(tile)
    assert report.embedded == 2
    assert keys_of(tile) == [KEY]
    found = vectors_by_chip(tile)
    embed(tile, Product("at_once"))
    for chip_id, vector in vectors_by_chip(tile, "at_once").items():
        np.testing.assert_allclose(found[chip_id], vector, rtol=0, atol=1e-6)  # token units


def test_work_of_another_recipe_is_thrown_away(tile, monkeypatch):
    with die_after(3, monkeypatch), pytest.raises(KilledError):
        embed(tile, batch_size=1)
    assert len(keys_of(tile)) == 3
    put_weights(tile, seed=1)
    assert embed(tile).embedded == 5
    assert keys_of(tile) == [KEY]


def test_a_slow_run_keeps_its_work_aside_now_and_then(tile, monkeypatch):
    monkeypatch.setattr("clay_assets.embeddings.unfinished.PART_SECONDS", 0)
    seen = []
    with progress.listening(lambda _: seen.append(len(keys_of(tile)))):
        assert embed(tile, batch_size=2).embedded == 5
    assert seen == [0, 1, 2, 3]  # parts
    assert keys_of(tile) == [KEY]


def test_a_run_killed_before_it_removed_the_old_file_is_tidied_up(tile, chips):
    embed(tile)
    old = tile.read_bytes(KEY)
    put_chips(tile, [*chips, make_chip(1, date="2024-05-05")])
    new = embed(tile).key
    tile.write_bytes(KEY, old)
    assert embed(tile).skipped
    assert keys_of(tile) == [new]


def test_a_run_killed_before_it_removed_its_parts_is_tidied_up(tile, chips, monkeypatch):
    with monkeypatch.context() as patch, die_after(2, patch), pytest.raises(KilledError):
        embed(tile, batch_size=1)
    parts = {key: tile.read_bytes(key) for key in keys_of(tile)}
    embed(tile)
    for key, data in parts.items():
        tile.write_bytes(key, data)
    put_chips(tile, chips[1:])
    embed(tile)
    assert len(keys_of(tile)) == 1


def test_a_tile_whose_chips_were_all_rejected_has_no_file(tile):
    put_manifest(tile, [])
    report = embed(tile)
    assert (report.key, report.chips, report.skipped) == (None, 0, True)


def test_the_file_goes_with_its_last_chip(tile, monkeypatch):
    embed(tile)
    put_weights(tile, seed=1)
    with die_after(3, monkeypatch), pytest.raises(KilledError):
        embed(tile, batch_size=1)
    put_manifest(tile, [])
    assert embed(tile).skipped is False
    assert keys_of(tile) == []
    assert embed(tile).skipped is True


def test_ready_chips_stay_where_they_are(store, tmp_path):
    put_weights(store)
    elsewhere = Store(str(tmp_path / "bucket"), tmp_path / "cache")
    chip = make_chip(1)
    write_chip(elsewhere, "a.tif", chip)
    path = elsewhere.url("a.tif")
    put_manifest(store, [row_of(chip, path)])
    embed(store)
    assert rows_of(store)["source_url"].to_pylist() == [path]


def test_a_tile_on_s3_embeds_alike(tile, chips, s3_bucket, tmp_path):
    remote = Store(f"s3://{s3_bucket}/data", tmp_path / "cache-s3")
    put_chips(remote, chips)
    put_weights(remote)
    report = embed(remote)
    assert embed(remote).skipped
    assert keys_of(remote) == [report.key]
    urls = rows_of(remote)["source_url"].to_pylist()
    assert urls[0] == f"s3://{s3_bucket}/data/chips/{TILE}/2023-06-12/{chips[0].chip_id}.tif"
    embed(tile)
    assert list(vectors_by_chip(remote)) == list(vectors_by_chip(tile))


def test_dates_with_and_without_radar_share_a_file_of_means(tile, chips):
    optical = [make_chip(n, date="2024-05-05", bands=SENTINEL2_BANDS) for n in (1, 2)]
    put_chips(tile, [*chips, *optical])
    assert embed(tile).chips == 7
    message = r"has chips of 64 px with 10 bands, 64 px with 13 bands; level group needs them alike"
    with pytest.raises(ChipError, match=message):
        embed(tile, Product("fine", level="group"))


def test_a_bad_chip_is_named_and_the_old_file_stays(tile, chips):
    first = embed(tile)
    put_chips(tile, [*chips, make_chip(7)])
    bad = f"chips/{TILE}/2023-06-12/claytile_32VKM_20230612_v10_0007.tif"
    tile.write_bytes(bad, b"not a tif")
    with pytest.raises(ChipError, match=rf"{bad} cannot be read: truncated or not a GeoTIFF"):
        embed(tile)
    assert read_metadata(tile, KEY).data_version == first.data_version
    assert keys_of(tile) == [KEY]


def test_a_chip_that_overflows_the_network_is_named(tile, chips):
    huge = replace(make_chip(7), pixels=np.full_like(chips[0].pixels, 3e38))
    (row,) = put_chips(tile, [huge])
    message = rf"checkpoint \w+ in fp32 gives chip {row.path} an embedding that is not finite"
    with pytest.raises(CheckpointError, match=message):
        embed(tile)
    assert keys_of(tile) == []


def test_a_damaged_file_is_made_again(tile):
    embed(tile)
    tile.write_bytes(KEY, tile.read_bytes(KEY)[:-50])
    assert embed(tile).embedded == 5
    assert len(rows_of(tile)) == 5


def test_a_full_disk_leaves_the_old_file(tile, chips, monkeypatch):
    first = embed(tile)
    put_chips(tile, chips[1:])
    monkeypatch.setattr("clay_assets.store.free_bytes", lambda folder: 0)

    def fail(*_args, **_kwargs):
        raise OSError("cannot write")

    monkeypatch.setattr("pyarrow.parquet.ParquetWriter.write_table", fail)
    with pytest.raises(StoreError, match=r"the disk of .* is full; free some space"):
        embed(tile)
    assert read_metadata(tile, KEY).data_version == first.data_version
    assert keys_of(tile) == [KEY]


def test_progress_counts_the_chips_that_are_embedded(tile):
    seen = []
    with progress.listening(seen.append):
        embed(tile, batch_size=2)
    steps = [(step.step, step.done, step.total) for step in seen]
    assert steps[0] == ("Embedding chips of 32VKM", 0, 5)
    assert [done for _, done, _ in steps] == [0, 2, 4, 5]


def test_a_batch_needs_a_chip(tile):
    with pytest.raises(InvalidValueError, match="batch_size must be 1 or more, got 0"):
        embed(tile, batch_size=0)


def test_a_tile_without_chips_says_what_to_do(store):
    put_weights(store)
    with pytest.raises(NotFoundError, match="tile 32VKM has no chips yet"):
        embed(store)


def test_a_product_without_its_checkpoint_says_what_to_do(tile):
    with pytest.raises(NotFoundError, match="there is no checkpoint 'clay-v1'"):
        embed(tile, Product("clay", checkpoint="clay-v1"))
