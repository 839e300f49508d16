"""Networks found in files, whatever programs wrapped around them."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from clay_assets.errors import CheckpointError
from clay_assets.models import read_original
from clay_assets.models.naming import find_network, json_value
from clay_assets.models.resnet import Resnet, ResnetConfig, sequential_names
from clay_assets.models.vit import Vit, VitConfig

VIT = VitConfig(image_size=32, patch_size=16, width=16, depth=2, heads=2, mlp_width=32)
RESNET = ResnetConfig(bottleneck=False, blocks=(1, 1, 1, 1), stem_width=4)
HEADS = (2, 0)


@pytest.fixture
def vit() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return Vit(VIT).state_dict()


@pytest.fixture
def resnet() -> dict[str, Tensor]:
    torch.manual_seed(0)
    return Resnet(RESNET).state_dict()


def prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in tensors.items()}


def saved(content, folder: Path) -> Path:
    torch.save(content, folder / "file.pth")
    return folder / "file.pth"


@pytest.mark.parametrize(
    "prefix",
    ["", "model.", "backbone.", "encoder.", "module.", "_orig_mod.", "model._orig_mod.net."],
)
def test_wrappers_around_names_are_taken_off(prefix: str, vit, tmp_path: Path):
    found = read_original(saved(prefixed(prefix, vit), tmp_path), heads=HEADS)
    assert list(found.tensors) == list(vit)
    assert found.config == VIT
    assert found.rest == {}


@pytest.mark.parametrize("nest", ["state_dict", "model", "model_state_dict", "network"])
def test_nests_around_tensors_are_opened(nest: str, vit, tmp_path: Path):
    content = {"epoch": 7, nest: vit, "optimizer": {"state": {}, "param_groups": []}}
    found = read_original(saved(content, tmp_path), heads=HEADS)
    assert list(found.tensors) == list(vit)
    assert found.card["epoch"] == 7


def test_nests_without_tensors_are_passed_by(vit, tmp_path: Path):
    content = {"model": {"name": "vit"}, "network": {}, "weights": vit}
    assert list(read_original(saved(content, tmp_path), heads=HEADS).tensors) == list(vit)


def test_wrappers_inside_names_are_taken_off(vit, tmp_path: Path):
    changed = {name.replace("encoder.", "encoder._orig_mod."): value for name, value in vit.items()}
    assert list(read_original(saved(changed, tmp_path), heads=HEADS).tensors) == list(vit)


def test_a_safetensors_file_of_others_is_read(vit, tmp_path: Path):
    save_file(vit, tmp_path / "model.safetensors")
    found = read_original(tmp_path / "model.safetensors", heads=HEADS)
    assert (found.family, list(found.tensors)) == ("vit", list(vit))


def test_the_published_triplet_network_keeps_its_encoder(goldens: Path):
    found = read_original(goldens / "vectorgeo_test.safetensors")
    assert found.family == "triplet"
    assert "encoder.conv_0.weight" in found.tensors


def test_heads_and_teachers_are_kept_aside(vit, goldens: Path, tmp_path: Path):
    head = {
        "backbone.heads.head.weight": torch.ones(3, 16),
        "projection_head.layers.0.weight": torch.ones(4),
    }
    found = read_original(saved(prefixed("backbone.", vit) | head, tmp_path), heads=HEADS)
    assert sorted(found.rest) == sorted(head)
    clay = read_original(goldens / "clay_v1_tiny.ckpt", heads=(2, 2))
    assert sorted(clay.rest) == [
        "model.proj.bias",
        "model.proj.weight",
        "model.teacher.head_stub.bias",
        "model.teacher.head_stub.weight",
    ]
    assert not any("teacher" in name for name in clay.tensors)


def test_a_resnet_whose_parts_are_numbered_is_the_same(resnet, tmp_path: Path):
    numbered = {sequential_names(resnet)[name]: tensor for name, tensor in resnet.items()}
    named = read_original(saved(resnet, tmp_path))
    by_number = read_original(saved(prefixed("backbone.", numbered), tmp_path))
    assert by_number.id == named.id
    assert (by_number.card["layout"], by_number.card["prefix"]) == ("sequential", "backbone.")
    assert "layout" not in named.card


def test_counts_of_batches_stay_whole_numbers(resnet, tmp_path: Path):
    found = read_original(saved(resnet, tmp_path))
    assert found.tensors["bn1.num_batches_tracked"].dtype == torch.int64


ONE = torch.zeros(1)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["blocks.0.attn.qkv.weight", "patch_embed.proj.weight"], "a vision transformer of timm"),
        (
            ["blocks.0.attn.qkv.weight", "blocks.0.ls1.gamma", "patch_embed.proj.weight"],
            "DINOv2",
        ),
        (["decoder_blocks.0.attn.qkv.weight", "mask_token", "blocks.0.x"], "Prithvi or another"),
        (["blocks.0.attn.qkv.weight", "channel_embed"], "SatMAE"),
        (
            ["vit.embeddings.patch_embeddings.projection.weight"],
            "a vision transformer of Hugging Face",
        ),
        (["visual.transformer.resblocks.0.ln_1.weight"], "CLIP"),
        (["up1.conv.weight", "down1.conv.weight"], "a U-Net"),
        (["layers.0.blocks.0.attn.relative_position_bias_table"], "a Swin transformer"),
        (["stages.0.blocks.0.gamma", "stem.0.weight"], "a ConvNeXt"),
        (["conv_stem.weight"], "an EfficientNet"),
        (["model.embed_tokens.weight"], "a language model"),
        (["a.lora_A.weight"], "a LoRA adapter"),
        (["head.weight"], r"another network \(tensors head.weight\)"),
    ],
)
def test_other_networks_are_told_what_they_look_like(names: list[str], message: str):
    with pytest.raises(CheckpointError, match=f"file.pt holds {message}.*; accepted are"):
        find_network(dict.fromkeys(names, ONE), "file.pt", 100)


def test_a_u_net_over_a_resnet_is_no_resnet(resnet):
    names = prefixed("encoder.", resnet) | {"decoder.blocks.0.conv1.weight": ONE}
    with pytest.raises(CheckpointError, match="holds a U-Net"):
        find_network(names, "file.pt", 10**9)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"state": {}, "param_groups": []}, "the state of an optimiser, without its network"),
        ({"optimizer_states": [], "epoch": 1}, "the state of a training run, without its network"),
        ({}, r"no network's tensors \(it has nothing\)"),
        ({"state_dict": {}}, r"no network's tensors \(it has state_dict\)"),
        ({"weights": 3}, r"no network's tensors \(it has weights\)"),
    ],
)
def test_files_without_a_network_are_told(content, message: str):
    with pytest.raises(CheckpointError, match=message):
        find_network(content, "file.pt", 100)


def test_tensors_of_other_kinds_are_refused(vit):
    for tensor, message in (
        (torch.ones(2, 2).to_sparse(), "class_token is a tensor of layout torch.sparse_coo"),
        (torch.ones(2, dtype=torch.complex64), "of layout torch.strided and type torch.complex64"),
    ):
        with pytest.raises(CheckpointError, match=message):
            find_network(vit | {"class_token": tensor}, "file.pt", 10**9)


def test_names_that_count_too_far_are_refused(vit):
    name = "encoder.layers.encoder_layer_99999.ln_1.weight"
    with pytest.raises(CheckpointError, match=f"{name} counts further than 9999"):
        find_network(vit | {name: ONE}, "file.pt", 10**9)


def test_values_of_a_file_become_json_values():
    around: list = [1, 2.5, None, True, "x"]
    around.append(around)
    found = json_value(
        {"a": around, "b": (float("nan"), 2**70), 3: torch.ones(2), "p": torch.float16, "s": {1}}
    )
    assert found["a"][:5] == [1, 2.5, None, True, "x"]
    assert found["b"] == ["nan", "an integer of 71 bits"]
    assert found["3"] == "a tensor of shape (2,)"
    assert found["p"] == "torch.float16"
    assert found["s"] == "set"


def test_values_that_multiply_end_somewhere():
    laughs: list = ["ha"]
    for _ in range(40):
        laughs = [laughs, laughs]
    assert len(str(json_value(laughs))) < 500_000
