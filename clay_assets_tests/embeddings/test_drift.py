"""Drift: a tile's embeddings against those that they take the place of."""

from dataclasses import replace

import numpy as np
import pytest

from clay_assets.embeddings import Product, embed_tile, read_metadata
from clay_assets.embeddings.drift import drift_faults, drift_of, find_drifts
from clay_assets.embeddings.extraction import Extraction
from clay_assets.embeddings.file import Drift, FileMetadata
from clay_assets.embeddings.writing import EmbeddedChip, write_file
from clay_assets_tests.embeddings.conftest import (
    TILE,
    make_chip,
    put_chips,
    put_weights,
    row_of,
)

CLAY = Product("clay")
OLD = "embeddings/clay/32VKM_20230612_20230612_v001.gpq"
SAME = Drift(True, "ab12", 5, 1.0, 1.0, "chip", None)


@pytest.fixture(scope="module")
def rows():
    """Forty chips without files."""
    from shapely import box

    chips = [row_of(make_chip(number, size=2), "") for number in range(1, 41)]
    return [EmbeddedChip(chip, chip.chip_id, box(0, 0, 1, 1)) for chip in chips]


def made(rows, vectors, **meant):
    """How to ask for vectors, and what their file says."""
    places = {row.chip.chip_id: number for number, row in enumerate(rows)}
    meta = dict.fromkeys(["product", "precision", "chips_data_version", "inputs"], "")
    meta |= dict.fromkeys(["data_version", "run_id", "package_version"], "")
    meta |= {"checkpoint_id": "ab12", "level": "mean", "recipe": "one", "replaces": ()}
    metadata = FileMetadata(**meta | {"shape": vectors.shape[1:]} | meant)
    return lambda chips: vectors[[places[chip.chip_id] for chip in chips]], metadata


def drift(store, rows, old, new, *, now=None, **meant):
    """Drift from a stored file of `old` to `new`."""
    write_file(store, OLD, rows, *made(rows, old))
    now = rows if now is None else now
    return drift_of(store, [OLD], now, *made(now, new, **{"recipe": "two"} | meant))


def noise(seed, count=40, width=64):
    return np.random.default_rng(seed).normal(size=(count, width)).astype("float32")


def test_figures_are_those_of_numpy(store, rows, monkeypatch):
    monkeypatch.setattr("clay_assets.embeddings.file._BATCH_BYTES", 7 * 4 * 64)  # seven rows
    old, new = noise(0), noise(0) + 0.1 * noise(1)
    new[9] = -old[9]
    found = drift(store, rows, old, new)
    lengths = np.linalg.norm(old, axis=1) * np.linalg.norm(new, axis=1)
    cosines = (old * new).sum(axis=1) / lengths
    assert (found.mean_cosine, found.worst_cosine) == pytest.approx((cosines.mean(), -1), abs=1e-5)
    assert (found.chips, found.worst_chip_id) == (40, rows[9].chip.chip_id)
    assert found.is_same_way
    assert found.previous_checkpoint_id == "ab12"


def test_neighbours_are_counted_as_numpy_counts_them(store, rows):
    old, new = noise(0), noise(0) + noise(1)
    found = drift(store, rows, old, new, checkpoint_id="cd34")

    def nearest(vectors):
        units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return [set(np.argsort(-row)[1:11]) for row in units @ units.T]  # the first is itself

    kept = [len(a & b) / 10 for a, b in zip(nearest(old), nearest(new), strict=True)]
    assert found.neighbours_kept == pytest.approx(np.mean(kept), abs=1e-9)
    assert not found.is_same_way


def test_only_chips_of_the_same_content_are_compared(store, rows):
    changed = replace(rows[0], chip=replace(rows[0].chip, content_hash="another"))
    now = [changed, *rows[1:30]]
    found = drift(store, rows, noise(0), np.vstack([-noise(0)[:1], noise(0)[1:30]]), now=now)
    assert (found.chips, found.worst_cosine) == (29, pytest.approx(1, abs=1e-6))
    assert drift(store, rows, noise(0), noise(0)[:1], now=now[:1]) is None


def test_stored_steps_are_multiplied_by_their_scale(store, rows):
    write_file(store, OLD, rows, *made(rows, noise(0) * 50, dtype="int8"))
    found = drift_of(store, [OLD], rows, *made(rows, noise(0), recipe="two"))
    assert found.worst_cosine > 0.9999


def test_neighbours_need_enough_chips_and_one_vector_each(store, rows):
    assert drift(store, rows[:19], noise(0)[:19], noise(1)[:19]).neighbours_kept is None
    patches = {"extraction": Extraction("patch"), "level": "patch", "shape": (2, 2, 16)}
    write_file(store, OLD, rows, *made(rows, noise(0), **patches))
    found = drift_of(store, [OLD], rows, *made(rows, noise(1), recipe="two", **patches))
    assert found.chips == 40
    assert found.neighbours_kept is None


def test_what_cannot_be_compared_has_no_drift(store, rows):
    new = made(rows, noise(1), recipe="two")
    assert drift_of(store, [], rows, *new) is None
    assert drift(store, rows, noise(0), noise(1), recipe="one") is None  # taken over as they are
    assert drift(store, rows, noise(0, width=32), noise(1)) is None
    store.write_bytes(OLD, b"nothing of ours")
    assert drift_of(store, [OLD], rows, *new) is None


@pytest.mark.parametrize(
    ("drift", "fault"),
    [
        (None, None),
        (SAME, None),
        (replace(SAME, worst_cosine=0.9991), None),
        (
            replace(SAME, worst_cosine=0.9989, mean_cosine=0.9999),
            "checkpoint ab12 gives chip chip another vector than before: their cosine is 0.998900, "
            "allowed is 0.999 (mean of 5 chips 0.999900); compare precision",
        ),
        (replace(SAME, is_same_way=False, worst_cosine=0.1), None),
        (replace(SAME, is_same_way=False, worst_cosine=0.1, neighbours_kept=0.51), None),
        (
            replace(SAME, is_same_way=False, neighbours_kept=0.49),
            "of each chip's nearest chips only 0.49 are the same as with checkpoint ab12, expected",
        ),
    ],
)
def test_a_person_is_told_of_drift(drift, fault):
    found = drift_faults(drift)
    assert len(found) == (fault is not None)
    assert fault is None or found[0].startswith(fault)


def test_a_file_says_how_far_it_is_from_the_one_before(tile):
    first = embed_tile(tile, CLAY, TILE, device="cpu", run_id="run")
    assert first.drift is None
    before = put_weights(tile, "kept")  # the same weights as `default`
    put_weights(tile, seed=1)
    report = embed_tile(tile, CLAY, TILE, device="cpu", run_id="run")
    assert report.drift == read_metadata(tile, report.key).drift
    assert (report.drift.chips, report.drift.is_same_way) == (5, False)
    assert report.drift.previous_checkpoint_id == before
    assert report.drift.worst_cosine < 0.99


def test_the_same_checkpoint_in_fewer_bits_drifts_little(tile):
    embed_tile(tile, CLAY, TILE, device="cpu", run_id="run")
    report = embed_tile(tile, CLAY, TILE, device="cpu", precision="bf16", run_id="run")
    assert report.drift.is_same_way
    assert 0.999 < report.drift.worst_cosine < 1
    assert drift_faults(report.drift) == ()


def test_new_chips_alone_do_not_drift(tile, chips):
    embed_tile(tile, CLAY, TILE, device="cpu", run_id="run")
    put_chips(tile, [*chips, make_chip(9)])
    assert embed_tile(tile, CLAY, TILE, device="cpu", run_id="run").drift is None


def test_drifts_of_tiles_are_found_in_their_files(store, rows):
    gather, metadata = made(rows, noise(0), drift=SAME)
    for tile, drift in (("32VKM", SAME), ("32VLM", None), ("33VUG", SAME)):
        key = OLD.replace("32VKM", tile)
        write_file(store, key, rows, gather, replace(metadata, drift=drift))
    store.write_bytes(OLD.replace("32VKM", "29RKH"), b"nothing of ours")
    tiles = ["29RKH", "32VKM", "32VLM", "32VMM"]
    assert find_drifts(store, "clay", tiles) == {"32VKM": SAME}
