"""What a Clay v1 file says about its network."""

import pytest
import torch

from clay_assets.errors import CheckpointError
from clay_assets.models import TransformerSize
from clay_assets.models.clay_v1 import ClayV1
from clay_assets.models.clay_v1_config import SIZES_V1, ClayV1Config
from clay_assets.models.clay_v1_file import config_of, recognises

LITTLE = TransformerSize(dim=16, depth=2, heads=2, dim_head=4, mlp_ratio=2)
LITTLE_CONFIG = ClayV1Config(LITTLE, LITTLE, patch_size=4)


def tensors(config: ClayV1Config = LITTLE_CONFIG) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        return ClayV1(config).state_dict()


@pytest.mark.parametrize("size", SIZES_V1)
def test_a_released_size_is_told_by_its_shapes(size: str):
    config = ClayV1Config(*SIZES_V1[size])
    assert config_of(tensors(config), {}) == config


def test_what_shapes_cannot_say_is_in_the_hyper_parameters():
    config = ClayV1Config(LITTLE, LITTLE, patch_size=4, mask_ratio=0.5, norm_pix_loss=True)
    parameters = {"mask_ratio": 0.5, "norm_pix_loss": True, "shuffle": True, "dolls": [16, 32]}
    assert config_of(tensors(config), parameters, heads=(2, 2)) == config


def test_networks_are_told_apart_by_names():
    assert recognises(tensors())
    assert not recognises(["encoder.patch_embedding.rgb.proj.weight"])


@pytest.mark.parametrize(
    ("change", "parameters", "message"),
    [
        (
            {"decoder.transformer.norm.weight": None},
            {},
            "lacks the tensor decoder.transformer.norm",
        ),
        (
            {"encoder.transformer.norm.weight": torch.ones(20)},
            {},
            "f.ckpt is no Clay v1 checkpoint: dim must be a multiple of 8 from 16 on, got 20",
        ),
        (
            {},
            {"mask_ratio": "most"},
            "f.ckpt: hyper-parameter mask_ratio must be of type float, got",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_named(change, parameters, message):
    whole = tensors() | change
    with pytest.raises(CheckpointError, match=message):
        config_of(
            {key: value for key, value in whole.items() if value is not None},
            parameters,
            heads=(2, 2),
            name="f.ckpt",
        )


def test_heads_of_other_sizes_must_be_given():
    with pytest.raises(CheckpointError, match=r"16 wide and 2 deep, .*large-v1.0\); heads cannot"):
        config_of(tensors(), {})
