"""What a Clay v0 file says about its network; files themselves are read in test_original.py."""

import pytest
import torch

from clay_assets.errors import CheckpointError
from clay_assets.models import SIZES, ClayV0, ClayV0Config, TransformerSize, size_named
from clay_assets.models.clay_v0_file import config_of, recognises

LITTLE = TransformerSize(dim=16, depth=2, heads=2, dim_head=4, mlp_ratio=2)
HEADS = (2, 2)
V001 = {"model_size": "small", "mask_ratio": 0.75, "image_size": 512, "patch_size": 32, "lr": 1e-4}
V02 = {"image_size": 256, "patch_size": 16, "shuffle": True, "band_groups": {"rgb": (2, 1, 0)}}


def tensors(config: ClayV0Config) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        return ClayV0(config).state_dict()


@pytest.mark.parametrize("size", SIZES)
def test_a_released_size_is_told_by_its_shapes(size: str):
    config = ClayV0Config(*size_named(size))
    assert config_of(tensors(config), {}) == config


def test_a_network_of_v02_has_smaller_patches():
    config = ClayV0Config(*size_named("small"), image_size=256, patch_size=16)
    assert config_of(tensors(config), V02) == config


def test_hyper_parameters_that_a_release_did_not_save_have_their_old_values():
    config = ClayV0Config(LITTLE, LITTLE, patch_size=4)
    nothing = dict.fromkeys(("mask_ratio", "image_size", "float16_encodings"))
    for parameters in ({}, V001, nothing):
        assert config_of(tensors(config), parameters, heads=HEADS) == config


def test_the_roundings_of_v001_are_a_choice_of_the_caller():
    config = ClayV0Config(LITTLE, LITTLE, patch_size=4, float16_encodings=True)
    found = config_of(tensors(config), V001 | {"float16_encodings": True}, heads=HEADS)
    assert found == config


def test_networks_are_told_apart_by_names():
    assert recognises(tensors(ClayV0Config(LITTLE, LITTLE, band_groups=("nir",))))
    assert not recognises(["encoder.patch_embedding.fclayer.l1.weight", "decoder.mask_patch"])
    assert not recognises([])


@pytest.mark.parametrize(
    ("change", "parameters", "message"),
    [
        ({"encoder.transformer.norm.weight": None}, {}, "lacks the tensor encoder.transformer.no"),
        (
            {"encoder.transformer.norm.weight": torch.ones(20)},
            {},
            "f.ckpt is no Clay v0 checkpoint: dim must be a multiple of 8 from 16 on, got 20",
        ),
        ({"decoder.transformer.norm.weight": torch.tensor(1.0)}, {}, r"impossible shape \(\)"),
        ({}, {"mask_ratio": 2}, "f.ckpt is no Clay v0 checkpoint: mask_ratio must be 0 to below 1"),
        (
            {},
            {"image_size": "big"},
            "f.ckpt: hyper-parameter image_size must be of type int, got 'big'",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_named(change, parameters, message):
    whole = tensors(ClayV0Config(LITTLE, LITTLE, 16, 4)) | change
    with pytest.raises(CheckpointError, match=message):
        config_of(
            {key: value for key, value in whole.items() if value is not None},
            parameters,
            heads=HEADS,
            name="f.ckpt",
        )


def test_a_file_without_band_groups_is_refused():
    whole = tensors(ClayV0Config(LITTLE, LITTLE, 16, 4))
    found = {key: value for key, value in whole.items() if "patch_embedding" not in key}
    with pytest.raises(CheckpointError, match=r"weights has no tensor like encoder.patch_embeddi"):
        config_of(found, {}, heads=HEADS)


def test_heads_of_other_sizes_must_be_given_and_divide():
    found = tensors(ClayV0Config(LITTLE, LITTLE, 16, 4))
    with pytest.raises(CheckpointError, match=r"16 wide and 2 deep, .* pass heads=\(encoder, dec"):
        config_of(found, {})
    with pytest.raises(CheckpointError, match="3 heads do not divide an attention 8 wide"):
        config_of(found, {}, heads=(3, 2))
