import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from clay_assets.errors import CheckpointError, NotFoundError
from clay_assets.models import ClayV0, ClayV0Config, TransformerSize, build, load, make_checkpoint

LITTLE = TransformerSize(dim=16, depth=1, heads=2, dim_head=4, mlp_ratio=2)
CONFIG = ClayV0Config(LITTLE, LITTLE, image_size=16, patch_size=4)
CARD = {"source": "a test"}


def tensors(seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    return ClayV0(CONFIG).state_dict()


def test_a_saved_checkpoint_comes_back_equal(tmp_path: Path):
    checkpoint = make_checkpoint(CONFIG, tensors(), CARD)
    checkpoint.save(tmp_path / "folder")
    for path in (tmp_path / "folder", tmp_path / "folder" / "model.safetensors"):
        found = load(path)
        assert (found.id, found.config, found.card) == (checkpoint.id, CONFIG, CARD)
        assert all(torch.equal(found.tensors[key], value) for key, value in tensors().items())


def test_the_card_can_be_read_by_people(tmp_path: Path):
    checkpoint = make_checkpoint(CONFIG, tensors(), CARD)
    checkpoint.save(tmp_path)
    card = json.loads((tmp_path / "card.json").read_text())
    assert card["id"] == checkpoint.id
    assert card["parameters"] == sum(value.numel() for value in tensors().values())
    assert card["size"] is None
    assert card["config"]["encoder"]["dim"] == 16


def test_files_of_the_same_weights_are_the_same_bytes(tmp_path: Path):
    for name in ("a", "b"):
        make_checkpoint(CONFIG, tensors(), CARD).write_weights(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_the_id_follows_weights_and_config_and_nothing_else():
    checkpoint = make_checkpoint(CONFIG, tensors(), CARD)
    assert make_checkpoint(CONFIG, tensors(), {}).id == checkpoint.id
    assert make_checkpoint(CONFIG, tensors(seed=1), CARD).id != checkpoint.id
    assert make_checkpoint(replace(CONFIG, mask_ratio=0.7), tensors(), CARD).id != checkpoint.id


def test_ids_given_by_earlier_releases_stay(tiny_checkpoint):
    assert tiny_checkpoint.id == "3d39c7d59c18cfe7"  # computed before there was a second family


def test_training_a_built_network_leaves_the_checkpoint_alone():
    checkpoint = make_checkpoint(CONFIG, tensors(), CARD)
    with torch.no_grad():
        for parameter in build(checkpoint).parameters():
            parameter.add_(1.0)
    assert make_checkpoint(CONFIG, checkpoint.tensors, CARD).id == checkpoint.id


def test_a_built_network_is_in_evaluation_mode_and_can_be_trained():
    network = build(make_checkpoint(CONFIG, tensors(), CARD))
    assert not network.training
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_tensors_that_share_memory_are_taken_apart(tmp_path: Path):
    whole = tensors()
    norm = "encoder.transformer.norm."
    tied = whole | {f"{norm}weight": whole[f"{norm}bias"]}
    make_checkpoint(CONFIG, tied, CARD).save(tmp_path)  # safetensors refuses tied tensors
    found = load(tmp_path).tensors
    assert torch.equal(found[f"{norm}weight"], whole[f"{norm}bias"])


def test_missing_extra_misshaped_and_broken_tensors_are_refused():
    bias = "encoder.latlon_embedding.bias"
    whole = tensors()
    lacking = {key: value for key, value in whole.items() if key != bias}
    for found, message in (
        (lacking, rf"weights lacks 1 tensor \({bias}\) of a Clay v0 network"),
        (whole | {"head.bias": whole[bias]}, r"weights has 1 tensor \(head.bias\) that no Clay"),
        (whole | {bias: torch.zeros(3)}, rf"{bias} must have shape \(16,\), got \(3,\)"),
        (whole | {bias: whole[bias] * torch.nan}, f"{bias} holds NaN or infinite values"),
        ({}, r"weights lacks 67 tensors \(.*\) of a"),
    ):
        with pytest.raises(CheckpointError, match=message):
            make_checkpoint(CONFIG, found, CARD)


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(NotFoundError, match=r"model.safetensors does not exist"):
        load(tmp_path)


def test_a_truncated_file_is_refused(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    make_checkpoint(CONFIG, tensors(), CARD).write_weights(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="is not a whole safetensors file"):
        load(path)


def test_a_file_with_a_flipped_bit_is_refused(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    checkpoint = make_checkpoint(CONFIG, tensors(), CARD)
    checkpoint.write_weights(path)
    content = bytearray(path.read_bytes())
    content[-4] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=f"was damaged: its id is {checkpoint.id}, its"):
        load(path)


def test_safetensors_of_something_else_are_refused(tmp_path: Path):
    path = tmp_path / "model.safetensors"
    save_file(tensors(), path)
    with pytest.raises(CheckpointError, match="has no clay_assets card"):
        load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "simclr"}, r"model.safetensors: family must be one of clay_v0.*, got 'simclr'"),
        ({"config": {}}, "not a Clay v0 config: 'encoder'"),
    ],
)
def test_a_card_of_another_kind_is_refused(tmp_path: Path, change, message):
    path = tmp_path / "model.safetensors"
    card = json.loads(make_checkpoint(CONFIG, tensors(), CARD).card_json()) | change
    save_file(tensors(), path, metadata={"clay_assets": json.dumps(card)})
    with pytest.raises(CheckpointError, match=message):
        load(path)
