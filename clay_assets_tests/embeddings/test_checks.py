from dataclasses import replace

import numpy as np
import pytest

from clay_assets.embeddings import Product, check_embeddings, embed_tile
from clay_assets.embeddings.work import plan_work
from clay_assets.embeddings.writing import write_file
from clay_assets.errors import NotFoundError
from clay_assets_tests.embeddings.conftest import TILE, make_chip, put_chips, put_manifest

CLAY = Product("clay")


def write(store, vectors):
    """A file of the tile's chips with these vectors."""
    work = plan_work(store, CLAY, TILE, precision="fp32")
    metadata = replace(work.metadata((), run_id="run"), shape=vectors.shape[1:])
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
