"""Files written for the code they came from, and read again."""

from dataclasses import replace
from pathlib import Path

import lightning.pytorch as L
import pytest
import torch
from torch import nn

from clay_assets.errors import CheckpointError, InvalidValueError
from clay_assets.models import (
    Checkpoint,
    ClayV0,
    ClayV0Config,
    export_original,
    make_checkpoint,
    read_original,
    size_named,
)
from clay_assets.models.clay_v1 import ClayV1
from clay_assets.models.clay_v1_config import SIZES_V1, ClayV1Config
from clay_assets.models.resnet import Resnet, ResnetConfig, sequential_names
from clay_assets.models.triplet import Triplet, TripletConfig
from clay_assets.models.vit import Vit, VitConfig

VIT = VitConfig(image_size=32, patch_size=16, width=16, depth=2, heads=2, mlp_width=32)
RESNET = ResnetConfig(bottleneck=False, blocks=(1, 1, 1, 1), stem_width=4)
TRIPLET = TripletConfig(23, 4, 8, 16)
SIMCLR = {
    "config": {"name": "simclr", "scheduler": {"params": {"T_max": 200}}},
    "lr": 0.001,
    "T_max": 200,
}


@pytest.fixture(scope="module")
def released():
    """A checkpoint of a released size."""
    torch.manual_seed(0)
    config = ClayV0Config(*size_named("tiny"))
    return make_checkpoint(config, ClayV0(config).state_dict(), {"epoch": 24})


def prefixed(prefix, tensors):
    return {prefix + name: tensor for name, tensor in tensors.items()}


def lightning(state_dict):
    return {
        "epoch": 3,
        "global_step": 12,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": state_dict,
        "loops": {},
        "hparams_name": "kwargs",
        "hyper_parameters": SIMCLR,
    }


@pytest.mark.parametrize("name", ["clay_v0_tiny.ckpt", "clay_v1_tiny.ckpt"])
def test_the_golden_files_come_out_as_they_went_in(name: str, goldens: Path, tmp_path: Path):
    golden = torch.load(goldens / name, weights_only=True)
    checkpoint = read_original(goldens / name, heads=(2, 2))
    note = export_original(checkpoint, tmp_path / name)
    written = torch.load(tmp_path / name, weights_only=True)
    assert list(written) == list(golden)
    assert written["hyper_parameters"] == golden["hyper_parameters"]
    assert set(written["state_dict"]) == set(golden["state_dict"])
    for key, tensor in golden["state_dict"].items():
        assert torch.equal(written["state_dict"][key], tensor)
    assert read_original(tmp_path / name, heads=(2, 2)).id == checkpoint.id
    assert "a network 64 wide and 2 deep, which is none of the sizes" in note


def test_a_clay_v1_without_its_teacher_says_so(goldens: Path, tmp_path: Path):
    checkpoint = replace(read_original(goldens / "clay_v1_tiny.ckpt", heads=(2, 2)), rest={})
    note = export_original(checkpoint, tmp_path / "clay.ckpt")
    assert "it has no teacher and proj" in note
    assert "load it with strict=False" in note
    again = read_original(tmp_path / "clay.ckpt", heads=(2, 2))
    assert again.id == checkpoint.id
    assert again.rest == {}


def test_a_clay_v1_of_our_own_gets_the_hyper_parameters_of_its_class(goldens: Path, tmp_path: Path):
    config = ClayV1Config(*SIZES_V1["tiny"])
    checkpoint = make_checkpoint(config, ClayV1(config).state_dict(), {})
    export_original(checkpoint, tmp_path / "clay.ckpt")
    written = torch.load(tmp_path / "clay.ckpt", weights_only=True)
    golden = torch.load(goldens / "clay_v1_tiny.ckpt", weights_only=True)
    assert written["hyper_parameters"] == golden["hyper_parameters"] | {"lr": 1e-5}
    assert read_original(tmp_path / "clay.ckpt").config == config


def test_clay_v1_0_is_called_as_its_own_code_calls_it(tmp_path: Path):
    config = ClayV1Config(*SIZES_V1["base-v1.0"], norm_pix_loss=True)
    export_original(Checkpoint("id", "clay_v1", config, {}, {}), tmp_path / "clay.ckpt")
    written = torch.load(tmp_path / "clay.ckpt", weights_only=True)["hyper_parameters"]
    assert (written["model_size"], written["norm_pix_loss"]) == ("base", True)


@pytest.mark.parametrize(
    ("network", "heads"),
    [
        (Vit(VIT), {"heads.head.weight": torch.ones(3, 16), "heads.head.bias": torch.ones(3)}),
        (Vit(VIT), {}),
        (Resnet(RESNET), {"fc.weight": torch.ones(3, 32), "fc.bias": torch.ones(3)}),
        (Triplet(TRIPLET), {}),
    ],
)
@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
def test_state_dicts_come_out_as_they_went_in(network, heads, suffix: str, tmp_path: Path):
    state = network.state_dict() | heads
    torch.save(state, tmp_path / "in.pth")
    checkpoint = read_original(tmp_path / "in.pth", heads=(2, 0))
    path = tmp_path / f"out{suffix}"
    note = export_original(checkpoint, path)
    again = read_original(path, heads=(2, 0))
    assert again.id == checkpoint.id
    written = again.tensors | again.rest
    assert set(written) == set(state)
    assert all(torch.equal(written[name], tensor) for name, tensor in state.items())
    assert (note is None) == (bool(heads) or isinstance(network, Triplet))


@pytest.mark.parametrize("kind", ["vit", "resnet"])
def test_simclr_files_come_out_as_they_went_in(kind: str, tmp_path: Path):
    state = Vit(VIT).state_dict()
    if kind == "resnet":
        state = Resnet(RESNET).state_dict()
        state = {sequential_names(state)[name]: tensor for name, tensor in state.items()}
    state = prefixed("backbone.", state) | {"projection_head.layers.0.weight": torch.ones(2, 2)}
    torch.save(lightning(state), tmp_path / "in.ckpt")
    checkpoint = read_original(tmp_path / "in.ckpt", heads=(2, 0))
    assert checkpoint.card["hyper_parameters"] == SIMCLR
    assert export_original(checkpoint, tmp_path / "out.ckpt") is None
    written = torch.load(tmp_path / "out.ckpt", weights_only=True)
    assert set(written["state_dict"]) == set(state)
    assert all(torch.equal(written["state_dict"][name], state[name]) for name in state)
    assert written["hyper_parameters"] == SIMCLR
    assert (written["epoch"], written["global_step"]) == (3, 12)
    assert written["pytorch-lightning_version"] == "2.4.0"
    assert read_original(tmp_path / "out.ckpt", heads=(2, 0)).id == checkpoint.id


class SimClr(L.LightningModule):
    """Layout of the note's module: shared/reference/vectorgeo_and_simclr.md 2.1."""

    def __init__(self, config, lr=0.06, T_max=5):
        super().__init__()
        self.save_hyperparameters()
        self.backbone = Vit(VIT)
        self.projection_head = nn.Sequential(nn.Linear(16, 8, bias=False), nn.BatchNorm1d(8))

    def training_step(self, batch):
        (tokens,) = self.backbone(batch)
        return self.projection_head(tokens[:, 0]).square().mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.001, momentum=0.9)


def test_a_file_of_a_lightning_trainer_is_read_and_its_export_loaded(tmp_path: Path):
    trainer = L.Trainer(
        accelerator="cpu",
        max_steps=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    module = SimClr({"backbone": "vit_l_16", "where": tmp_path}, T_max=200)
    trainer.fit(module, torch.utils.data.DataLoader(torch.randn(4, 3, 32, 32), batch_size=2))
    trainer.save_checkpoint(tmp_path / "in.ckpt")
    checkpoint = read_original(tmp_path / "in.ckpt", heads=(2, 0))
    assert checkpoint.card["global_step"] == 1
    assert checkpoint.card["hyper_parameters"]["T_max"] == 200
    export_original(checkpoint, tmp_path / "out.ckpt")
    again = SimClr.load_from_checkpoint(tmp_path / "out.ckpt", map_location="cpu")
    assert again.hparams["config"] == {"backbone": "vit_l_16", "where": str(tmp_path)}
    for name, tensor in module.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)


def test_a_simclr_network_comes_out_for_torchvision(tmp_path: Path):
    network = Resnet(RESNET)
    names = sequential_names(network.state_dict())
    state = {f"backbone.{names[name]}": tensor for name, tensor in network.state_dict().items()}
    torch.save(lightning(state), tmp_path / "in.ckpt")
    note = export_original(read_original(tmp_path / "in.ckpt"), tmp_path / "out.pth")
    network.load_state_dict(torch.load(tmp_path / "out.pth", weights_only=True))
    assert "it has no fc (the classifier)" in note


def test_only_lightning_files_become_lightning_files(tmp_path: Path):
    checkpoint = make_checkpoint(TRIPLET, Triplet(TRIPLET).state_dict(), {})
    with pytest.raises(CheckpointError, match=r"was not imported from a Lightning .* as .pth, .pt"):
        export_original(checkpoint, tmp_path / "out.ckpt")


def test_an_unknown_suffix_is_refused(released: Checkpoint, tmp_path: Path):
    with pytest.raises(InvalidValueError, match=r"clay.h5 must end in one of .ckpt, .pth"):
        export_original(released, tmp_path / "clay.h5")


def test_the_original_code_does_not_know_other_sizes(released: Checkpoint, tmp_path: Path):
    size = replace(released.config.encoder, depth=1)
    config = replace(released.config, encoder=size, decoder=size)
    checkpoint = make_checkpoint(config, ClayV0(config).state_dict(), {})
    with pytest.raises(
        CheckpointError, match=r"is 256 wide and 1 deep; .* tiny, small, medium, la"
    ):
        export_original(checkpoint, tmp_path / "clay.ckpt")


def test_the_bands_of_a_release_are_tuples_again(released: Checkpoint, tmp_path: Path):
    groups = {"rgb": (2, 1, 0), "nir": (6,)}
    export_original(released, tmp_path / "a.ckpt")
    content = torch.load(tmp_path / "a.ckpt", weights_only=True)
    content["hyper_parameters"] |= {"band_groups": groups, "shuffle": False}
    torch.save(content, tmp_path / "a.ckpt")
    export_original(read_original(tmp_path / "a.ckpt"), tmp_path / "b.ckpt")
    written = torch.load(tmp_path / "b.ckpt", weights_only=True)
    assert written["hyper_parameters"] == content["hyper_parameters"]


class ReferenceLike(L.LightningModule):
    """Signature of the original module of v0.0.1; shared/reference/clay.md 1.10."""

    def __init__(self, model_size, mask_ratio, image_size, patch_size, lr, wd, b1, b2):
        super().__init__()
        self.save_hyperparameters(logger=False)
        self.model = ClayV0(ClayV0Config(*size_named(model_size), image_size, patch_size))

    def predict_step(self, batch):
        return self.model.encoder.latlon_embedding(batch)


def test_an_export_is_loaded_by_lightning_itself(released, tmp_path: Path, goldens: Path):
    path = tmp_path / "clay.ckpt"
    export_original(released, path)
    written = torch.load(path, weights_only=True)
    golden = torch.load(goldens / "clay_v0_tiny.ckpt", weights_only=True)
    assert list(written) == [key for key in golden if key in written]
    assert set(written) == set(golden)
    assert set(written["hyper_parameters"]) == set(golden["hyper_parameters"])
    module = ReferenceLike.load_from_checkpoint(path, map_location="cpu")
    found = module.model.state_dict()
    assert all(torch.equal(found[key], value) for key, value in released.tensors.items())


def test_an_export_can_be_resumed_by_a_trainer(released, tmp_path: Path):
    path = tmp_path / "clay.ckpt"
    export_original(released, path)
    trainer = L.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    module = ReferenceLike("tiny", 0.75, 512, 32, 1e-4, 0.05, 0.9, 0.95)
    (found,) = trainer.predict(module, [torch.zeros(1, 2)], ckpt_path=path)
    assert torch.equal(found, released.tensors["encoder.latlon_embedding.bias"])
