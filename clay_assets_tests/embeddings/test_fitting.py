"""Projections fitted on chips, and the embeddings that are projected by them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from clay_assets.bands import SENTINEL2_BANDS
from clay_assets.checkpoints import put_checkpoint
from clay_assets.chips import read_manifest
from clay_assets.chips.manifest import manifest_rows
from clay_assets.embeddings import Product, embed_tile, find_file, read_metadata, read_rows
from clay_assets.embeddings.dtypes import vectors_of
from clay_assets.embeddings.fitting import draw_chips, fit_projection
from clay_assets.embeddings.projection import fit, load_projection
from clay_assets.errors import CheckpointError, InvalidValueError, NotFoundError, ProductError
from clay_assets.models import ClayV0, make_checkpoint
from clay_assets_tests.embeddings.conftest import (
    SMALL,
    TILE,
    make_chip,
    put_chips,
    put_manifest,
    put_weights,
)

SMALLER = Product("smaller", standardise=True, pca=3, whiten=True)
OTHER = "32VLM"


def other_chips(count=4):
    chips = [make_chip(number, date="2024-02-02") for number in range(1, count + 1)]
    return [replace(chip, chip_id=chip.chip_id.replace(TILE, OTHER)) for chip in chips]


@pytest.fixture
def tiles(tile):
    """A second tile beside `tile`: five and four chips."""
    put_chips(tile, other_chips(), OTHER)
    return tile


def fit_it(store, product=SMALLER, **options):
    return fit_projection(store, product, **{"device": "cpu", "run_id": "run"} | options)


def embedded(store, product, tile=TILE):
    embed_tile(store, product, tile, device="cpu", run_id="run")
    (rows,) = read_rows(store, find_file(store, product.name, tile).key)
    return vectors_of(rows["embeddings"])


def test_a_sample_is_drawn_from_all_tiles_and_repeats(tiles):
    everything = draw_chips(tiles, 100, 0)
    listed = [manifest_rows(read_manifest(tiles, tile)) for tile in (TILE, OTHER)]
    assert everything == listed[0] + listed[1]
    some = draw_chips(tiles, 4, 0)
    assert len({row.chip_id for row in some}) == 4
    assert some == draw_chips(tiles, 4, 0) != draw_chips(tiles, 4, 1)
    drawn = [row.chip_id for seed in range(60) for row in draw_chips(tiles, 3, seed)]
    shares = [drawn.count(row.chip_id) / 60 for row in everything]
    assert min(shares) > 0.1  # each as likely: 3 of 9
    assert max(shares) < 0.6


def test_a_projection_is_fitted_on_what_the_product_would_give(tiles):
    whole = Product("whole")
    vectors = np.concatenate([embedded(tiles, whole, tile) for tile in (TILE, OTHER)])
    report = fit_it(tiles)
    assert (report.chips, report.tiles, report.width) == (9, 2, 3)
    assert len(report.explained) == 3
    found, wanted = load_projection(tiles, "smaller", report.data_version), fit(SMALLER, vectors)
    assert torch.allclose(found.matrix, wanted.matrix, rtol=1e-3, atol=1e-4)


def test_embeddings_are_projected(tiles):
    report = fit_it(tiles)
    projection = load_projection(tiles, "smaller", report.data_version)
    wanted = projection.apply(torch.from_numpy(embedded(tiles, Product("whole"))))
    np.testing.assert_allclose(embedded(tiles, SMALLER), wanted.numpy(), rtol=0, atol=1e-5)
    metadata = read_metadata(tiles, find_file(tiles, "smaller", TILE).key)
    assert (metadata.projection_id, metadata.shape) == (report.data_version, (3,))


def test_a_new_projection_embeds_everything_again(tiles):
    fit_it(tiles)
    assert embed_tile(tiles, SMALLER, TILE, device="cpu", run_id="run").embedded == 5
    assert embed_tile(tiles, SMALLER, TILE, device="cpu", run_id="run").skipped
    fit_it(tiles, sample=8, seed=1)
    report = embed_tile(tiles, SMALLER, TILE, device="cpu", run_id="run")
    assert report.embedded == 5
    assert not report.drift.is_same_way


def test_fitting_the_same_again_does_no_work(tiles, monkeypatch):
    first = fit_it(tiles)
    # Were a chip read again, this would stop it.
    tiles.delete([row.path for row in draw_chips(tiles, 100, 0)])
    again = fit_it(tiles)
    assert again.skipped
    assert replace(again, seconds=0, skipped=False) == replace(first, seconds=0)
    with pytest.raises(NotFoundError, match=r"claytile_.*does not exist"):
        fit_it(tiles, sample=5)


def test_chips_of_several_kinds_are_fitted_together(tiles):
    optical = [make_chip(number, bands=SENTINEL2_BANDS) for number in (1, 2, 3)]
    renamed = [replace(chip, chip_id=chip.chip_id.replace(TILE, OTHER)) for chip in optical]
    put_chips(tiles, renamed, OTHER)
    assert fit_it(tiles).chips == 8


def test_embeddings_without_a_projection_name_the_asset_to_materialise(tiles):
    message = r"product smaller has no projection yet .*materialise `projections/smaller` first"
    with pytest.raises(NotFoundError, match=message):
        embed_tile(tiles, SMALLER, TILE, device="cpu", run_id="run")
    put_manifest(tiles, [])
    assert embed_tile(tiles, SMALLER, TILE, device="cpu", run_id="run").key is None


def test_a_projection_of_another_checkpoint_is_refused(tiles):
    fit_it(tiles)
    put_weights(tiles, seed=1)
    with pytest.raises(ProductError, match=r"fitted for checkpoint_id .* and now checkpoint_id is"):
        embed_tile(tiles, SMALLER, TILE, device="cpu", run_id="run")
    fit_it(tiles)
    assert embed_tile(tiles, SMALLER, TILE, device="cpu", run_id="run").embedded == 5


@pytest.mark.parametrize(
    ("product", "options", "message"),
    [
        (SMALLER, {"sample": 0}, "sample must be 1 chip or more, got 0"),
        (SMALLER, {"sample": 3}, "product smaller: pca 3 needs a sample of 4 vectors or .* got 3"),
        (Product("x", pca=17), {}, "pca 17 needs a sample of 18 vectors or more, got 9"),
        (Product("x", pca=3, level="cls"), {}, "product x: cls needs a class token"),
        (Product("x", pca=3, layer=5), {}, "product x: layer 5 is out of range; .* 0 to 0"),
        (Product("x", pca=3, platform="naip"), {}, "platform 'naip'"),
    ],
)
def test_what_cannot_be_fitted_is_refused_before_chips_are_read(tiles, product, options, message):
    tiles.delete([row.path for row in draw_chips(tiles, 100, 0)])
    with pytest.raises((ProductError, InvalidValueError), match=message):
        fit_it(tiles, product, **options)


def test_without_chips_there_is_no_sample(store):
    put_weights(store)
    with pytest.raises(NotFoundError, match=r"no tile of .*chips has chips, .*materialise `chips`"):
        fit_it(store)


def test_vectors_that_are_not_finite_are_not_fitted(tiles):
    state = ClayV0(SMALL).state_dict()
    broken = {name: torch.full_like(values, 3e38) for name, values in state.items()}
    put_checkpoint(tiles, make_checkpoint(SMALL, broken, {}), "broken", inputs="", run_id="")
    product = replace(SMALLER, checkpoint="broken")
    with pytest.raises(CheckpointError, match=r"gives chip chips/.* an embedding that is not fini"):
        fit_it(tiles, product)
