"""One square GeoTIFF read whole from bytes, checked for what every chip must have."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.io import DatasetReader, MemoryFile

from clay_assets.errors import ChipError

_WARNINGS = Lock()  # their filters belong to all threads


@dataclass(frozen=True)
class SquareRaster:
    """A square, north-up, georeferenced raster without holes."""

    pixels: npt.NDArray[np.float32]
    """(C, H, W) float32, as in the file, all finite."""
    descriptions: tuple[str, ...]
    """One a band; empty text where the file has none."""
    tags: dict[str, str]
    """Tags of the whole file."""
    epsg: int
    """EPSG code of its CRS."""
    bounds: tuple[float, float, float, float]
    """West, south, east, north in that CRS."""


def decode_square(data: bytes, name: str) -> SquareRaster:
    """A GeoTIFF from its bytes; `name` is what errors call it.

    Raises:
        ChipError: truncated or no GeoTIFF, no EPSG code, rotated, not square, or with NaN pixels.
    """
    with _opened(data, name) as dataset:
        return SquareRaster(
            pixels=_finite_pixels(dataset, name),
            descriptions=tuple(text or "" for text in dataset.descriptions),
            tags=dataset.tags(),
            epsg=_epsg(dataset, name),
            bounds=_square_bounds(dataset, name),
        )


@contextmanager
def _opened(data: bytes, name: str) -> Iterator[DatasetReader]:
    try:
        if not data:
            raise RasterioError("no bytes")
        with MemoryFile(data) as file, opened_quietly(file, driver="GTiff") as dataset:
            yield dataset
    except RasterioError as error:
        raise ChipError(
            f"{name} cannot be read: truncated or not a GeoTIFF ({len(data)} bytes; "
            f"{error}); fetch it again, or delete it and materialise the chips again"
        ) from error


def opened_quietly(file: MemoryFile, *, driver: str | None = None) -> DatasetReader:
    """Open without a warning that there is no georeference, whichever thread asks.

    Raises:
        RasterioError: it is no raster, or not of that driver.
    """
    with _WARNINGS, warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        return file.open(driver=driver)


def _finite_pixels(dataset: DatasetReader, name: str) -> npt.NDArray[np.float32]:
    pixels: npt.NDArray[np.float32] = dataset.read(out_dtype="float32")
    finite = np.isfinite(pixels)
    if not finite.all():
        band = int(np.argmin(finite.all(axis=(1, 2))))
        raise ChipError(
            f"{name} has {int((~finite[band]).sum())} NaN or infinite pixels in band {band + 1} "
            f"({dataset.descriptions[band] or 'unnamed'}); a chip has none: remove the file from "
            "the imagery"
        )
    return pixels


def _epsg(dataset: DatasetReader, name: str) -> int:
    epsg = dataset.crs.to_epsg() if dataset.crs else None
    if epsg is None:
        found = "a CRS without an EPSG code" if dataset.crs else "no CRS"
        raise ChipError(
            f"{name} has {found}; a chip has a CRS with an EPSG code: set it with `gdal_edit.py "
            "-a_srs EPSG:CODE FILE`"
        )
    return int(epsg)


def _square_bounds(dataset: DatasetReader, name: str) -> tuple[float, float, float, float]:
    transform = dataset.transform
    if transform.is_identity or transform.b or transform.d or transform.e > 0:
        raise ChipError(f"{name} is not georeferenced north-up; a chip is: warp it with gdalwarp")
    if dataset.width != dataset.height:
        raise ChipError(f"{name} is {dataset.height}x{dataset.width} pixels; a chip is square")
    west, south, east, north = dataset.bounds
    return west, south, east, north
