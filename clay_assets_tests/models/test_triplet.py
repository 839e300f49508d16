import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from clay_assets.embeddings.extraction import Extraction, resolve
from clay_assets.embeddings.taking import extract
from clay_assets.errors import CheckpointError, ChipError, InvalidValueError
from clay_assets.models.token_encoder import ChipKind, Layer, Place
from clay_assets.models.triplet import (
    CLASS_CODES,
    Triplet,
    TripletConfig,
    TripletEncoder,
    bare_names,
    config_of,
    encoder_of,
    layout_of,
    recognises,
)
from clay_assets_tests.models.seeded import numbers, weights

WINDOW = ChipKind(("land_cover",), 32, 100.0)
WITH_HEIGHT = ChipKind(("dem", "land_cover"), 8, 100.0)
PUBLISHED = TripletConfig(planes=23, filters=64, dense_width=64, output_width=16)
LITTLE = TripletConfig(
    planes=24, filters=4, dense_width=6, output_width=3, stages=2, conv_blocks=1, image_size=8
)
ATOL = 3e-7  # the golden file has seven decimals


def tensors(config: TripletConfig = LITTLE) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        return weights(Triplet(config).state_dict())


def little(**change) -> TripletEncoder:
    return encoder_of(replace(LITTLE, **change), tensors(), WITH_HEIGHT)


def chips(codes: torch.Tensor, height: torch.Tensor | None = None) -> torch.Tensor:
    """(B, 2, 8, 8) of `WITH_HEIGHT`."""
    height = numbers(tuple(codes.shape), 4) * 100 if height is None else height
    return torch.stack([height, codes.float()], dim=1)


def windows() -> torch.Tensor:
    """(4, 8, 8) class codes."""
    index = torch.arange(4 * 64).reshape(4, 8, 8) * 7 % len(CLASS_CODES)
    return torch.tensor(CLASS_CODES)[index]


def golden_windows(count: int) -> torch.Tensor:
    """(B, 1, 32, 32) uint8, by the rule in the golden file."""
    row, column = torch.arange(32)[:, None], torch.arange(32)
    index = torch.stack([(row // 4 + 3 * column // 8 + 5 * k) % 23 for k in range(count)])
    return torch.tensor(CLASS_CODES, dtype=torch.uint8)[index][:, None]


def output(encoder: TripletEncoder, pixels: torch.Tensor) -> torch.Tensor:
    resolved = resolve(Extraction(), encoder.layout, name="a test")
    return extract(encoder, pixels, encoder.metadata([]), resolved)


@pytest.mark.parametrize("name", ["resnet-triplet-lc", "test"])
def test_vectors_are_those_of_vectorgeo(goldens: Path, name: str):
    state = load_file(goldens / f"vectorgeo_{name}.safetensors")
    golden = json.loads((goldens / "vectorgeo_triplet_golden.json").read_text())
    expected = torch.tensor(golden["models"][name]["raw_output"])
    assert recognises(state)
    config = config_of(state, {}, heads=None, name=name)
    assert config == PUBLISHED
    encoder = encoder_of(config, state, WINDOW)
    torch.testing.assert_close(output(encoder, golden_windows(4)), expected, rtol=0, atol=ATOL)


def test_the_barely_trained_network_gives_most_windows_nearly_the_same(goldens: Path):
    alike = {}
    for name in ("resnet-triplet-lc", "test"):
        state = load_file(goldens / f"vectorgeo_{name}.safetensors")
        vectors = output(encoder_of(PUBLISHED, state, WINDOW), golden_windows(23))
        vectors = torch.nn.functional.normalize(vectors)
        alike[name] = (vectors @ vectors.T).mean().item()
    assert alike["test"] > 0.9  # mean cosine of all pairs
    assert alike["resnet-triplet-lc"] < 0.6


def test_residual_blocks_stand_in_the_first_stage_only():
    with torch.device("meta"):
        names = {name.split(".")[1] for name in Triplet(PUBLISHED).encoder.state_dict(prefix="e.")}
        count = sum(tensor.numel() for tensor in Triplet(PUBLISHED).parameters())
    expected = {"conv_0", "conv_1", "conv_2", "dense", "resblock_conv_0", "resblock_conv_1"}
    assert names == expected
    assert count == 319184  # of resnet-triplet-lc.pt


def test_each_layer_has_the_shape_of_the_layout():
    encoder = little()
    layers = encoder.layout.layers
    assert layers == (
        Layer("encoder.conv_0", 4, (4, 4)),
        Layer("encoder.conv_1", 4, (2, 2)),
        Layer("dense_blocks", 6, (1, 1)),
        Layer("output_layer", 3, (1, 1)),
    )
    assert encoder.layout == layout_of(LITTLE, WITH_HEIGHT)
    found = encoder(chips(windows()), encoder.metadata([]), (0, 1, 2, 3), after_norm=False)
    for tokens, layer in zip(found, layers, strict=True):
        assert tokens.patches.shape == (4, 1, *layer.grid, layer.width)
        assert tokens.cls is None
    last = encoder.network.output_layer(found[2].patches.flatten(1))
    torch.testing.assert_close(found[3].patches.flatten(1), last)


def test_stages_are_in_rows():
    encoder, codes = little(), torch.zeros(1, 8, 8)
    other = codes.clone()
    other[0, 0, 7] = 200
    flat = torch.zeros(1, 8, 8)
    one, two = (
        encoder(chips(x, flat), encoder.metadata([]), (0,), after_norm=False)[0].patches[0, 0]
        for x in (codes, other)
    )
    changed = (one != two).any(dim=-1)
    assert changed[0, 3]
    assert not changed[2:].any()
    assert not changed[:, :2].any()


def test_each_class_has_its_plane_and_missing_pixels_have_none():
    codes = torch.zeros(1, 8, 8)
    codes[0, 0, :4] = torch.tensor([20, 126, 200, 255])
    planes = little().planes(chips(codes, torch.zeros(1, 8, 8)))
    assert planes.shape == (1, 24, 8, 8)
    assert [planes[0, :, 0, column].nonzero().flatten().tolist() for column in range(5)] == [
        [1],
        [21],
        [22],
        [],
        [0],
    ]


def test_heights_go_from_0_to_1_in_each_window():
    codes = torch.zeros(2, 8, 8)
    height = (
        torch.arange(64.0).reshape(8, 8).expand(2, -1, -1) * torch.tensor([10.0, 0])[:, None, None]
    )
    relief = little().planes(chips(codes, height - 300))[:, 23]
    torch.testing.assert_close(relief[0].flatten(), torch.arange(64.0) / 63)
    assert (relief[1] == 0).all()  # flat


def test_a_code_that_is_no_class_spoils_the_vector_of_its_window_alone():
    codes = windows()
    expected = output(little(), chips(codes))
    spoilt = codes.clone()
    spoilt[2, 3, 3] = 10  # a tree in WorldCover, nothing here
    found = output(little(), chips(spoilt))
    assert found[2].isnan().all()
    assert torch.equal(found[[0, 1, 3]], expected[[0, 1, 3]])


def test_vectors_are_1_long_when_the_config_says_so():
    raw = output(little(), chips(windows()))
    found = output(little(normalize=True), chips(windows()))
    torch.testing.assert_close(found, raw / raw.norm(dim=1, keepdim=True))
    config = config_of(tensors(), {"normalize": True}, heads=None, name="a.pt")
    assert config == replace(LITTLE, normalize=True)


def test_half_precision_keeps_the_classes_apart():
    found = little().bfloat16().planes(chips(windows()))
    assert torch.equal(found, little().planes(chips(windows())))


def test_weights_go_in_and_come_out_under_the_same_names():
    state = tensors()
    found = encoder_of(LITTLE, state, WITH_HEIGHT).network.state_dict()
    assert bare_names(found) == {name: name for name in state}
    assert all(found[name].data_ptr() == tensor.data_ptr() for name, tensor in state.items())


def test_places_are_not_asked_for():
    assert little().metadata([Place(None, None, None)] * 3).shape == (3, 0)


def test_a_config_comes_back_from_json():
    assert TripletConfig.from_json(LITTLE.to_json()) == LITTLE
    assert LITTLE.size_name is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"planes": 11}, r"planes must be 23 \(classes\) or 24 \(and height\), got 11"),
        ({"filters": 0}, "filters must be 1 or more, got 0"),
        ({"conv_blocks": -1}, "conv_blocks must be 0 or more, got -1"),
        ({"image_size": 10}, "a window of 10 pixels cannot be halved 2 times"),
        ({"margin": 1.0}, "not a config of a triplet network: .*'margin'"),
    ],
)
def test_impossible_configs_are_refused(change: dict, message: str):
    with pytest.raises(InvalidValueError, match=message):
        TripletConfig.from_json(LITTLE.to_json() | change)


def test_impossible_files_are_refused():
    state, dense = tensors(), "encoder.dense.weight"
    for change, message in (
        ({dense: torch.zeros(6, 12)}, f"{dense} takes 12 numbers, which are no square grid of 4"),
        ({"encoder.conv_0.weight": torch.zeros(4, 5, 3, 3)}, "a.pt is no triplet network: planes"),
        ({"output_layer.weight": torch.zeros(0, 6)}, r"has the impossible shape \(0, 6\)"),
    ):
        with pytest.raises(CheckpointError, match=message):
            config_of(state | change, {}, heads=None, name="a.pt")


def test_chips_that_do_not_suit_are_refused():
    with pytest.raises(
        InvalidValueError, match="takes the bands land_cover dem, the chips have B0"
    ):
        layout_of(LITTLE, ChipKind(("B02",), 8, 10.0))
    with pytest.raises(ChipError, match=r"chips of 16 pixels do not suit .* windows of 8; cut"):
        layout_of(LITTLE, replace(WITH_HEIGHT, size_px=16))
