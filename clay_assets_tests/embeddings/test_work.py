"""What is refused before any chip is read or any weights are loaded."""

from dataclasses import replace

import pytest
import torch

from clay_assets.bands import SENTINEL2_BANDS
from clay_assets.checkpoints import put_checkpoint
from clay_assets.embeddings import Product
from clay_assets.embeddings.work import plan_work
from clay_assets.errors import (
    ChipError,
    ClayAssetsError,
    InvalidValueError,
    NotFoundError,
    ProductError,
)
from clay_assets.models import make_checkpoint
from clay_assets.models.families import family_with
from clay_assets.models.vit import VitConfig
from clay_assets_tests.embeddings.conftest import TILE, make_chip, put_chips, put_manifest
from clay_assets_tests.models.seeded import weights


def plan(store, product):
    return plan_work(store, product, TILE, precision="fp32")


def put_vit(store, name="vit"):
    config = VitConfig(32, 8, 16, 3, 2, 32)
    with torch.device("meta"):
        state = family_with(config).network(config).state_dict()
    return put_checkpoint(
        store, make_checkpoint(config, weights(state), {}), name, inputs="", run_id="run"
    )


@pytest.fixture
def without_files(tile):
    """The tile and its checkpoint without the chips' pixels and the weights."""
    chips = [file.key for file in tile.files("chips") if file.key.endswith(".tif")]
    tile.delete(chips + [f.key for f in tile.files() if f.key.endswith(".safetensors")])
    return tile


@pytest.mark.parametrize(
    ("product", "error", "message"),
    [
        (Product("x", "gone"), NotFoundError, "gone"),
        (Product("x", layer=1), ProductError, "product x: layer 1 is out of range; .* 0 to 0"),
        (Product("x", last_k=2), ProductError, "last_k 2 asks for more layers .* 1 to 1"),
        (Product("x", level="cls"), ProductError, "cls needs a class token, .* has none"),
        (
            Product("x", level="chip", pooling="cls_mean"),
            ProductError,
            "cls_mean needs a class token, and this network has none; use mean or max",
        ),
        (Product("x", dimensions=768), ProductError, "dimensions must be 16, .* got 768"),
        (Product("x", pca=17), NotFoundError, "product x has no projection yet"),
        (Product("x", platform="naip"), InvalidValueError, "platform 'naip'"),
        (
            Product("x", model="clay-v0.1"),
            ProductError,
            r"checkpoint 'default' \(\w{16}\) must be of model clay-v0\.1, Clay v0\.1, small, got "
            "a network of family clay_v0 with other layers",
        ),
        (Product("x", model="resnet-50-imagenet"), ProductError, "must be of model resnet-50"),
    ],
)
def test_what_a_checkpoint_cannot_give_is_refused(without_files, product, error, message):
    with pytest.raises(error, match=message):
        plan(without_files, product)


def test_what_it_can_give_has_its_shape(without_files):
    work = plan(without_files, Product("x", layer=-1, norm="after", level="group", dimensions=16))
    assert work.shape() == (6, 2, 2, 16)


def test_chips_with_bands_of_another_model_are_refused(tile):
    put_chips(tile, [make_chip(1, bands=("B02", "B05"))])
    with pytest.raises(InvalidValueError, match="bands B02 B05 hold no whole band group"):
        plan(tile, Product("x"))
    put_vit(tile)
    with pytest.raises(ClayAssetsError, match="B02"):
        plan(tile, Product("x", "vit"))


def test_chips_of_a_size_that_does_not_suit_are_refused(tile):
    put_chips(tile, [make_chip(1, size=48)])
    with pytest.raises(ChipError, match="48"):
        plan(tile, Product("x"))


def test_chips_of_several_shapes_are_refused(tile):
    put_chips(tile, [make_chip(1), make_chip(2, bands=SENTINEL2_BANDS)])
    assert plan(tile, Product("x")).shape() == (16,)  # the mean is as wide for any bands
    message = "tile 32VKM has chips of 64 px with 10 bands, 64 px with 13 bands; level group needs"
    with pytest.raises(ChipError, match=message):
        plan(tile, Product("x", level="group"))


def test_a_vision_transformer_takes_the_colours_of_chips(tile):
    put_vit(tile)
    product = Product("x", "vit", level="chip", pooling="cls_mean", last_k=2, dimensions=64)
    assert plan(tile, product).shape() == (64,)


def test_a_tile_without_chips_needs_nothing(tile):
    put_manifest(tile, [])
    assert plan(tile, Product("x", layer=7, pca=3)).rows == ()


@pytest.mark.parametrize(
    "change",
    [
        {"level": "patch"},
        {"layer": 0},
        {"l2": True},
        {"dtype": "int8"},
    ],
)
def test_another_way_is_another_recipe(tile, change):
    product = Product("x")
    assert plan(tile, replace(product, **change)).recipe != plan(tile, product).recipe
    assert plan(tile, replace(product, name="y")).recipe == plan(tile, product).recipe
    outputs = replace(product, outputs=("csv",))
    assert plan(tile, outputs).recipe == plan(tile, product).recipe
