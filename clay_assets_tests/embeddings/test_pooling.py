import pytest
import torch

from clay_assets.bands import SENTINEL2_BANDS
from clay_assets.embeddings.pooling import embedding_shape, pool
from clay_assets.errors import ChipError, InvalidValueError
from clay_assets.models import ClayV0Config, size_named

CONFIG = ClayV0Config(*size_named("small"))


@pytest.mark.parametrize(
    ("level", "shape"), [("mean", (768,)), ("patch", (7, 7, 768)), ("group", (4, 7, 7, 768))]
)
def test_the_shape_announced_is_the_shape_pooled(level, shape):
    assert embedding_shape(level, CONFIG, SENTINEL2_BANDS, 224) == shape
    tokens = torch.zeros(2, 4 * 7 * 7 + 2, 768)
    assert pool(tokens, level, groups=4).shape == (2, *shape)


def test_levels_keep_what_they_say():
    tokens = torch.randn(1, 2 * 2 * 2 + 2, 3)
    group = pool(tokens, "group", groups=2)
    assert torch.equal(group.flatten(1, 3), tokens[:, :-2])  # group, then row, then column
    assert torch.equal(pool(tokens, "patch", groups=2), group.mean(dim=1))
    assert torch.allclose(pool(tokens, "mean", groups=2), group.mean(dim=(1, 2, 3)), atol=1e-6)


def test_results_are_float32_whatever_the_tokens_are():
    assert pool(torch.zeros(1, 6, 3, dtype=torch.bfloat16), "mean", groups=1).dtype == torch.float32


@pytest.mark.parametrize("size", [500, 16])
def test_patches_must_fill_the_chip(size):
    message = f"chips of {size} pixels are not made of whole patches of 32; cut chips of 32, 64"
    with pytest.raises(ChipError, match=message):
        embedding_shape("mean", CONFIG, SENTINEL2_BANDS, size)


def test_bands_must_hold_a_group():
    with pytest.raises(InvalidValueError, match="bands B02 B03 hold no whole band group"):
        embedding_shape("mean", CONFIG, ("B02", "B03"), 224)
