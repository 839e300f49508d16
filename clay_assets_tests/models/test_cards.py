"""What is known about published models; sizes as in shared/reference and torchvision's pages."""

from dataclasses import replace

import pytest
import torch

from clay_assets.errors import NotFoundError
from clay_assets.models import (
    CARDS,
    FAMILIES,
    ClayV0Config,
    TransformerSize,
    card_like,
    card_named,
    cards_of,
    dimensions_of,
    family_named,
)
from clay_assets.models.vit import VitConfig

PARAMETERS = {
    "clay-v0.1": 127_702_272,  # reference/clay.md 1.1
    "clay-v1.5": 311_442_944 + 15_900_160,  # reference/clay.md 6, encoder and decoder
    "vit-b-16-imagenet": 86_567_656 - 769_000,  # torchvision, without its classifier
    "vit-l-16-imagenet": 304_326_632 - 1_025_000,
    "resnet-50-imagenet": 25_557_032 - 2_049_000,
    "vectorgeo-triplet": 319_184,  # reference/vectorgeo_and_simclr.md 1.11
}


@pytest.mark.parametrize(("name", "expected"), PARAMETERS.items())
def test_networks_have_the_published_number_of_parameters(name: str, expected: int):
    card = card_named(name)
    with torch.device("meta"):
        network = family_named(card.family).network(card.config)
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


@pytest.mark.parametrize(
    ("name", "dimensions", "layers"),
    [
        ("clay-v0.1", 768, 12),
        ("clay-v0.2", 768, 12),
        ("clay-v1.0", 768, 12),
        ("clay-v1.5", 1024, 24),
        ("simclr-vit-l-16", 1024, 24),
        ("resnet-50-imagenet", 2048, 4),
        ("vectorgeo-triplet", 16, 5),
    ],
)
def test_dimensions_and_layers_are_told(name: str, dimensions: int, layers: int):
    card = card_named(name)
    assert card.dimensions == dimensions
    assert len(card.layout.layers) == layers


def test_every_family_has_a_card():
    assert all(cards_of(family) for family in FAMILIES)


@pytest.mark.parametrize("name", CARDS)
def test_a_card_says_all_there_is_to_know(name: str):
    card = CARDS[name]
    assert card.name == name
    assert card.licence
    assert card.notes
    assert card.source.startswith("https://")
    assert set(card.statistics) <= set(card.kind.bands)
    assert 0.5 < card.collapse_cosine < 1


@pytest.mark.parametrize("name", CARDS)
def test_a_model_is_known_by_its_sizes(name: str):
    card = CARDS[name]
    assert card_like(card.config, is_lightning=card.is_lightning) == card


def test_what_was_chosen_on_import_does_not_hide_a_model():
    config = replace(card_named("clay-v0.1").config, float16_encodings=True)
    assert card_like(config, is_lightning=True).name == "clay-v0.1"
    triplet = replace(card_named("vectorgeo-triplet").config, normalize=True)
    assert card_like(triplet, is_lightning=False).name == "vectorgeo-triplet"
    other = replace(config, patch_size=8)
    assert card_like(other, is_lightning=True) is None


def test_dimensions_are_told_of_networks_without_a_card():
    size = TransformerSize(dim=64, depth=1, heads=1, dim_head=8, mlp_ratio=2)
    assert dimensions_of(ClayV0Config(size, size, 96, 16)) == 64
    assert dimensions_of(VitConfig(96, 32, 48, 1, 2, 8)) == 48
    with_height = replace(card_named("vectorgeo-triplet").config, planes=24)
    assert dimensions_of(with_height) is None


def test_an_unknown_model_is_told_with_those_there_are():
    with pytest.raises(NotFoundError, match=r"one of clay-v0.1, .*, got 'clay-v9'"):
        card_named("clay-v9")
