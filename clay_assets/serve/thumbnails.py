"""Small true-colour pictures of chips, kept in memory.

All chips of a tile are stretched alike, so that they fit together on the map and can be compared
in the gallery; dates too, so that snow is brighter than grass.
"""

import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from clay_assets.chips import decode_chip, read_chip_bytes
from clay_assets.errors import ClayAssetsError
from clay_assets.pictures import rgb_of, true_colour
from clay_assets.serve.catalogue import ListedChip
from clay_assets.store import Store

Pixels = npt.NDArray[np.float32]

RGB_BANDS = ("B04", "B03", "B02")
COMPRESS_LEVEL = 3
"""A little larger than by default, in less than half the time."""
KEPT_PICTURES = 300  # of 20 to 500 kB
KEPT_STRETCHES = 1_000
SAMPLE_CHIPS = 9
"""Chips that decide the stretch of their tile: the clearest, for clouds would darken the rest."""

HEADROOM = 1.25
"""Room above the brightest land, so that snow and thin cloud still show some shape."""


class ThumbnailSize(IntEnum):
    """Sides of a picture, in pixels; few, so that most are found in memory."""

    SMALL = 128
    MEDIUM = 256
    LARGE = 512


@dataclass(frozen=True)
class Thumbnails:
    """Pictures of the chips of one store."""

    store: Store
    """Where keys are looked up; absolute paths and URLs are read as they are."""

    def png(self, chip: ListedChip, tile: Sequence[ListedChip], size: ThumbnailSize) -> bytes:
        """A PNG of `size` pixels a side.

        Args:
            chip: whose picture.
            tile: all chips of its tile, to stretch it like them.
            size: of the picture.

        Raises:
            ChipError: the chip's file is damaged.
            NotFoundError: the chip's file is gone.
        """
        clearest = sorted(tile, key=lambda one: (one.cloud_share or 0, one.chip_id))
        sample = tuple(
            (one.source_url, one.content_hash, one.cloud_share or 0)
            for one in clearest[:SAMPLE_CHIPS]
        )
        limits = _stretch(self.store, sample)
        # The hash is part of the key: a chip that is cut anew gets a new picture.
        return _png(self.store, chip.source_url, chip.content_hash, limits, size)


@lru_cache(maxsize=KEPT_STRETCHES)
def _stretch(store: Store, sample: tuple[tuple[str, str, float], ...]) -> tuple[float, float]:
    """Darkest and brightest value to show, the middle one of some chips' own."""
    stretches, failure = [], None
    for path, _hash, cloud_share in sample:
        try:
            rgb = _read_rgb(store, path)
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


@lru_cache(maxsize=KEPT_PICTURES)
def _png(
    store: Store, path: str, _hash: str, limits: tuple[float, float], size: ThumbnailSize
) -> bytes:
    colours = true_colour(_read_rgb(store, path), limits=limits)
    picture = Image.fromarray(colours).resize((size, size), Image.Resampling.BOX)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=COMPRESS_LEVEL)
    return buffer.getvalue()


def _read_rgb(store: Store, path: str) -> Pixels:
    """(3, H, W) red, green, blue of a chip, without the time it takes to unpack its other bands."""
    data = read_chip_bytes(store, path)
    with suppress(RasterioError), MemoryFile(data) as file, file.open() as raster:
        bands = raster.descriptions
        if set(RGB_BANDS) <= set(bands):
            pixels: Pixels = raster.read([bands.index(band) + 1 for band in RGB_BANDS])
            return pixels
    chip = decode_chip(data, path)  # says what is wrong with a damaged file
    return rgb_of(chip.pixels, chip.bands)
