"""Pictures that PIL does not know: georeferenced, of many bands, or of more than 8 bits."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from rasterio._err import CPLE_BaseError
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader, MemoryFile
from rasterio.warp import transform

from clay_assets.chips.geotiff import opened_quietly
from clay_assets.errors import ImageError
from clay_assets.models.picture_input import (
    PICTURE_BANDS,
    TRUE_COLOUR_BANDS,
    TRUE_COLOUR_FULL_DN,
)

_MOST_PX = 4096
"""A longer side is averaged down while it is read."""


@dataclass(frozen=True)
class RasterPicture:
    """A picture of red, green and blue in 8 bits, in its own size."""

    image: Image.Image
    """Mode RGB."""
    width_px: int
    """Of the file; the image is smaller where that is very large."""
    height_px: int
    """The same."""
    lon: float | None
    """Of its middle, degrees; None where it is not georeferenced."""
    lat: float | None
    """The same."""
    notes: tuple[str, ...]
    """What was done to get there."""


def read_raster(data: bytes, name: str) -> RasterPicture:
    """Red, green and blue of whatever rasterio opens.

    Bands are taken by their colours, else by the names red, green and blue, or B04, B03 and B02,
    else the first three; of one or two bands the first is grey.

    Args:
        data: all bytes of the file.
        name: what errors call it.

    Raises:
        ImageError: it cannot be opened, or its numbers are no colours.
    """
    try:
        with MemoryFile(data) as file, opened_quietly(file) as dataset:
            return _picture(dataset, name)
    except (RasterioError, CPLE_BaseError, UnicodeDecodeError) as error:
        raise ImageError(f"{name} is no picture that PIL or GDAL reads, or is cut off") from error


def to_eight_bits(
    numbers: npt.NDArray[Any], name: str, *, bits: int, full: float | None = None
) -> tuple[npt.NDArray[np.uint8], str]:
    """Numbers as 0 to 255, and a note of which number is white.

    Args:
        numbers: whole from 0, or floating from 0 to 1; NaN is black.
        name: the picture, for messages.
        bits: of a whole number.
        full: value of white; None for the largest number of so many bits, or 1.

    Raises:
        ImageError: nobody knows which number is white.
    """
    if numbers.dtype == np.uint8 and bits == 8:
        return numbers, ""
    floating = np.issubdtype(numbers.dtype, np.floating)
    low, high = float(np.nanmin(numbers, initial=0)), float(np.nanmax(numbers, initial=0))
    white = full or (1.0 if floating else float(2**bits - 1))
    if low < 0 or (high > white and full is None):
        wanted = "0 to 1" if floating else f"0 to {white:.0f}"
        raise ImageError(
            f"{name} has numbers from {low:g} to {high:g}, which are no colours; {numbers.dtype} "
            f"pixels must be {wanted}: scale them, or save the picture in 8 bits"
        )
    shares = np.clip(np.nan_to_num(numbers.astype(np.float32)) / np.float32(white), 0, 1)
    return np.rint(255 * shares).astype(np.uint8), f"{white:g} is white"


def _picture(dataset: DatasetReader, name: str) -> RasterPicture:
    bands, full, chosen = _bands(dataset)
    shape = _shape(dataset)
    if dataset.colorinterp[0] == ColorInterp.palette:
        rgb = _colours(dataset.colormap(1))[dataset.read(1, out_shape=shape)]  # (H, W, 3)
        scaled = ""
    else:
        numbers = dataset.read(bands, out_shape=(len(bands), *shape), resampling=Resampling.average)
        eight, scaled = to_eight_bits(numbers, name, bits=_bits(dataset), full=full)
        rgb = np.broadcast_to(eight, (3, *shape)).transpose(1, 2, 0)  # (H, W, 3)
    lon, lat = _middle(dataset)
    return RasterPicture(
        image=Image.fromarray(np.ascontiguousarray(rgb)),
        width_px=dataset.width,
        height_px=dataset.height,
        lon=lon,
        lat=lat,
        notes=tuple(note for note in (chosen, scaled) if note),
    )


def _bands(dataset: DatasetReader) -> tuple[list[int], float | None, str]:
    """Numbers of the bands from 1, value of white if it is known, and a note."""
    colours = list(dataset.colorinterp)
    rgb = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
    names = [(text or "").strip().lower() for text in dataset.descriptions]
    if found := _found(PICTURE_BANDS, names):
        return found, None, "" if found == [1, 2, 3] else "bands named red, green, blue"
    if found := _found([band.lower() for band in TRUE_COLOUR_BANDS], names):
        return found, TRUE_COLOUR_FULL_DN, "bands named B04, B03, B02"
    if found := _found(rgb, colours):
        return found, None, "" if found == [1, 2, 3] else "bands coloured red, green, blue"
    if dataset.count < 3:
        return [1], None, "" if dataset.count == 1 else "first of 2 bands, grey"
    return [1, 2, 3], None, "" if dataset.count == 3 else f"first 3 of {dataset.count} bands"


def _found(wanted: Sequence[object], having: Sequence[object]) -> list[int]:
    """Where all that is wanted is, from 1; empty where something is missing."""
    if not set(wanted) <= set(having):
        return []
    return [having.index(one) + 1 for one in wanted]


def _bits(dataset: DatasetReader) -> int:
    """Bits that count, as a camera of 12 bits notes it in a file of 16."""
    noted = dataset.tags(1, ns="IMAGE_STRUCTURE").get("NBITS")
    return int(noted) if noted else 8 * np.dtype(dataset.dtypes[0]).itemsize


def _shape(dataset: DatasetReader) -> tuple[int, int]:
    """Height and width to read, whole unless it is very large."""
    share = min(1.0, _MOST_PX / max(dataset.height, dataset.width))
    return max(1, round(dataset.height * share)), max(1, round(dataset.width * share))


def _colours(palette: dict[int, tuple[int, ...]]) -> npt.NDArray[np.uint8]:
    """(values, 3) of a palette by its values."""
    colours = np.zeros((max(palette) + 1, 3), np.uint8)
    for value, colour in palette.items():
        colours[value] = colour[:3]
    return colours


def _middle(dataset: DatasetReader) -> tuple[float | None, float | None]:
    """Longitude and latitude of the middle of a georeferenced raster."""
    if dataset.crs is None or dataset.transform.is_identity:
        return None, None
    x, y = dataset.transform @ (dataset.width / 2, dataset.height / 2)
    try:
        (lon,), (lat,) = transform(dataset.crs, "OGC:CRS84", [x], [y])
    except (RasterioError, CPLE_BaseError):  # outside of where the projection is defined
        return None, None
    return (float(lon), float(lat)) if math.isfinite(lon) and math.isfinite(lat) else (None, None)
