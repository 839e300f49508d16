"""Reading Clay v0's own Lightning files."""

from pathlib import Path
from typing import Any

import pytest
import torch

from clay_assets.errors import CheckpointError, InvalidValueError
from clay_assets.models import (
    ClayV0,
    ClayV0Config,
    export_original,
    make_checkpoint,
    read_original,
    size_named,
)

HEADS = (2, 2)


@pytest.fixture
def content(goldens: Path) -> dict[str, Any]:
    """Content of the golden file, to be changed."""
    return torch.load(goldens / "clay_v0_tiny.ckpt", weights_only=True)


@pytest.fixture(scope="module")
def released():
    """A checkpoint of a released size."""
    torch.manual_seed(0)
    config = ClayV0Config(*size_named("tiny"))
    return make_checkpoint(config, ClayV0(config).state_dict(), {"epoch": 24})


def saved(content: Any, folder: Path) -> Path:
    path = folder / "changed.ckpt"
    torch.save(content, path)
    return path


def test_sizes_are_read_from_the_tensors(tiny_checkpoint, goldens: Path):
    encoder, decoder = tiny_checkpoint.config.encoder, tiny_checkpoint.config.decoder
    assert (encoder.dim, encoder.depth, encoder.heads, encoder.dim_head) == (64, 2, 2, 16)
    assert (decoder.dim, decoder.depth, decoder.heads, decoder.dim_head) == (32, 1, 2, 16)
    assert tiny_checkpoint.config.patch_size == 32
    assert tiny_checkpoint.card["lightning_version"] == "2.1.2"
    assert tiny_checkpoint.card["hyper_parameters"]["lr"] == 1e-4


def test_heads_of_a_released_size_are_known(released, tmp_path: Path):
    export_original(released, tmp_path / "clay.ckpt")
    found = read_original(tmp_path / "clay.ckpt")
    assert found.id == released.id
    assert found.config.size_name == "tiny"
    assert found.card["epoch"] == 24


def test_a_safetensors_file_of_ours_is_read_too(released, tmp_path: Path):
    released.save(tmp_path)
    assert read_original(tmp_path / "model.safetensors").id == released.id


def test_hyper_parameters_of_other_releases_are_understood(content, tmp_path: Path):
    v001 = ("model_size", "mask_ratio", "image_size", "patch_size", "lr", "wd", "b1", "b2")
    hyper = content["hyper_parameters"]
    content["hyper_parameters"] = {key: hyper[key] for key in v001}
    older = read_original(saved(content, tmp_path), heads=HEADS)
    assert older.card["hyper_parameters"] == content["hyper_parameters"]
    content["hyper_parameters"] = hyper | {
        "shuffle": True,
        "band_groups": {"rgb": (2, 1, 0), "dem": (12,)},
        "image_size": 256,
    }
    content |= {"callbacks": {}, "optimizer_states": [{"state": {}}], "lr_schedulers": [{}]}
    newer = read_original(saved(content, tmp_path), heads=HEADS)
    assert older.config.mask_ratio == 0.75
    assert newer.config.image_size == 256
    assert newer.card["hyper_parameters"]["band_groups"] == {"rgb": [2, 1, 0], "dem": [12]}


def test_a_network_of_fewer_groups_keeps_their_order(content, tmp_path: Path):
    keep = ("nir", "rgb")
    state = content["state_dict"]
    other = {k: v for k, v in state.items() if "patch_embedding" not in k and "pixels" not in k}
    for group in keep:
        other |= {k: v for k, v in state.items() if f".{group}." in k}
    content["state_dict"] = other
    assert read_original(saved(content, tmp_path), heads=HEADS).config.band_groups == keep


def test_a_size_that_was_never_released_needs_its_heads(goldens: Path):
    with pytest.raises(CheckpointError, match=r"64 wide and 2 deep, .*pass heads=\(encoder, dec"):
        read_original(goldens / "clay_v0_tiny.ckpt")


def test_heads_that_do_not_divide_are_refused(goldens: Path):
    with pytest.raises(CheckpointError, match="5 heads do not divide an attention 32 wide"):
        read_original(goldens / "clay_v0_tiny.ckpt", heads=(5, 2))


def test_encodings_are_rounded_where_asked_for(goldens: Path, tiny_checkpoint):
    path = goldens / "clay_v0_tiny.ckpt"
    found = read_original(path, heads=HEADS, options=("float16_encodings",))
    assert found.config.float16_encodings
    assert found.id != tiny_checkpoint.id
    with pytest.raises(InvalidValueError, match=r"option normalize .* Clay v0; it takes float16_e"):
        read_original(path, heads=HEADS, options=("normalize",))


def test_another_network_is_refused(tmp_path: Path):
    state = {"state_dict": {"conv1.weight": torch.zeros(3)}}
    with pytest.raises(CheckpointError, match=r"holds another network \(tensors conv1.weight\)"):
        read_original(saved(state, tmp_path))


def test_missing_and_misshaped_tensors_are_named(content, tmp_path: Path):
    state, norm = content["state_dict"], "model.encoder.transformer.norm.weight"
    for change, message in (
        ({norm: None}, r"lacks the tensor encoder.transformer.norm.weight"),
        ({norm: torch.tensor(1.0)}, r"norm.weight has the impossible shape \(\)"),
        ({norm: torch.ones(20)}, "is no Clay v0 checkpoint: dim must be a multiple of 8"),
        ({"model.decoder.mask_patch": None}, r"lacks 1 tensor \(decoder.mask_patch\)"),
        ({"model.encoder.head": torch.ones(1)}, r"has 1 tensor \(encoder.head\) that no Clay"),
    ):
        content["state_dict"] = {k: v for k, v in (state | change).items() if v is not None}
        with pytest.raises(CheckpointError, match=message):
            read_original(saved(content, tmp_path), heads=HEADS)
