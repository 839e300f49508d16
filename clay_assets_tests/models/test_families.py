"""All families behind one door."""

from dataclasses import dataclass

import pytest
import torch

from clay_assets.bands import BAND_NAMES, SENTINEL2_BANDS
from clay_assets.errors import CheckpointError, InvalidValueError
from clay_assets.models import (
    FAMILIES,
    ClayV0Config,
    TransformerSize,
    build,
    encoder_of,
    family_named,
    family_of,
    layout_of,
    make_checkpoint,
)
from clay_assets.models.clay_v1_config import ClayV1Config
from clay_assets.models.families import family_with
from clay_assets.models.resnet import ResnetConfig
from clay_assets.models.token_encoder import ChipKind, Place
from clay_assets.models.triplet import TripletConfig
from clay_assets.models.vit import VitConfig

SIZE = TransformerSize(dim=16, depth=2, heads=2, dim_head=4, mlp_ratio=2)
PICTURES = ("red", "green", "blue")
LITTLE = {
    "clay_v0": (ClayV0Config(SIZE, SIZE, 32, 16), ChipKind(BAND_NAMES, 32, 10.0)),
    "clay_v1": (ClayV1Config(SIZE, SIZE), ChipKind(SENTINEL2_BANDS, 32, 10.0)),
    "vit": (VitConfig(32, 16, 16, 2, 2, 32), ChipKind(PICTURES, 32, 0.0)),
    "resnet": (ResnetConfig(False, (1, 1, 1, 1), 4, 32), ChipKind(PICTURES, 32, 0.0)),
    "triplet": (TripletConfig(23, 4, 8, 16), ChipKind(("land_cover",), 32, 100.0)),
}
PLACE = Place(5.3, 60.4, "2024-06-01")


def checkpoint_of(name: str):
    config, kind = LITTLE[name]
    torch.manual_seed(0)
    network = family_named(name).network(config)
    return make_checkpoint(config, network.state_dict(), {}), kind


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_known_by_its_tensors_and_its_config(name: str):
    checkpoint, _ = checkpoint_of(name)
    assert family_of(checkpoint.tensors).name == name
    assert family_with(checkpoint.config).name == checkpoint.family == name
    again = family_named(name).config.from_json(checkpoint.config.to_json())
    assert again == checkpoint.config


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_encodes_as_its_layout_says(name: str):
    checkpoint, kind = checkpoint_of(name)
    encoder = encoder_of(checkpoint, kind)
    layout = layout_of(checkpoint.config, kind)
    assert encoder.layout == layout
    pixels = torch.ones(2, len(kind.bands), kind.size_px, kind.size_px)
    metadata = encoder.metadata([PLACE, PLACE])
    with torch.inference_mode():
        (tokens,) = encoder(pixels, metadata, (1,), after_norm=False)
    layer = layout.layers[1]
    assert tokens.patches.shape == (2, layout.groups, *layer.grid, layer.width)
    assert (tokens.cls is not None) == layout.has_cls
    assert not encoder.training


def test_a_platform_is_passed_to_those_that_ask():
    checkpoint, kind = checkpoint_of("clay_v1")
    assert encoder_of(checkpoint, kind, "sentinel-2-l2a").layout == layout_of(
        checkpoint.config, kind, "sentinel-2-l2a"
    )
    checkpoint, kind = checkpoint_of("clay_v0")
    with pytest.raises(InvalidValueError, match=r"'naip' says nothing to Clay v0.*leave it out"):
        encoder_of(checkpoint, kind, "naip")
    with pytest.raises(InvalidValueError, match="'naip' says nothing to Clay v0"):
        layout_of(checkpoint.config, kind, "naip")


def test_names_of_no_family_are_of_none():
    assert family_of(["head.weight"]) is None


def test_an_unknown_family_is_told_with_those_there_are():
    with pytest.raises(CheckpointError, match=r"one of clay_v0, clay_v1, .*, got 'simclr'"):
        family_named("simclr")


@dataclass(frozen=True)
class Strange:
    """A config of nothing."""


def test_a_config_of_no_family_is_refused():
    with pytest.raises(InvalidValueError, match="Strange is no config of a known family"):
        family_with(Strange())


def test_only_clay_v0_is_built_with_its_decoder():
    checkpoint, _ = checkpoint_of("vit")
    with pytest.raises(CheckpointError, match="is of family vit, expected clay_v0"):
        build(checkpoint)
