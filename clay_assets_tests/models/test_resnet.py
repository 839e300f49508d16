from dataclasses import replace

import pytest
import torch
from torch import nn

from clay_assets.embeddings.extraction import Extraction, resolve
from clay_assets.embeddings.taking import extract
from clay_assets.errors import CheckpointError, InvalidValueError, ProductError
from clay_assets.models.resnet import (
    Resnet,
    ResnetConfig,
    bare_names,
    config_of,
    encoder_of,
    layout_of,
    recognises,
    sequential_names,
)
from clay_assets.models.token_encoder import ChipKind, Place
from clay_assets_tests.models.seeded import numbers, weights

BASIC = ResnetConfig(bottleneck=False, blocks=(1, 1, 1, 1))
BOTTLENECK = ResnetConfig(bottleneck=True, blocks=(1, 2, 1, 1))
NARROW = ResnetConfig(bottleneck=True, blocks=(1, 2, 1, 1), stem_width=4, image_size=61)
RESNET50 = ResnetConfig(bottleneck=True, blocks=(3, 4, 6, 3))
PICTURE = ChipKind(("red", "green", "blue"), 61, 0.0)
RTOL = 1e-5  # of numbers of one network in float32


def tensors(config: ResnetConfig = NARROW) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        return weights(Resnet(config).state_dict())


def found_config(found: dict[str, torch.Tensor]) -> ResnetConfig:
    return config_of(found, {}, heads=None, name="a.pth")


def pictures() -> torch.Tensor:
    return (numbers((2, 3, 61, 61), 1) * 40 + 128).clamp(0, 255).to(torch.uint8)


@pytest.mark.parametrize(
    ("config", "row_1_column_0_of_second", "lengths", "pooled"),
    [  # torchvision 0.29.2 ResNet(BasicBlock, [1, 1, 1, 1]) and ResNet(Bottleneck, [1, 2, 1, 1]):
        # first number of layer1 to layer4, length of all numbers of each, first two of avgpool
        (
            BASIC,
            [0.151968, 0.0, 0.958481, 2.477094],
            [242.032516, 152.373489, 80.221489, 41.311695],
            [2.997116, 0.0],
        ),
        (
            BOTTLENECK,
            [2.585969, 0.460838, 0.0, 1.067103],
            [305.128540, 209.639465, 119.002785, 66.138405],
            [0.831030, 0.600734],
        ),
    ],
    ids=["basic", "bottleneck"],
)
def test_stages_are_torchvisions(config, row_1_column_0_of_second, lengths, pooled):
    network = encoder_of(config, tensors(config), PICTURE).network
    grids = [grid[1] for grid in network(numbers((2, 3, 64, 64), 1000), (0, 1, 2, 3))]
    first = [grid[0, 1, 0].item() for grid in grids]
    assert first == pytest.approx(row_1_column_0_of_second, rel=1e-4, abs=1e-5)
    assert [grid.norm().item() for grid in grids] == pytest.approx(lengths, rel=RTOL)
    assert grids[-1].mean(dim=(1, 2))[:2].tolist() == pytest.approx(pooled, rel=RTOL)


def test_stages_are_what_hooks_on_them_see():
    encoder = encoder_of(NARROW, tensors(), PICTURE)
    seen = []
    for name in ("layer1", "layer2", "layer3", "layer4"):
        encoder.network.get_submodule(name).register_forward_hook(lambda *call: seen.append(call))
    found = encoder(pictures(), encoder.metadata([]), (0, 3), after_norm=False)
    for tokens, layer, call in zip(found, (0, 3), (seen[0], seen[3]), strict=True):
        about = encoder.layout.layers[layer]
        assert tokens.cls is None
        assert tokens.patches.shape == (2, 1, *about.grid, about.width)
        assert torch.equal(tokens.patches[:, 0].permute(0, 3, 1, 2), call[2])


def test_stages_behind_the_last_one_asked_for_are_not_run():
    encoder = encoder_of(NARROW, tensors(), PICTURE)
    encoder.network.layer4 = None
    assert len(encoder(pictures(), encoder.metadata([]), (2,), after_norm=False)) == 1


def test_resnet50_is_told_from_shapes():
    with torch.device("meta"):
        state = Resnet(RESNET50).state_dict()
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    parameters = sum(t.numel() for name, t in state.items() if not name.endswith(buffers))
    assert parameters == 25557032 - 2049000  # torchvision's metadata, less 1000 classes
    assert found_config(state) == RESNET50
    assert RESNET50.size_name == "resnet50"
    assert replace(RESNET50, stem_width=32).size_name is None
    assert replace(RESNET50, bottleneck=False).size_name == "resnet34"
    assert BASIC.size_name is None


def test_resnet50_gives_2048_numbers_for_a_picture():
    layout = layout_of(RESNET50, replace(PICTURE, size_px=224))
    grids = [(layer.width, layer.grid) for layer in layout.layers]
    assert grids == [(256, (56, 56)), (512, (28, 28)), (1024, (14, 14)), (2048, (7, 7))]
    assert resolve(Extraction(), layout, name="a test").shape == (2048,)
    assert resolve(Extraction(layers=(2,)), layout, name="a test").shape == (1024,)


def test_its_vector_is_the_mean_of_the_last_grid():
    encoder = encoder_of(NARROW, tensors(), PICTURE)
    resolved = resolve(Extraction(), encoder.layout, name="a test")
    found = extract(encoder, pictures(), encoder.metadata([]), resolved)
    (grid,) = encoder.network(encoder.input(pictures()))
    expected = nn.functional.adaptive_avg_pool2d(grid, 1).flatten(1)
    torch.testing.assert_close(found, expected, rtol=RTOL, atol=1e-5)


def test_a_class_token_and_a_norm_are_not_to_be_had():
    layout = layout_of(RESNET50, PICTURE)
    for asked, message in (
        (Extraction(level="cls"), "cls needs a class token, and this network has none"),
        (Extraction(norm="after"), "norm after asks for the final norm, and this network has none"),
    ):
        with pytest.raises(ProductError, match=message):
            resolve(asked, layout, name="a test")


def test_a_sequential_of_its_parts_is_the_same_network():
    """SimCLR's backbone: the children of torchvision's ResNet without the classifier."""
    network = encoder_of(NARROW, tensors(), PICTURE).network
    stages = (network.layer1, network.layer2, network.layer3, network.layer4)
    stem = (network.conv1, network.bn1, nn.ReLU(), nn.MaxPool2d(3, 2, padding=1))
    simclr = nn.Sequential(*stem, *stages, nn.AdaptiveAvgPool2d((1, 1))).eval()
    theirs, ours = simclr.state_dict(), network.state_dict()
    assert recognises(theirs)
    assert recognises(ours)
    assert bare_names(theirs) == dict(zip(theirs, ours, strict=True))
    assert bare_names([*ours, "fc.weight", "fc.bias"]) == {name: name for name in ours}
    assert sequential_names(ours) == dict(zip(ours, theirs, strict=True))
    x = numbers((1, 3, 40, 40), 5)
    torch.testing.assert_close(simclr(x)[:, :, 0, 0], network(x)[0].mean(dim=(2, 3)))


def test_other_networks_are_not_taken_for_a_resnet():
    assert not recognises(["conv1.weight", "layer1.0.conv1.weight"])
    assert not recognises(["0.weight", "1.running_mean"])


def test_weights_go_in_and_come_out_under_the_same_names():
    state = tensors()
    found = encoder_of(NARROW, state, PICTURE).network.state_dict()
    assert list(found) == list(state)
    assert all(found[name].data_ptr() == tensor.data_ptr() for name, tensor in state.items())


def test_places_are_not_asked_for():
    encoder = encoder_of(NARROW, tensors(), PICTURE)
    assert encoder.metadata([Place(None, None, None)] * 3).shape == (3, 0)


def test_a_config_comes_back_from_json():
    assert ResnetConfig.from_json(NARROW.to_json()) == NARROW


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"blocks": [1, 1, 1]}, r"blocks must be 4 numbers from 1 on, got \[1, 1, 1\]"),
        ({"blocks": [3, 4, 0, 3]}, r"blocks must be 4 numbers from 1 on, got \[3, 4, 0, 3\]"),
        ({"stem_width": 0}, "stem_width must be 1 or more, got 0"),
        ({"groups": 32}, "not a config of a ResNet: .*'groups'"),
    ],
)
def test_impossible_configs_are_refused(change: dict, message: str):
    with pytest.raises(InvalidValueError, match=message):
        ResnetConfig.from_json(NARROW.to_json() | change)


def test_impossible_files_are_refused():
    state = tensors()
    without = {name: tensor for name, tensor in state.items() if not name.startswith("layer3.")}
    for found, message in (
        (without, r"a.pth is no ResNet: blocks must be 4 .*, got \[1, 2, 0, 1\]"),
        (state | {"conv1.weight": torch.zeros(4, 12, 7, 7)}, "a.pth takes pictures of 12 bands"),
        ({}, "a.pth lacks the tensor conv1.weight"),
    ):
        with pytest.raises(CheckpointError, match=message):
            found_config(found)


def test_chips_without_colours_are_refused():
    with pytest.raises(InvalidValueError, match=r"a ResNet takes colour .* the chips have dem"):
        encoder_of(NARROW, tensors(), ChipKind(("dem",), 61, 10.0))
