"""Which band of a shown picture is which band of a chip, and in which numbers."""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from clay_assets.bands import BAND_NAMES, SENTINEL1_BANDS, SENTINEL2_BANDS
from clay_assets.errors import SearchError
from clay_assets.models.picture_input import (
    PICTURE_BANDS,
    TRUE_COLOUR_BANDS,
    TRUE_COLOUR_FULL_DN,
)
from clay_assets.models.platforms import PLATFORMS, SENTINEL2

_BY_COUNT = {len(BAND_NAMES): BAND_NAMES, len(SENTINEL2_BANDS): SENTINEL2_BANDS}
"""What the bands of a file without names are."""
_SHORT = re.compile(r"^b(\d)$")
_OF_COLOURS = {band.name: band.in_chips for band in PLATFORMS[SENTINEL2].bands}
_FULL_DN = 10_000
"""Digital number of a reflectance of 1."""
_MOST_REFLECTANCE = 2.0


def name_bands(
    descriptions: Sequence[str | None], dtype: str, told: Sequence[str]
) -> tuple[str, ...]:
    """Names of a file's bands, in its order: as told, else its descriptions, else by their number.

    Args:
        descriptions: one a band, None or empty where the file has none.
        dtype: of its pixels; three or four bands of uint8 without names are a picture.
        told: names that a person gave; none where nobody did.

    Raises:
        SearchError: not as many names as bands, or nobody knows what they are.
    """
    count = len(descriptions)
    if told:
        if len(told) != count:
            raise SearchError(
                f"bands must name the {count} bands of the picture in their order, got "
                f"{len(told)}: {' '.join(told)}"
            )
        return tuple(told)
    if all(descriptions):
        return tuple(str(text) for text in descriptions)
    if dtype == "uint8" and count in (3, 4):
        return (*PICTURE_BANDS, "alpha")[:count]
    if count in _BY_COUNT:
        return _BY_COUNT[count]
    raise SearchError(
        f"the picture has {count} bands of {dtype} without names; tell them in their order, as "
        f"bands=B04 B03 B02, or keep them in the file as band descriptions; known are "
        f"{', '.join(BAND_NAMES)}"
    )


def choose_bands(
    names: Sequence[str], dtype: str, wanted: Sequence[str]
) -> tuple[list[int], tuple[str, ...]]:
    """Bands of a picture that an encoder takes: where they are in it, and their names in chips.

    Names are known however they are written: `B04`, `b4`, `red`. Red, green and blue of a picture
    stand for Sentinel-2's true colour.

    Args:
        names: of the picture's bands.
        dtype: of its pixels.
        wanted: bands of the chips that the encoder was used on.

    Raises:
        SearchError: it has none of them.
    """
    there = {_in_chips(name, wanted): place for place, name in reversed(list(enumerate(names)))}
    chosen = tuple(band for band in wanted if band in there)
    if not chosen:
        raise SearchError(
            f"the product's chips have the bands {' '.join(wanted)}, and the picture has none of "
            f"them; its {len(names)} bands of {dtype} are {' '.join(names)}"
        )
    return [there[band] for band in chosen], chosen


def in_units_of_chips(
    pixels: npt.NDArray[np.float32], bands: Sequence[str], dtype: str
) -> tuple[npt.NDArray[np.float32], str]:
    """Numbers as chips have them, and a note of what was done; see `bands.Band.unit`.

    Args:
        pixels: (C, H, W), as in the file.
        bands: the C bands, as chips name them.
        dtype: of the file's pixels.
    """
    optical = [band in SENTINEL2_BANDS for band in bands]
    if any(optical) and dtype == "uint8":
        scaled = pixels * np.float32(TRUE_COLOUR_FULL_DN / 255)
        return scaled, f"colours of 8 bits stand for digital numbers, 255 for {_dn()}"
    notes = []
    if any(optical) and 0 < np.quantile(pixels[optical], 0.99) <= _MOST_REFLECTANCE:
        pixels = pixels.copy()
        pixels[optical] *= _FULL_DN
        notes.append(f"reflectances times {_FULL_DN} are digital numbers")
    for index, band in enumerate(bands):
        if band in SENTINEL1_BANDS and np.median(pixels[index]) < 0:
            pixels = pixels.copy()
            pixels[index] = 10 ** (pixels[index] / 10)
            notes.append(f"{band} was in decibels")
    return pixels, "; ".join(notes)


def _in_chips(name: str, wanted: Sequence[str]) -> str:
    """A band's name as the chips that are wanted write it; itself where they have none like it."""
    plain = _SHORT.sub(r"b0\1", name.strip().lower())
    for candidate in (plain, _OF_COLOURS.get(plain, plain)):
        for band in wanted:
            if band.lower() == candidate.lower():
                return band
    return name


def _dn() -> str:
    return f"{TRUE_COLOUR_FULL_DN:g} of {' '.join(TRUE_COLOUR_BANDS)}"
