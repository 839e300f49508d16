"""Red, green and blue of chips, and the one stretch that all chips of a tile share."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from clay_assets.chips import decode_chip, read_chip_bytes
from clay_assets.errors import ClayAssetsError
from clay_assets.pictures import rgb_of
from clay_assets.serve.catalogue import ListedChip
from clay_assets.store import Store

Pixels = npt.NDArray[np.float32]

RGB_BANDS = ("B04", "B03", "B02")
KEPT_STRETCHES = 1_000
SAMPLE_CHIPS = 9
"""Chips that decide the stretch of their tile: the clearest, for clouds would darken the rest."""

HEADROOM = 1.25
"""Room above the brightest land, so that snow and thin cloud still show some shape."""


@dataclass(frozen=True)
class RgbChip:
    """What of a chip the eye sees, and where it lies."""

    pixels: Pixels
    """(3, H, W) red, green, blue in the chip's own unit."""
    epsg: int
    """EPSG code of its CRS."""
    bounds: tuple[float, float, float, float]
    """West, south, east, north in that CRS."""


def read_rgb(store: Store, path: str) -> RgbChip:
    """A chip's colours, without the time it takes to unpack its other bands.

    Raises:
        ChipError: the chip's file is damaged.
        NotFoundError: the chip's file is gone.
    """
    data = read_chip_bytes(store, path)
    with suppress(RasterioError), MemoryFile(data) as file, file.open() as raster:
        bands, epsg = raster.descriptions, raster.crs.to_epsg() if raster.crs else None
        if set(RGB_BANDS) <= set(bands) and epsg is not None:
            pixels: Pixels = raster.read([bands.index(band) + 1 for band in RGB_BANDS])
            return RgbChip(pixels, epsg, tuple(raster.bounds))
    chip = decode_chip(data, path)  # says what is wrong with a damaged file
    return RgbChip(rgb_of(chip.pixels, chip.bands), chip.epsg, chip.bounds)


def tile_stretch(store: Store, chips: Sequence[ListedChip]) -> tuple[float, float]:
    """Darkest and brightest value to show of a tile, the middle one of some of its chips' own.

    Args:
        store: where the chips' files are looked up.
        chips: all of the tile.

    Raises:
        ChipError: every chip that was looked at is damaged.
        NotFoundError: every chip's file is gone.
    """
    clearest = sorted(chips, key=lambda one: (one.cloud_share or 0, one.chip_id))
    sample = tuple(
        (one.source_url, one.content_hash, one.cloud_share or 0) for one in clearest[:SAMPLE_CHIPS]
    )
    return _stretch(store, sample)


@lru_cache(maxsize=KEPT_STRETCHES)
def _stretch(store: Store, sample: tuple[tuple[str, str, float], ...]) -> tuple[float, float]:
    stretches, failure = [], None
    for path, _hash, cloud_share in sample:
        try:
            rgb = read_rgb(store, path).pixels
        except ClayAssetsError as error:  # one damaged chip spoils only its own picture
            failure = error
        else:
            stretches.append(_land_stretch(rgb, cloud_share))
    if failure is not None and not stretches:
        raise failure
    low, high = np.median(stretches, axis=0)
    return float(low), float(low + HEADROOM * (high - low))


def _land_stretch(rgb: Pixels, cloud_share: float) -> tuple[float, float]:
    """2nd and 98th percentile of what is not cloud: the brightest `cloud_share` is left out."""
    valid = np.isfinite(rgb).all(axis=0) & (rgb != 0).any(axis=0)
    if not valid.any():
        return 0.0, 1.0
    low, high = np.percentile(rgb[:, valid], [2, 98 * (1 - cloud_share)])
    return float(low), float(high)
