"""What the Clay networks take besides weights: normalised pixels, place and date as angles."""

import math
import re
from dataclasses import dataclass

import torch
from torch import Tensor

from clay_assets.bands import BAND_NAMES, statistics_of
from clay_assets.errors import InvalidValueError

_LEAST_POWER = 1e-10  # Clay: stands for no power at all, which has no decibels
_DATE = re.compile(r"^(\d{4})-(\d{2})-(\d{2})$")


def normalise(pixels: Tensor, bands: tuple[str, ...] = BAND_NAMES) -> Tensor:
    """Pixels minus the mean of Clay's training set, over its standard deviation.

    Args:
        pixels: (..., C, H, W) floating, raw units of `bands`.
        bands: names of the C bands.

    Returns:
        (..., C, H, W), dtype and device of `pixels`.

    Raises:
        InvalidValueError: the number of bands is not that of `pixels`.
    """
    means, stds = _statistics(pixels, bands)
    return (pixels - means) / stds


def denormalise(pixels: Tensor, bands: tuple[str, ...] = BAND_NAMES) -> Tensor:
    """Raw units again of pixels that `normalise` gave; arguments and errors are the same."""
    means, stds = _statistics(pixels, bands)
    return pixels * stds + means


def date_parts(date: str) -> tuple[int, int, int]:
    """Year, month and day of `YYYY-MM-DD`.

    Raises:
        InvalidValueError: `date` is written otherwise.
    """
    match = _DATE.match(date)
    if match is None:
        raise InvalidValueError(f"date must be written YYYY-MM-DD, got {date!r}")
    return int(match[1]), int(match[2]), int(match[3])


@dataclass(frozen=True)
class Normalisation:
    """Raw chips to normalised bands in the order a network wants, on the chips' device.

    Its constants are plain numbers: no cast of a network reaches them, and a compiler sees them.
    """

    index: tuple[int, ...]
    """Of each of n bands in the chip."""
    means: tuple[float, ...]
    """Of each band."""
    stds: tuple[float, ...]
    """Of each band."""
    decibel: bool = False
    """Whether the chip holds linear power, and means and deviations are decibels."""
    float16: bool = False
    """Whether all is computed in float16, with its roundings, as in Clay v0.0.1."""

    def __call__(self, pixels: Tensor) -> Tensor:
        """(B, C, H, W) raw, of any dtype, to (B, n, H, W) float32.

        NaN stays NaN. With `float16` values beyond 65504 become infinite.
        """
        bands = zip(self.index, self.means, self.stds, strict=True)
        return torch.stack([self._band(pixels[:, i], mean, std) for i, mean, std in bands], dim=1)

    def _band(self, pixels: Tensor, mean: float, std: float) -> Tensor:
        if self.float16:
            mean, std = float(_half(mean)), float(_half(std))
            return ((pixels.half() - mean) / std).float()
        pixels = pixels.float()
        if self.decibel:
            pixels = 10 * torch.where(pixels <= 0, _LEAST_POWER, pixels).log10()
        return (pixels - mean) / std


def encode_latlon(lon: float, lat: float) -> tuple[float, float]:
    """Latitude and longitude in degrees as Clay's pair, LATITUDE FIRST.

    >>> "{:.3f} {:.3f}".format(*encode_latlon(lon=0.0, lat=30.0))
    '0.500 1.571'

    Returns:
        (sine of latitude, longitude as an angle from pi / 2 downwards).
    """
    return math.sin(math.radians(lat)), _angle(math.radians(lon))


def encode_timestep(date: str) -> tuple[float, float, float]:
    """A date `YYYY-MM-DD` as three angles: year of 18 from 2012, month of 11, day of 30.

    The ends meet: January is December, day 1 is day 31, 2012 is 2030.

    Raises:
        InvalidValueError: `date` is written otherwise.
    """
    year, month, day = date_parts(date)
    return (
        _angle(2 * math.pi * (year - 2012) / 18),
        _angle(2 * math.pi * (month - 1) / 11),
        _angle(2 * math.pi * (day - 1) / 30),
    )


def _statistics(pixels: Tensor, bands: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Means and standard deviations, each (C, 1, 1), dtype and device of `pixels`."""
    if pixels.shape[-3] != len(bands):
        raise InvalidValueError(f"{len(bands)} bands named, but pixels have {pixels.shape[-3]}")
    means, stds = (
        torch.tensor(values, dtype=pixels.dtype, device=pixels.device)[:, None, None]
        for values in statistics_of(bands)
    )
    return means, stds


def _angle(turn: float) -> float:
    """Angle pi / 2 - turn, wrapped to (-pi, pi]."""
    return math.atan2(math.cos(turn), math.sin(turn))


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def _half(value: float) -> float:
    """The nearest number in float16."""
    return torch.tensor(value).half().item()
