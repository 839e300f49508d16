"""Clay v1 as the embeddings see it."""

import math
from dataclasses import replace

import pytest
import torch

from clay_assets.bands import BAND_NAMES
from clay_assets.errors import ChipError, InvalidValueError
from clay_assets.models import TransformerSize
from clay_assets.models.clay_v1 import ClayV1, Encoder
from clay_assets.models.clay_v1_config import SIZES_V1, ClayV1Config
from clay_assets.models.clay_v1_tokens import ClayV1Tokens, encode_metadata, encoder_of, layout_of
from clay_assets.models.token_encoder import ChipKind, Place

LITTLE = TransformerSize(dim=16, depth=3, heads=2, dim_head=4, mlp_ratio=2)
CONFIG = ClayV1Config(LITTLE, LITTLE, patch_size=4)
KIND = ChipKind(BAND_NAMES, 16, 10.0)
RADAR = ChipKind(("vh", "vv"), 16, 10.0)
PICTURE = ChipKind(("red", "green", "blue"), 16, 0.0)
SOMEWHERE = Place(5.3, 60.4, "2020-10-20")
NOWHERE = Place(None, None, None)


def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return ClayV1(CONFIG).state_dict()


def encoder(kind: ChipKind = KIND, platform: str | None = None) -> ClayV1Tokens:
    return encoder_of(CONFIG, tensors(), kind, platform)


def raw_chips(kind: ChipKind = KIND) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(2, len(kind.bands), kind.size_px, kind.size_px, generator=generator) * 3000


def test_the_layout_says_what_comes_out():
    network = encoder()
    metadata = network.metadata([SOMEWHERE, NOWHERE])
    found = network(raw_chips(), metadata, (0, 1, 2), after_norm=False)
    assert network.layout == layout_of(CONFIG, KIND)
    assert (network.layout.groups, network.layout.has_cls) == (1, True)
    assert network.layout.has_final_norm
    for layer, tokens in zip(network.layout.layers, found, strict=True):
        assert tokens.patches.shape == (2, 1, *layer.grid, layer.width)
        assert tokens.cls.shape == (2, layer.width)


def test_layers_are_the_residual_stream_and_the_last_one_normed_the_output():
    network, chips = encoder(), raw_chips()
    metadata = network.metadata([SOMEWHERE, NOWHERE])
    whole = ClayV1(CONFIG)
    whole.load_state_dict(tensors())
    waves_um = torch.tensor([b.wavelength_um for b in network.platform.bands])
    expected = whole.eval().encoder(network.normalise(chips), waves_um, 10.0, metadata)
    first, last = network(chips, metadata, (0, 2), after_norm=False)
    (output,) = network(chips, metadata, (2,), after_norm=True)
    torch.testing.assert_close(output.cls, expected[:, 0])
    torch.testing.assert_close(output.patches.flatten(1, 3), expected[:, 1:])
    torch.testing.assert_close(network.transformer.norm(last.cls), output.cls)
    x = torch.cat([first.cls[:, None], first.patches.flatten(1, 3)], dim=1)
    for block in network.transformer.layers[1:]:
        x = block(x)
    torch.testing.assert_close(x[:, 0], last.cls)


def test_a_chip_gives_the_same_whatever_its_batch():
    network, chips = encoder(), raw_chips()
    metadata = network.metadata([SOMEWHERE, NOWHERE])
    (both,) = network(chips, metadata, (2,), after_norm=True)
    (alone,) = network(chips[1:], metadata[1:], (2,), after_norm=True)
    torch.testing.assert_close(alone.cls, both.cls[1:], rtol=0, atol=1e-5)


def test_weights_are_those_of_the_checkpoint_and_cannot_be_trained():
    weights = tensors()
    network = encoder_of(CONFIG, weights, KIND)
    name = "transformer.layers.0.0.to_qkv.weight"
    assert network.get_parameter(name).data_ptr() == weights[f"encoder.{name}"].data_ptr()
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not network.weight.requires_grad


def test_radar_is_brought_to_decibels_in_the_order_of_the_platform():
    network = encoder(RADAR)
    chips = torch.tensor([[0.01, 0.1], [0.0, -1.0]])[:, :, None, None]  # (B, vh vv, 1, 1)
    expected = torch.tensor(
        [
            [(-10 + 12.113) / 8.314, (-20 + 18.673) / 8.017],  # vv, vh
            [(-100 + 12.113) / 8.314, (-100 + 18.673) / 8.017],  # no power: 1e-10
        ]
    )
    torch.testing.assert_close(network.normalise(chips).flatten(1), expected)
    assert network.platform.name == "sentinel-1-rtc"


@pytest.mark.parametrize(("size", "unit"), [("base-v1.0", "power"), ("base", "db")])
def test_v10_took_radar_as_linear_power(size: str, unit: str):
    config = ClayV1Config(*SIZES_V1[size])
    with torch.device("meta"):
        weights = Encoder(config).state_dict()
    found = encoder_of(
        config,
        {f"encoder.{name}": torch.zeros(value.shape) for name, value in weights.items()},
        RADAR,
    )
    assert found.platform.unit == unit
    assert found.normalise.decibel == (unit == "db")
    assert found.normalise.means == (
        (0.123273, 0.027337) if unit == "power" else (-12.113, -18.673)
    )


def test_pixels_without_radar_stay_unknown():
    chips = torch.full((1, 2, 1, 1), torch.nan)
    assert encoder(RADAR).normalise(chips).isnan().all()


def test_a_picture_is_of_the_platform_it_is_said_to_be_of():
    network = encoder(PICTURE, "naip")
    bytes_ = torch.full((1, 3, 16, 16), 100, dtype=torch.uint8)
    found = network.normalise(bytes_)[0, :, 0, 0]
    expected = [(100 - 110.16) / 47.23, (100 - 115.41) / 39.82, (100 - 98.15) / 35.43]
    assert found.tolist() == pytest.approx(expected, abs=1e-6)
    torch.testing.assert_close(
        network.position, encoder(replace(PICTURE, gsd_m=1.0), "naip").position
    )  # the platform's own ground distance where the picture's is unknown


def test_week_hour_and_place_are_sines_and_cosines():
    week = 2 * math.pi * 43 / 52  # 2020-10-20 is in ISO week 43; the hour is midnight
    lat, lon = math.radians(60.4), math.radians(5.3)
    expected = [math.sin(week), math.cos(week), 0.0, 1.0]
    expected += [math.sin(lat), math.cos(lat), math.sin(lon), math.cos(lon)]
    assert list(encode_metadata(SOMEWHERE)) == pytest.approx(expected)


def test_what_is_unknown_is_zero():
    assert encode_metadata(NOWHERE) == (0.0,) * 8
    assert encode_metadata(replace(SOMEWHERE, date=None))[:4] == (0.0,) * 4
    assert encode_metadata(replace(SOMEWHERE, lon=None))[4:] == (0.0,) * 4


@pytest.mark.parametrize("date", ["20201020", "2020-10-32", "2021-02-29", "", "2020-1-1"])
def test_a_day_that_does_not_exist_is_refused(date: str):
    with pytest.raises(InvalidValueError, match=f"a day written YYYY-MM-DD, got '{date}'"):
        encode_metadata(Place(None, None, date))


@pytest.mark.parametrize("plan", [layout_of, lambda config, *about: encoder(*about)])
def test_chips_that_do_not_suit_are_refused_without_weights(plan):
    with pytest.raises(ChipError, match="patch_size 4 does not divide a chip of 18x18 pixels"):
        plan(CONFIG, replace(KIND, size_px=18))
    with pytest.raises(InvalidValueError, match=r"red green blue could be of .*say which as platf"):
        plan(CONFIG, PICTURE)
    with pytest.raises(InvalidValueError, match="vh vv have none of naip, which are red green"):
        plan(CONFIG, RADAR, "naip")
    with pytest.raises(InvalidValueError, match="satellogic-MSI-L1D, got 'worldview'"):
        plan(CONFIG, KIND, "worldview")


def test_half_the_width_gives_nearly_the_same():
    network, chips = encoder(), raw_chips()
    metadata = network.metadata([SOMEWHERE, NOWHERE])
    (expected,) = network(chips, metadata, (2,), after_norm=True)
    (found,) = network.bfloat16()(chips, metadata, (2,), after_norm=True)
    assert found.cls.dtype == torch.bfloat16
    torch.testing.assert_close(found.cls.float(), expected.cls, rtol=0, atol=0.1)  # unit variance
