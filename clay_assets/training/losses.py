"""What training minimises: Clay's own loss, or one that suits few chips and little time."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from clay_assets.models import ClayV0, Mask, patchify

_PIXEL_STEP = 8
_SIGMAS_PER_QUARTILE_RANGE = 1 / 1.349  # of a normal distribution
_SMALLEST_SPREAD = 1e-3  # of Clay's standard deviation; bands that do not vary at all


def band_spread(chips: list[Tensor]) -> Tensor:
    """Spread of each band over chips, blind to the brightest and darkest quarter.

    Args:
        chips: each (C, H, W) normalised.

    Returns:
        (C,) float32: the standard deviation, if values were normally distributed.
    """
    pixels = [chip[:, ::_PIXEL_STEP, ::_PIXEL_STEP].flatten(1) for chip in chips]
    # numpy: torch's quantile takes 16 million values at most
    low, high = np.quantile(torch.cat(pixels, dim=1).float().numpy(), (0.25, 0.75), axis=1)
    spread = torch.from_numpy(high - low) * _SIGMAS_PER_QUARTILE_RANGE
    return spread.float().clamp_min(_SMALLEST_SPREAD)


def robust_loss(
    network: ClayV0, predicted: Tensor, pixels: Tensor, mask: Mask, spread: Tensor
) -> Tensor:
    """Mean error of the hidden tokens: squared up to one spread, then growing in a straight line.

    Args:
        network: that predicted.
        predicted: (B, C, L, P*P).
        pixels: (B, C, H, W) normalised.
        mask: what was hidden.
        spread: (C,) of `band_spread`.
    """
    scale = spread[:, None, None]
    target = patchify(pixels, network.config.patch_size)
    errors = functional.smooth_l1_loss(predicted / scale, target / scale, reduction="none")
    return network.mean_hidden(errors.mean(dim=-1), mask)
