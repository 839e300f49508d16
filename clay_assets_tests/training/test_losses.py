import numpy as np
import pytest
import torch

from clay_assets.models import ClayV0, ClayV0Config, Mask, TransformerSize
from clay_assets.training.losses import band_spread, robust_loss

LITTLE = TransformerSize(dim=16, depth=1, heads=2, dim_head=4, mlp_ratio=2)
SPREAD_RTOL = 0.05  # of a standard deviation, from 8,192 values


def test_the_spread_of_normal_values_is_their_standard_deviation():
    generator = torch.Generator().manual_seed(0)
    stds = torch.tensor([0.1, 3.0])
    chips = [torch.randn(2, 256, 256, generator=generator) * stds[:, None, None] for _ in range(8)]
    np.testing.assert_allclose(band_spread(chips), stds, rtol=SPREAD_RTOL)


def test_the_spread_is_blind_to_a_few_clouds():
    generator = torch.Generator().manual_seed(0)
    clear = torch.randn(1, 256, 256, generator=generator)
    cloudy = clear.clone()
    cloudy[:, :, :32] = 50.0
    found, expected = band_spread([cloudy.half()]), band_spread([clear])
    assert found.item() == pytest.approx(expected.item(), rel=0.3)


def test_a_band_that_does_not_vary_has_a_little_spread():
    assert band_spread([torch.ones(1, 16, 16)]).item() == pytest.approx(1e-3)


def test_errors_count_squared_when_small_and_straight_when_large():
    network = ClayV0(
        ClayV0Config(LITTLE, LITTLE, 16, 4, band_groups=("nir", "dem")), ("B08", "dem")
    )
    pixels, spread = torch.zeros(1, 2, 16, 16), torch.tensor([2.0, 5.0])
    mask = Mask.from_noise(torch.arange(32.0)[None], 0.5)  # nir hidden, dem visible
    for error, expected in ((1.0, 0.5 * 0.5**2), (20.0, 10.0 - 0.5)):
        predicted = torch.zeros(1, 2, 16, 16)
        predicted[:, 0] = error
        predicted[:, 1] = 99.0
        found = robust_loss(network, predicted, pixels, mask, spread)
        assert found.item() == pytest.approx(expected)
