from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from clay_assets.checkpoints import put_checkpoint
from clay_assets.embeddings import Product, check_embeddings, embed_tile
from clay_assets.embeddings.extraction import Extraction, resolve
from clay_assets.embeddings.taking import extract
from clay_assets.embeddings.work import plan_work
from clay_assets.embeddings.writing import write_file
from clay_assets.errors import NotFoundError
from clay_assets.models import make_checkpoint
from clay_assets.models.token_encoder import ChipKind
from clay_assets.models.triplet import CLASS_BAND, CLASS_CODES, config_of, encoder_of
from clay_assets_tests.embeddings.conftest import (
    TILE,
    make_chip,
    put_chips,
    put_manifest,
    put_weights,
)

CLAY = Product("clay")


def write(store, vectors, **meant):
    """A file of the tile's chips with these vectors, and what is meant to be in it."""
    work = plan_work(store, CLAY, TILE, precision="fp32")
    meant = {"shape": vectors.shape[1:]} | meant
    metadata = replace(work.metadata((), run_id="run"), **meant)
    places = {chip.chip_id: number for number, chip in enumerate(work.chips)}

    def gather(chips):
        return vectors[[places[chip.chip_id] for chip in chips]]

    return write_file(store, work.key, work.rows, gather, metadata)


def test_good_embeddings_pass(tile):
    embed_tile(tile, CLAY, TILE, device="cpu", run_id="run")
    report = check_embeddings(tile, "clay", TILE)
    assert report.faults == ()
    assert (report.chips, report.rows) == (5, 5)
    assert 0 < report.norm_min <= report.norm_max
    assert 0 < report.mean_cosine < 1


def test_figures_are_those_of_numpy(tile, monkeypatch):
    monkeypatch.setattr("clay_assets.embeddings.file._BATCH_BYTES", 2 * 4 * 8)  # two rows at once
    vectors = np.random.default_rng(0).normal(size=(5, 8)).astype("float32")
    write(tile, vectors)
    report = check_embeddings(tile, "clay", TILE)
    norms = np.linalg.norm(vectors, axis=1)
    units = vectors / norms[:, None]
    pairs = (units @ units.T)[np.triu_indices(5, 1)]
    found = (report.norm_min, report.norm_max, report.mean_cosine)
    assert found == pytest.approx((norms.min(), norms.max(), pairs.mean()), abs=1e-6)


def test_collapsed_embeddings_fail(tile):
    noise = 1e-4 * np.random.default_rng(0).normal(size=(5, 8))
    write(tile, (1 + noise).astype("float32"))
    report = check_embeddings(tile, "clay", TILE)
    assert len(report.faults) == 1
    assert "all but the same: their mean cosine is 1.000000, allowed is 0.9999" in report.faults[0]


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_vectors_that_point_nowhere_fail(tile, bad):
    vectors = np.random.default_rng(0).normal(size=(5, 8)).astype("float32")
    vectors[2] = bad
    write(tile, vectors)
    (fault,) = check_embeddings(tile, "clay", TILE).faults
    assert "1 embeddings are zero or not finite, first claytile_32VKM_20230612_v10_0004" in fault


def unit_vectors(seed=0, count=5, width=256):
    vectors = np.random.default_rng(seed).normal(size=(count, width)).astype("float32")
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


L2 = Extraction(l2=True)


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_vectors_of_length_one_pass_however_they_are_stored(tile, dtype):
    vectors = unit_vectors(width=8)
    vectors[:, 0] = 4  # one dimension stands out, as in many networks: int8 rounds the others off
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    write(tile, vectors, extraction=L2, dtype=dtype)
    report = check_embeddings(tile, "clay", TILE)
    assert report.faults == ()
    off = max(1 - report.norm_min, report.norm_max - 1)
    assert (off > 1e-3) == (dtype == "int8")


def test_vectors_that_should_be_of_length_one_are_measured(tile):
    vectors = unit_vectors()
    vectors[3] *= 1.002
    write(tile, vectors, extraction=L2)
    (fault,) = check_embeddings(tile, "clay", TILE).faults
    assert "must be 1 long within 0.001, got 1.000000 to 1.002000; materialise `emb" in fault
    for meant in ({}, {"extraction": L2, "projection_id": "ab"}):  # nobody promised it
        write(tile, vectors, **meant)
        assert check_embeddings(tile, "clay", TILE).faults == ()


def test_each_vector_of_a_patch_is_measured(tile):
    vectors = unit_vectors(count=5 * 4, width=64).reshape(5, 4 * 64)
    patches = {"extraction": Extraction("patch", l2=True), "shape": (2, 2, 64)}
    write(tile, vectors, **patches)
    report = check_embeddings(tile, "clay", TILE)
    assert report.faults == ()
    assert (report.norm_min, report.norm_max) == pytest.approx((1, 1), abs=1e-6)
    vectors[2, 64:128] = 0
    write(tile, vectors, **patches)
    faults = check_embeddings(tile, "clay", TILE).faults
    assert (
        "1 embeddings are zero or not finite, first claytile_32VKM_20230612_v10_0004" in faults[0]
    )


@pytest.mark.parametrize(("name", "is_collapsed"), [("resnet-triplet-lc", False), ("test", True)])
def test_a_barely_trained_network_is_told_by_its_vectors(store, goldens, name, is_collapsed):
    state = load_file(goldens / f"vectorgeo_{name}.safetensors")
    config = config_of(state, {}, heads=None, name=name)
    stored = put_checkpoint(store, make_checkpoint(config, state, {}), name, inputs="", run_id="")
    encoder = encoder_of(config, state, ChipKind((CLASS_BAND,), 32, 100.0))
    row, column = torch.arange(32)[:, None], torch.arange(32)
    index = torch.stack([(row // 4 + 3 * column // 8 + 5 * k) % 23 for k in range(23)])
    windows = torch.tensor(CLASS_CODES, dtype=torch.uint8)[index][:, None]
    resolved = resolve(Extraction(), encoder.layout, name=name)
    vectors = extract(encoder, windows, encoder.metadata([]), resolved).numpy()
    put_chips(store, [make_chip(number) for number in range(1, 24)])
    put_weights(store)
    write(store, vectors, checkpoint_id=stored.id)
    report = check_embeddings(store, "clay", TILE)
    assert bool(report.faults) == is_collapsed
    if is_collapsed:
        assert "the embeddings are all but the same: their mean cosine is 0.9" in report.faults[0]
        assert "allowed is 0.9; use a better trained checkpoint" in report.faults[0]


def test_a_deleted_checkpoint_has_no_card(tile):
    write(tile, unit_vectors(), checkpoint_id="ffffffffffffffff")
    assert check_embeddings(tile, "clay", TILE).faults == ()


def test_embeddings_of_other_chips_fail(tile, chips):
    embed_tile(tile, CLAY, TILE, device="cpu", run_id="run")
    put_chips(tile, [*chips[:4], make_chip(2, date="2023-09-01", seed=1), make_chip(9)])
    report = check_embeddings(tile, "clay", TILE)
    assert (report.chips, report.rows) == (6, 5)
    assert "has 5 embeddings, 4 of them of the tile's 6 chips; it was made" in report.faults[0]


def test_a_tile_without_chips_needs_no_embeddings(tile):
    put_manifest(tile, [])
    assert check_embeddings(tile, "clay", TILE).faults == ()


def test_chips_without_embeddings_are_an_error(tile):
    with pytest.raises(NotFoundError, match="tile 32VKM has no embeddings of product clay"):
        check_embeddings(tile, "clay", TILE)


def test_one_chip_has_no_pair(tile, chips):
    put_chips(tile, chips[:1])
    embed_tile(tile, CLAY, TILE, device="cpu", run_id="run")
    report = check_embeddings(tile, "clay", TILE)
    assert (report.rows, report.mean_cosine, report.faults) == (1, 0.0, ())
