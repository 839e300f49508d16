import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clay_assets.errors import ChipError
from clay_assets.models import TransformerSize
from clay_assets.models.blocks import Block, Transformer, attend, cut_patches, patch_layout

SIZE = TransformerSize(dim=16, depth=3, heads=2, dim_head=6, mlp_ratio=2)


def transformer(**options: bool) -> Transformer:
    torch.manual_seed(0)
    return Transformer(SIZE, **options).eval()


def tokens() -> torch.Tensor:
    return torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(1))


def test_attention_is_that_of_its_formula():
    qkv = torch.randn(2, 5, 3 * 2 * 6, generator=torch.Generator().manual_seed(2))
    q, k, v = (part.unflatten(-1, (2, 6)) for part in qkv.chunk(3, dim=-1))  # each (B, N, h, d)
    weights = (torch.einsum("bnhd,bmhd->bhnm", q, k) / 6**0.5).softmax(dim=-1)
    expected = torch.einsum("bhnm,bmhd->bnhd", weights, v).flatten(2)
    torch.testing.assert_close(attend(qkv, 2), expected)


@given(bands=st.integers(1, 4), rows=st.integers(1, 4), columns=st.integers(1, 4))
@settings(deadline=None)
def test_cut_patches_meet_weights_as_in_a_convolution(bands: int, rows: int, columns: int):
    generator = torch.Generator().manual_seed(3)
    pixels = torch.randn(2, bands, rows * 4, columns * 4, generator=generator)
    kernel = torch.randn(7, bands, 4, 4, generator=generator)
    expected = torch.nn.functional.conv2d(pixels, kernel, stride=4).flatten(2).transpose(1, 2)
    found = cut_patches(pixels, 4) @ kernel.flatten(1).T
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("simple", [False, True])
def test_tokens_after_all_blocks_and_the_norm_are_the_output(simple: bool):
    network, x = transformer(simple=simple), tokens()
    first, last = network.after(x, (0, 2), norm=True)
    torch.testing.assert_close(last, network(x))
    torch.testing.assert_close(first, network.norm(network.layers[0](x)))
    (raw,) = network.after(x, (2,), norm=False)
    torch.testing.assert_close(network.norm(raw), last)


def test_the_two_forms_differ_in_names_and_biases():
    plain, simple = (set(Block(SIZE, simple=simple).state_dict()) for simple in (False, True))
    assert plain - simple == {
        "0.to_out.0.weight",
        "0.to_out.0.bias",
        "1.net.4.weight",
        "1.net.4.bias",
    }
    assert simple - plain == {"0.to_out.weight", "1.net.3.weight", "1.net.3.bias"}


@pytest.mark.parametrize("size_px", [0, 4, 20])
def test_chips_that_the_patch_does_not_divide_are_refused(size_px: int):
    message = f"patch_size 8 does not divide a chip of {size_px}x{size_px} pixels; cut"
    with pytest.raises(ChipError, match=message):
        patch_layout(SIZE, 8, size_px, groups=1, has_cls=False)
