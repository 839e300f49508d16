"""From digital numbers to colours for the eye.

Cloud and snow are ten times as bright as land. Were they to share the scale, land would be black;
so the scale follows the land, and they are white.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.float32]
Colours = npt.NDArray[np.uint8]

NODATA_GREY = 128
TRUE_COLOUR = ("B04", "B03", "B02")
_LEAST_SPAN = 1400.0
"""Digital numbers from black to white at least: a lake alone is not stretched to noise."""
_BRIGHTEST_LAND = 2000.0
"""Above black; hardly anything but cloud and snow reflects a fifth of blue light."""
_LEAST_LAND = 0.2
"""Share of a picture that must be land for the scale to follow it."""
_HEADROOM = 1.3
"""White lies so many times as far above black as the brightest land; roofs keep their colour."""
_FOOTROOM = 0.15
"""Black lies below the darkest land, so that sand keeps some blue."""
_GAMMA = 0.72
_SAMPLES = 100_000


def rgb_of(pixels: Pixels, bands: Sequence[str]) -> Pixels:
    """Red, green and blue of a chip; its first band in grey when it has not all three.

    Args:
        pixels: (C, H, W), any unit.
        bands: names of the C bands.

    Returns:
        (3, H, W) float32.
    """
    if set(TRUE_COLOUR) <= set(bands):
        return pixels[[bands.index(name) for name in TRUE_COLOUR]]
    grey = pixels[:1]
    low, high = _percentiles(grey[np.isfinite(grey)], [2, 98])
    # Other units are brought to the range of digital numbers; 0 would be no data.
    scaled = 1 + 3000 * np.clip((grey - low) / max(high - low, 1e-12), 0, 1)
    return np.repeat(scaled.astype(np.float32), 3, axis=0)


def true_colour(rgb: Pixels, *, limits: tuple[float, float] | None = None) -> Colours:
    """Colours for the eye.

    Args:
        rgb: (3, H, W) digital numbers; NaN, or 0 in all three, is no data.
        limits: value of black and of white; `stretch_of` this picture when None.

    Returns:
        (H, W, 3) uint8; pixels without data are `NODATA_GREY`.
    """
    low, high = limits or stretch_of([rgb])
    share = np.clip((np.nan_to_num(rgb) - low) / max(high - low, 1e-6), 0, 1)
    colours = np.rint(255 * share**_GAMMA).astype(np.uint8)
    colours[:, ~_valid(rgb)] = NODATA_GREY
    return np.ascontiguousarray(colours.transpose(1, 2, 0))  # (H, W, 3)


def stretch_of(pictures: Sequence[Pixels]) -> tuple[float, float]:
    """Value of black and of white for some (3, H, W) pictures shown together.

    By the 2nd and 97th percentile of their land; of everything where there is hardly any.
    """
    samples = [rgb[:, _valid(rgb)] for rgb in pictures]
    samples = [rgb[:, :: max(1, rgb.shape[1] // _SAMPLES)] for rgb in samples]
    rgb = np.concatenate(samples, axis=1) if samples else np.empty((3, 0), np.float32)
    (low,) = _percentiles(rgb, [2])
    land = rgb[:, rgb.min(axis=0) < low + _BRIGHTEST_LAND]
    shown = land if land.size > _LEAST_LAND * rgb.size else rgb
    low, high = _percentiles(shown, [2, 97])
    black = max(0.0, low - _FOOTROOM * (high - low))
    return black, black + max(_HEADROOM * (high - low), _LEAST_SPAN)


def _valid(rgb: Pixels) -> npt.NDArray[np.bool_]:
    """(H, W) pixels with data."""
    valid: npt.NDArray[np.bool_] = np.isfinite(rgb).all(axis=0) & (rgb != 0).any(axis=0)
    return valid


def _percentiles(values: Pixels, shares: Sequence[float]) -> tuple[float, ...]:
    """Percentiles, or zeros when there is no value."""
    if not values.size:
        return (0.0,) * len(shares)
    return tuple(float(value) for value in np.percentile(values, shares))
