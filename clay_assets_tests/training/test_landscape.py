"""Whether a short training gives neighbours that mean something, judged by a landscape's truth."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from rasterio.windows import from_bounds

from clay_assets.chips import ChipRow, cut_tile, read_manifest
from clay_assets.chips.manifest import manifest_rows
from clay_assets.embeddings import Product, embed_tile, find_file, read_rows, vectors_of
from clay_assets.ingest import find_imagery, list_tiles, plan_tile
from clay_assets.store import Store
from clay_assets.synthetic import generate
from clay_assets.training import TrainingConfig, build_training_set, train

NEIGHBOURS = 3


@pytest.mark.extra
def test_neighbours_share_their_land_cover(store: Store, tmp_path: Path):
    catalogue = generate(tmp_path / "landscape", size_px=2048, dates=2)
    (tile,) = list_tiles(str(catalogue))
    plan_tile(store, find_imagery(str(catalogue), tile), run_id="run-1")
    cut_tile(store, tile, run_id="run-1")
    build_training_set(store, run_id="run-1")
    torch.set_num_threads(2)
    report = train(store, "default", TrainingConfig(max_seconds=None, max_steps=40), run_id="run-1")
    first, *_, last = (loss for _, loss in report.validation_losses)
    assert last < 0.9 * first

    embed_tile(store, Product("clay"), tile, run_id="run-1")
    rows = manifest_rows(read_manifest(store, tile))
    key = find_file(store, "clay", tile).key
    vectors = np.concatenate([vectors_of(t["embeddings"]) for t in read_rows(store, key)])
    alike = shared_cover(rows, catalogue.parent / "land_cover.tif")
    elsewhere = np.array([[a.bounds != b.bounds for a in rows] for b in rows])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = np.where(elsewhere, unit @ unit.T, -1.0)
    nearest = np.argsort(-scores, axis=1)[:, :NEIGHBOURS]
    found = np.take_along_axis(alike, nearest, axis=1).mean()
    best = -np.sort(-np.where(elsewhere, alike, -1.0), axis=1)[:, :NEIGHBOURS].mean()
    chance = alike[elsewhere].mean()
    assert found > chance + 0.5 * (best - chance)


def shared_cover(rows: list[ChipRow], truth: Path) -> np.ndarray:
    """(N, N) share of ground, 0 to 1, that two chips have in the same land cover."""
    with rasterio.open(truth) as dataset:
        covers = [dataset.read(1, window=from_bounds(*r.bounds, dataset.transform)) for r in rows]
    shares = np.array([np.bincount(cover.ravel(), minlength=256) / cover.size for cover in covers])
    return np.minimum(shares[:, None], shares[None]).sum(axis=-1)
