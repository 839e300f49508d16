"""Products against the networks they are for, before there is any checkpoint or device."""

import pytest

from clay_assets.bands import BAND_NAMES
from clay_assets.embeddings.products import Product, load_products
from clay_assets.embeddings.suiting import shape_of
from clay_assets.errors import ChipError, InvalidValueError, ProductError
from clay_assets.models.cards import CARDS, card_named
from clay_assets.models.token_encoder import ChipKind


def declared(tmp_path, text):
    path = tmp_path / "products.toml"
    path.write_text(f"[products.x]\n{text}")
    return load_products(path)["x"]


@pytest.mark.parametrize(
    ("text", "dimensions"),
    [  # the note on ViT-L/16 layers
        ("last_k = 4", 4096),
        ('last_k = 4\nlevel = "chip"\npooling = "cls_mean"', 8192),
        ('last_k = 4\naggregation = "mean"', 1024),
        ('last_k = 3\naggregation = "mean"', 1024),
        ('last_k = 2\nlevel = "chip"\npooling = "cls_mean"', 4096),
        ("layer = 6", 1024),
    ],
)
def test_dimensions_are_checked_when_products_are_loaded(tmp_path, text, dimensions):
    model = 'model = "simclr-vit-l-16"\n'
    declared(tmp_path, f"{model}{text}\ndimensions = {dimensions}")
    message = f"product x: dimensions must be {dimensions}, which is what it gives, got 768"
    with pytest.raises(ProductError, match=message):
        declared(tmp_path, f"{model}{text}\ndimensions = 768")


@pytest.mark.parametrize("name", CARDS)
def test_every_model_gives_the_output_that_its_card_says(tmp_path, name):
    text = f'model = "{name}"\ndimensions = {card_named(name).dimensions}'
    product = declared(tmp_path, text)
    assert shape_of(product, card_named(name).config, card_named(name).kind) == (
        card_named(name).dimensions,
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('model = "clay-v9"', r"product x: model must be one of clay-v0\.1, .* got 'clay-v9'"),
        ('model = "clay-v0.1"\nlayer = 12', "product x: layer 12 is out of range; .* 0 to 11"),
        ('model = "clay-v0.1"\nlevel = "cls"', "product x: cls needs a class token, .* has none"),
        ('model = "clay-v1.5"\nlevel = "group"', "product x: level group needs tokens of several"),
        ('model = "clay-v1.5"\npca = 1025', "pca 1025 asks for more components than the 1024"),
        ('model = "resnet-50-imagenet"\nnorm = "after"', "norm after asks for the final norm"),
        ('model = "resnet-50-imagenet"\nlast_k = 2\naggregation = "mean"', "needs layers of one w"),
        ('model = "vectorgeo-triplet"\nlevel = "patch"', "patch needs several tokens"),
        ('model = "clay-v0.1"\nplatform = "naip"', r"product x, model clay-v0\.1: .*'naip'"),
        ('model = "clay-v1.5"\nplatform = "hubble"', r"product x, model clay-v1\.5: .*'hubble'"),
    ],
)
def test_what_a_model_cannot_give_is_refused_when_products_are_loaded(tmp_path, text, message):
    with pytest.raises(ProductError, match=message):
        declared(tmp_path, text)


def test_a_platform_is_checked_with_its_own_bands(tmp_path):
    text = 'model = "clay-v1.5"\nplatform = "naip"\nlevel = "patch"\ndimensions = 1024'
    assert declared(tmp_path, text).platform == "naip"


def test_a_pca_decides_the_dimensions():
    card = card_named("clay-v0.1")
    assert shape_of(Product("x", pca=64), card.config, card.kind) == (64,)


def test_chips_must_suit_the_network():
    config = card_named("clay-v0.1").config
    with pytest.raises(InvalidValueError, match="B02 B03"):
        shape_of(Product("x"), config, ChipKind(("B02", "B03"), 512, 10.0))
    with pytest.raises(ChipError, match="500"):
        shape_of(Product("x"), config, ChipKind(BAND_NAMES, 500, 10.0))
