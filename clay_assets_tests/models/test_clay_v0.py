import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from clay_assets.bands import BAND_NAMES, SENTINEL2_BANDS
from clay_assets.errors import InvalidValueError
from clay_assets.models import ClayV0, ClayV0Config, Mask, TransformerSize, patchify, unpatchify
from clay_assets.models.clay_v0 import METADATA_TOKENS

LITTLE = TransformerSize(dim=16, depth=1, heads=2, dim_head=4, mlp_ratio=2)
CONFIG = ClayV0Config(LITTLE, LITTLE, image_size=16, patch_size=4)


def little(bands: tuple[str, ...] = BAND_NAMES, config: ClayV0Config = CONFIG) -> ClayV0:
    torch.manual_seed(0)
    return ClayV0(config, bands).eval()


def inputs(bands: int = 13, height: int = 16, width: int = 16) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    shapes = ((2, bands, height, width), (2, 2), (2, 3))
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)


@given(rows=st.integers(1, 4), columns=st.integers(1, 4), patch=st.integers(1, 5))
@settings(deadline=None)
def test_unpatchify_undoes_patchify(rows: int, columns: int, patch: int):
    pixels = torch.arange(2 * 3 * rows * columns * patch**2).reshape(
        2, 3, rows * patch, columns * patch
    )
    patches = patchify(pixels, patch)
    assert torch.equal(patches[:, :, 0, :patch], pixels[:, :, 0, :patch])
    assert torch.equal(unpatchify(patches, (rows, columns)), pixels)


def test_a_chip_of_any_size_that_the_patch_divides_is_encoded():
    tokens = little().encoder(*inputs(height=8, width=20))
    assert tokens.shape == (2, 6 * 2 * 5 + METADATA_TOKENS, 16)


def test_the_order_of_kept_tokens_is_the_order_of_the_output():
    network, chips = little(), inputs()
    forward = Mask.from_noise(torch.arange(96.0).expand(2, -1), 0.0)
    backward = Mask(kept=forward.kept.flip(1), hidden=forward.hidden)
    expected = network.encoder(*chips)
    torch.testing.assert_close(network.encoder(*chips, forward), expected)
    found = network.encoder(*chips, backward)[:, :-METADATA_TOKENS].flip(1)
    torch.testing.assert_close(found, expected[:, :-METADATA_TOKENS])


def test_visible_pixels_do_not_count_in_the_loss():
    network, (pixels, *_) = little(), inputs()
    predicted = patchify(pixels, 4)
    mask = Mask.from_noise(torch.arange(96.0).expand(2, -1), 0.5)  # rgb, rededge and nir hidden
    visible = predicted.clone()
    visible[:, -1] += 5.0  # dem is visible
    assert network.loss(visible, pixels, mask) == 0
    hidden = predicted.clone()
    hidden[:, 1] += 3.0  # a third of rgb's bands, which is a third of the hidden groups
    assert network.loss(hidden, pixels, mask).item() == pytest.approx(1.0)


def test_bands_that_no_group_uses_are_left_out():
    bands = ("B02", "B03", "B04", "B05", "B08")
    network, chips = little(bands), inputs(bands=5)
    mask = network.draw_mask(chips[0], torch.Generator().manual_seed(0))
    predicted = network(*chips, mask)
    assert list(network.groups) == ["rgb", "nir"]
    assert predicted.shape == (2, 4, 16, 16)
    assert network.loss(predicted, chips[0], mask).isfinite()


def test_a_mask_is_drawn_from_its_generator():
    network, chips = little(), inputs()
    first, again = (
        network.draw_mask(chips[0], torch.Generator().manual_seed(7)).kept for _ in range(2)
    )
    assert torch.equal(first, again)
    assert first.shape == (2, 24)


def test_a_network_in_half_precision_gives_nearly_the_same():
    network, chips = little(), inputs()
    expected = network.encoder(*chips)
    found = network.bfloat16().encoder(*(values.bfloat16() for values in chips))
    torch.testing.assert_close(found.float(), expected, rtol=0, atol=0.1)  # of unit variance


def test_sentinel2_chips_use_the_first_four_groups():
    network = little(SENTINEL2_BANDS)
    assert list(network.groups) == ["rgb", "rededge", "nir", "swir"]


def test_a_single_head_as_wide_as_the_tokens_has_no_projection():
    alone = TransformerSize(dim=16, depth=1, heads=1, dim_head=16, mlp_ratio=1)
    names = little(config=ClayV0Config(alone, alone, 16, 4)).state_dict()
    assert not any("to_out" in name or "enc_to_dec" in name for name in names)


def test_a_chip_that_the_patch_does_not_divide_is_refused():
    with pytest.raises(InvalidValueError, match="patch_size 4 does not divide a chip of 8x10"):
        little().encoder(*inputs(height=8, width=10))


def test_a_chip_of_other_bands_is_refused():
    with pytest.raises(InvalidValueError, match=r"chips of 13 bands \(B02 .* dem\), got 10"):
        little().encoder(*inputs(bands=10))


def test_bands_without_a_whole_group_are_refused():
    with pytest.raises(InvalidValueError, match=r"bands B02 B03 hold no whole band group; .*B08"):
        little(("B02", "B03"))


def test_released_networks_have_the_tensors_of_the_reference(reference_keys):
    for size, expected in reference_keys.items():
        with torch.device("meta"):
            network = ClayV0(ClayV0Config(*size))
        found = {f"model.{k}": tuple(v.shape) for k, v in network.state_dict().items()}
        assert found == expected
