"""Packed and int8 layers beside the plain ones they stand for."""

import copy

import pytest
import torch
from torch import nn

from clay_assets.bands import BAND_NAMES, statistics_of
from clay_assets.errors import InvalidValueError
from clay_assets.models import ClayV0, ClayV0Config, TransformerSize, cpu_layers
from clay_assets.models.clay_v0_tokens import encoder_of
from clay_assets.models.cpu_layers import (
    Int8Linear,
    PackedLinear,
    can_pack,
    quantise,
    quicken,
)
from clay_assets.models.token_encoder import ChipKind, Place

SIZE = TransformerSize(32, 2, 2, 16, 2)
KIND = ChipKind(BAND_NAMES, 64, 10.0)
PLACE = Place(5.0, 60.0, "2023-06-12")
INT8_COSINE = 0.999

needs_bf16 = pytest.mark.skipif(not can_pack("bf16"), reason="the processor has no bfloat16")


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    config = ClayV0Config(SIZE, SIZE, image_size=64)
    return encoder_of(config, ClayV0(config).state_dict(), KIND)


@pytest.fixture(scope="module")
def pixels():
    torch.manual_seed(1)
    means, stds = (torch.tensor(values)[:, None, None] for values in statistics_of(BAND_NAMES))
    return torch.randn(2, len(BAND_NAMES), 64, 64) * stds + means


def tokens(encoder, pixels):
    numbers = encoder.metadata([PLACE] * len(pixels))
    with torch.inference_mode():
        return encoder(pixels, numbers, (1,), after_norm=True)[0].patches.float()


@pytest.mark.parametrize("gelu", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_a_packed_layer_gives_what_the_plain_one_gives(gelu, bias):
    torch.manual_seed(0)
    plain, x = nn.Linear(48, 80, bias=bias), torch.randn(2, 7, 48)
    expected = nn.functional.gelu(plain(x)) if gelu else plain(x)
    found = PackedLinear(plain, torch.float32, gelu=gelu)(x)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)  # of numbers near 1


@pytest.mark.parametrize("gelu", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_an_int8_layer_is_exact_for_whole_steps(gelu, bias):
    plain = nn.Linear(32, 16, bias=bias)
    steps = torch.randint(-127, 128, (16, 32))
    steps[:, 0] = 127  # so that the scale of each output is the step
    plain.weight.data = steps * 0.01
    x = torch.randint(-127, 128, (5, 32)).float()
    x[:, 3] = -127
    expected = nn.functional.gelu(plain(x)) if gelu else plain(x)
    torch.testing.assert_close(Int8Linear(plain, gelu=gelu)(x), expected, rtol=1e-5, atol=1e-3)


def test_a_token_of_zeros_stays_zero_and_a_weight_of_zeros_too():
    plain = nn.Linear(16, 16)
    nn.init.zeros_(plain.weight)
    steps, scale = quantise(torch.zeros(1, 16))
    assert steps.eq(0).all()
    assert scale.isfinite().all()
    assert torch.equal(Int8Linear(plain, gelu=False)(torch.ones(1, 16))[0], plain.bias)


def test_the_steps_of_one_token_do_not_depend_on_the_others():
    torch.manual_seed(0)
    x = torch.randn(6, 32)
    together, alone = quantise(x), quantise(x[2:3])
    assert torch.equal(together[0][2:3], alone[0])
    assert torch.equal(together[1][2:3], alone[1])


@pytest.mark.parametrize(
    ("precision", "least"),
    [("fp32", 0.99999), pytest.param("bf16", 0.999, marks=needs_bf16), ("int8", INT8_COSINE)],
)
def test_a_quickened_encoder_agrees_with_the_plain_one(encoder, pixels, precision, least):
    quick = quicken(copy.deepcopy(encoder), precision)
    kinds = {type(module) for module in quick.modules()}
    assert (Int8Linear if precision == "int8" else PackedLinear) in kinds
    assert nn.GELU not in kinds
    plain, found = tokens(encoder, pixels), tokens(quick, pixels)
    assert torch.cosine_similarity(plain, found, dim=-1).min() > least


def test_where_there_are_no_such_layers_the_plain_ones_stay(encoder, monkeypatch):
    monkeypatch.setattr(cpu_layers, "can_pack", lambda _: False)
    same = quicken(copy.deepcopy(encoder), "fp32")
    assert not [module for module in same.modules() if isinstance(module, PackedLinear)]
    with pytest.raises(InvalidValueError, match=r"int8 is for the linear layers of transformers"):
        quicken(copy.deepcopy(encoder), "int8")


def test_layers_that_do_not_work_here_are_logged_and_not_used(monkeypatch, caplog):
    def fail(*_args, **_options):
        raise RuntimeError("could not create a primitive")

    can_pack.cache_clear()
    monkeypatch.setattr(cpu_layers, "_layer", fail)
    assert not can_pack("fp32")
    assert "fp32 do not work here, going on without: could not create a primitive" in caplog.text
    can_pack.cache_clear()


def test_a_network_that_is_no_transformer_stays_as_it_is():
    class Plain(nn.Module):
        layout = type("Layout", (), {"has_final_norm": False})

    plain = Plain()
    assert quicken(plain, "fp32") is plain
    with pytest.raises(InvalidValueError, match=r"got Plain on .*; use CLAY_PRECISION=fp32"):
        quicken(plain, "int8")
