"""How red, green and blue become what networks trained on ImageNet take.

Source:
    ImageNet means and deviations: torchvision's models since 2017 (BSD-3-Clause).
    True colour: ESA, Sentinel-2 User Guide, Definitions, True Colour Image: 8 bits saturate at a
    digital number of 3558 in Level-1C, of 2000 in Level-2A. Ours is the former, for chips hold
    Level-2A as ESA delivers it: from baseline 04.00 on with an offset of 1000 added.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from clay_assets.errors import InvalidValueError
from clay_assets.models.token_encoder import ChipKind

PICTURE_BANDS = ("red", "green", "blue")
"""Bands of a picture, 0 to 255."""
TRUE_COLOUR_BANDS = ("B04", "B03", "B02")
"""The same of Sentinel-2, in digital numbers."""
TRUE_COLOUR_FULL_DN = 3558.0
"""Digital number that is as bright as a picture's 255."""
IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Of red, green and blue between 0 and 1."""
IMAGENET_STD = (0.229, 0.224, 0.225)

_BESIDE_PICTURES = frozenset((*PICTURE_BANDS, "nir"))


@dataclass(frozen=True)
class PictureInput:
    """From chips of one kind to normalised squares of red, green and blue."""

    bands: tuple[int, int, int]
    """Where red, green and blue are in a chip."""
    full: float
    """Value of full brightness; what is beyond it counts as it."""
    size_px: int
    """Side of the squares that come out."""

    def __call__(self, pixels: Tensor) -> Tensor:
        """What the network takes.

        Chips of another size are resized as PIL does it, bilinear over all the pixels that a new
        one covers, only without rounding to whole numbers.

        Args:
            pixels: (B, C, H, W) uint8 or floating.

        Returns:
            (B, 3, size_px, size_px) float32, of about unit variance.
        """
        planes = [
            ((pixels[:, band].float() / self.full).clamp(0, 1) - mean) / std
            for band, mean, std in zip(self.bands, IMAGENET_MEAN, IMAGENET_STD, strict=True)
        ]
        x = torch.stack(planes, dim=1)  # (B, 3, H, W)
        size = (self.size_px, self.size_px)
        if x.shape[-2:] == size:
            return x
        return functional.interpolate(x, size, mode="bilinear", antialias=True)


def picture_input(kind: ChipKind, size_px: int, *, family: str) -> PictureInput:
    """How chips of a kind become squares of `size_px`.

    Args:
        kind: pictures (red, green and blue, near infrared may stand beside them), or Sentinel-2.
        size_px: side that the network takes.
        family: the network's, for messages.

    Raises:
        InvalidValueError: the chips have no red, green and blue of known range.
    """
    if set(TRUE_COLOUR_BANDS) <= set(kind.bands):
        names, full = TRUE_COLOUR_BANDS, TRUE_COLOUR_FULL_DN
    elif set(PICTURE_BANDS) <= set(kind.bands) <= _BESIDE_PICTURES:
        names, full = PICTURE_BANDS, 255.0
    else:
        raise InvalidValueError(
            f"{family} takes colour pictures: bands {' '.join(TRUE_COLOUR_BANDS)} of Sentinel-2, "
            f"or {' '.join(PICTURE_BANDS)} from 0 to 255; the chips have "
            f"{' '.join(kind.bands) or 'none'}"
        )
    red, green, blue = (kind.bands.index(name) for name in names)
    return PictureInput((red, green, blue), full, size_px)
