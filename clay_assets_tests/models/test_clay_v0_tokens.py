"""Clay v0 as the embeddings see it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from clay_assets.bands import BAND_GROUPS, BAND_NAMES, statistics_of
from clay_assets.errors import ChipError, InvalidValueError
from clay_assets.models import (
    Checkpoint,
    ClayV0,
    ClayV0Config,
    TransformerSize,
    encode_latlon,
    encode_timestep,
    normalise,
)
from clay_assets.models.clay_v0 import METADATA_TOKENS
from clay_assets.models.clay_v0_tokens import ClayV0Tokens, encoder_of, layout_of
from clay_assets.models.token_encoder import ChipKind, Place

TINY_ATOL = 2e-5  # token units; advice of the goldens' README
KIND = ChipKind(BAND_NAMES, 512, 10.0)
LITTLE = TransformerSize(dim=16, depth=3, heads=2, dim_head=4, mlp_ratio=2)
CONFIG = ClayV0Config(LITTLE, LITTLE, image_size=16, patch_size=4)
LITTLE_KIND = ChipKind(BAND_NAMES, 16, 10.0)
PLACES = [Place(5.3, 60.4, "2020-10-20"), Place(None, None, None)]


def near(found: torch.Tensor, expected: np.ndarray, atol: float = TINY_ATOL) -> None:
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=atol)


def encoder(config: ClayV0Config = CONFIG, kind: ChipKind = LITTLE_KIND) -> ClayV0Tokens:
    torch.manual_seed(0)
    return encoder_of(config, ClayV0(config).state_dict(), kind)


def raw_chips(kind: ChipKind = LITTLE_KIND) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(2, len(kind.bands), kind.size_px, kind.size_px, generator=generator) * 5000


@pytest.fixture(scope="module")
def raw(golden_inputs) -> torch.Tensor:
    return torch.from_numpy(golden_inputs.make_raw(20240112, 2))


@pytest.fixture(scope="module")
def numbers(metadata) -> torch.Tensor:
    return torch.cat([values[:2] for values in metadata], dim=1)


@pytest.fixture(scope="module")
def output(tiny_checkpoint: Checkpoint, raw, numbers) -> torch.Tensor:
    """(B, G, rows, columns, D) of the golden network."""
    network = encoder_of(tiny_checkpoint.config, tiny_checkpoint.tensors, KIND)
    with torch.inference_mode():
        return network(raw, numbers, (1,), after_norm=True)[0].patches


def test_raw_chips_give_the_golden_output(output, tiny):
    assert output.shape == (2, 6, 16, 16, 64)
    near(output.reshape(2, 1536, 64), tiny["A_encoder_out"][:, :-2])


def test_layers_are_the_residual_stream(tiny_checkpoint, raw, numbers, tiny):
    network = encoder_of(tiny_checkpoint.config, tiny_checkpoint.tensors, KIND)
    with torch.inference_mode():
        (first,) = network(raw[:1], numbers[:1], (0,), after_norm=False)
    patches = first.patches.reshape(1536, 64)[::24]  # 65th of the golden is a metadata token
    near(patches, tiny["A_after_mlp0_s0"][:64])
    assert first.cls is None


def test_partial_bands_give_the_golden_mean(goldens: Path, tiny_checkpoint, raw, numbers):
    partial = np.load(goldens / "clay_v0_tiny_partial.npz")
    kind = ChipKind(("B02", "B03", "B04", "B08"), 512, 10.0)
    network = encoder_of(tiny_checkpoint.config, tiny_checkpoint.tensors, kind)
    with torch.inference_mode():
        (tokens,) = network(raw[:, [0, 1, 2, 6]], numbers, (1,), after_norm=True)
    near(tokens.patches.mean(dim=(1, 2, 3)), partial["P_mean"])


def test_encodings_of_v001_change_tokens_as_measured(tiny_checkpoint, raw, numbers, output):
    """By 7.8e-5 in means and 3.0e-4 in tokens; shared/reference/clay.md 1.11."""
    config = replace(tiny_checkpoint.config, float16_encodings=True)
    network = encoder_of(config, tiny_checkpoint.tensors, KIND)
    network.normalise = replace(network.normalise, float16=False)
    with torch.inference_mode():
        (tokens,) = network(raw, numbers, (1,), after_norm=True)
    change = tokens.patches.flatten(1, 3) - output.flatten(1, 3)
    assert change.mean(dim=1).abs().max().item() == pytest.approx(7.8e-5, abs=0.05e-5)
    assert change.abs().max().item() == pytest.approx(3.0e-4, abs=0.05e-4)


def test_pixels_of_v001_are_normalised_in_float16(raw):
    config = replace(CONFIG, float16_encodings=True)
    means, stds = (np.array(values, np.float16) for values in statistics_of(BAND_NAMES))
    chips = raw.numpy().astype(np.float16)
    expected = (chips - means[:, None, None]) / stds[:, None, None]
    found = encoder(config, LITTLE_KIND).normalise(raw)
    order = [BAND_NAMES.index(name) for names in BAND_GROUPS.values() for name in names]
    assert np.array_equal(found.numpy(), expected[:, order].astype(np.float32))


def test_tokens_of_several_layers_come_from_one_pass():
    network, chips = encoder(), raw_chips()
    metadata = network.metadata(PLACES)
    both = network(chips, metadata, (0, 2), after_norm=False)
    for index, found in zip((0, 2), both, strict=True):
        (alone,) = network(chips, metadata, (index,), after_norm=False)
        assert torch.equal(found.patches, alone.patches)


def test_blocks_after_the_last_layer_are_not_run():
    network = encoder()
    for index in (1, 2):
        network.encoder.transformer.layers[index] = torch.nn.Module()  # which cannot be run
    (found,) = network(raw_chips(), network.metadata(PLACES), (0,), after_norm=True)
    assert found.patches.isfinite().all()


def test_the_last_layer_after_the_norm_is_the_output():
    network, chips = encoder(), raw_chips()
    metadata = network.metadata(PLACES)
    (found,) = network(chips, metadata, (2,), after_norm=True)
    place, date = metadata.split((2, 3), dim=1)
    expected = network.encoder(normalise(chips), place, date)[:, :-METADATA_TOKENS]
    torch.testing.assert_close(found.patches.flatten(1, 3), expected)


def test_a_chip_gives_the_same_whatever_its_batch():
    network, chips = encoder(), raw_chips()
    metadata = network.metadata(PLACES)
    (both,) = network(chips, metadata, (2,), after_norm=True)
    (alone,) = network(chips[1:], metadata[1:], (2,), after_norm=True)
    torch.testing.assert_close(alone.patches, both.patches[1:], rtol=0, atol=1e-5)


def test_weights_are_those_of_the_checkpoint_and_cannot_be_trained():
    torch.manual_seed(0)
    tensors = ClayV0(CONFIG).state_dict()
    network = encoder_of(CONFIG, tensors, LITTLE_KIND)
    name = "transformer.layers.0.0.to_qkv.weight"
    found = network.encoder.get_parameter(name)
    assert found.data_ptr() == tensors[f"encoder.{name}"].data_ptr()
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_the_layout_says_what_comes_out():
    network = encoder(kind=ChipKind(("B02", "B03", "B04", "dem", "B08"), 8, 10.0))
    chips = torch.zeros(1, 5, 8, 8)
    found = network(chips, network.metadata(PLACES[:1]), (0, 1, 2), after_norm=False)
    assert network.layout == layout_of(CONFIG, network.kind)
    assert (network.layout.groups, network.layout.has_cls, network.layout.has_final_norm) == (
        3,
        False,
        True,
    )
    for layer, tokens in zip(network.layout.layers, found, strict=True):
        assert tokens.patches.shape == (1, 3, *layer.grid, layer.width)
        assert network.get_submodule(layer.name) is not None


def test_place_and_date_are_angles_and_unknown_ones_are_zero():
    known, unknown = encoder().metadata(PLACES)
    assert known.tolist() == pytest.approx(
        [*encode_latlon(5.3, 60.4), *encode_timestep("2020-10-20")]
    )
    assert unknown.tolist() == [0.0] * 5
    assert encoder().metadata([Place(5.3, None, "2020-10-20")])[0, :2].tolist() == [0.0, 0.0]


def test_a_network_in_half_precision_still_normalises_in_whole():
    network, chips = encoder(), raw_chips()
    metadata = network.metadata(PLACES)
    (expected,) = network(chips, metadata, (2,), after_norm=True)
    (found,) = network.bfloat16()(chips, metadata, (2,), after_norm=True)
    assert found.patches.dtype == torch.bfloat16
    torch.testing.assert_close(found.patches.float(), expected.patches, rtol=0, atol=0.1)


@pytest.mark.parametrize("plan", [layout_of, lambda config, kind: encoder(config, kind)])
def test_chips_that_do_not_suit_are_refused_without_weights(plan):
    with pytest.raises(ChipError, match=r"patch_size 4 does not divide a chip of 18x18 pixels"):
        plan(CONFIG, replace(LITTLE_KIND, size_px=18))
    with pytest.raises(InvalidValueError, match="bands B02 vv hold no whole band group; allowed"):
        plan(CONFIG, replace(LITTLE_KIND, bands=("B02", "vv")))
