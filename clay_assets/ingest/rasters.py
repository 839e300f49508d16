"""Raster files of scenes: what they are, and windows of them on any grid."""

import math
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT

from clay_assets.errors import ImageryError, NotFoundError
from clay_assets.ingest.grid import Grid
from clay_assets.ingest.signing import signed
from clay_assets.store import Store, gdal_options

# In source pixels: GDAL approximates the way between two CRS. An exact one takes twice as long.
_TOLERANCE_PX = 1e-5


@dataclass(frozen=True)
class BandSource:
    """One band of one file."""

    href: str
    """Absolute path or URL."""
    etag: str
    """Changes when the file does; empty for `https://`."""
    band: int
    """Number of the band in the file, from 1."""
    nodata: float | None
    """Pixel value of nothing."""
    shift_dn: int = 0
    """To be added to every pixel with data."""


def etag_of(href: str) -> str:
    """The etag of a local or `s3://` file; empty for others, which are not asked.

    Raises:
        ImageryError: there is no such file.
    """
    if href.startswith(("http://", "https://")):
        return ""
    folder, _, name = href.rpartition("/")
    if "://" not in href and not Path(folder).is_dir():
        raise ImageryError(_missing(href))
    try:
        return Store(folder or "/", Path()).stat(name).etag
    except NotFoundError as error:
        raise ImageryError(_missing(href)) from error


@dataclass(frozen=True)
class RasterHeader:
    """What a file says about itself before any pixel is read."""

    grid: Grid
    """Its pixels' grid."""
    nodata: float | None
    """Value it declares for nothing."""
    descriptions: tuple[str, ...]
    """One a band; empty text where the file has none."""
    date: str | None
    """Its tag `date`."""

    @property
    def centre_wgs84(self) -> tuple[float, float]:
        """(lon, lat) of its middle in degrees."""
        west, south, east, north = self.grid.bounds
        # always_xy: otherwise PROJ gives lat, lon
        to_wgs84 = Transformer.from_crs(self.grid.epsg, "OGC:CRS84", always_xy=True)
        lon, lat = to_wgs84.transform((west + east) / 2, (south + north) / 2)
        return float(lon), float(lat)


def read_header(href: str) -> RasterHeader:
    """The header of a raster.

    Raises:
        ImageryError: it cannot be opened, or has no EPSG code or no square north-up pixels.
    """
    with closing(_open(href)) as dataset:
        transform, crs = dataset.transform, dataset.crs
        epsg = crs.to_epsg() if crs else None
        if epsg is None:
            found = "a CRS without an EPSG code" if crs else "no CRS"
            raise ImageryError(
                f"{href} has {found}; imagery has a CRS with an EPSG code: set it with "
                "`gdal_edit.py -a_srs EPSG:CODE FILE`"
            )
        if transform.b or transform.d or not math.isclose(transform.e, -transform.a):
            raise ImageryError(
                f"{href} has no square north-up pixels ({transform.a:g} x {-transform.e:g}); warp "
                "it with gdalwarp"
            )
        size = dataset.width, dataset.height
        grid = Grid(int(epsg), transform.c, transform.f, transform.a, *size)
        descriptions = tuple(text or "" for text in dataset.descriptions)
        return RasterHeader(grid, dataset.nodata, descriptions, dataset.tags().get("date"))


class RasterReader:
    """Open files, read window after window; one thread at a time for each band."""

    def __init__(self, sources: Sequence[BandSource], dtype: str) -> None:
        """Nothing is opened yet.

        Args:
            sources: where they overlap, the first with data wins.
            dtype: `uint8`, `uint16` or `float32` of what is read.
        """
        self._sources = sources
        self._dtype = dtype
        self._datasets: list[DatasetReader] = []

    def read(self, grid: Grid, shape: tuple[int, int] | None = None) -> npt.NDArray[Any]:
        """(H, W) pixels on `grid`, nearest neighbour; 0, or NaN for float32, where none has data.

        Args:
            grid: ground and pixels to be read.
            shape: (H, W) for fewer pixels than the grid's; overviews are used where they exist.

        Raises:
            ImageryError: a file cannot be read.
        """
        if not self._datasets:
            self._datasets = [_open(source.href) for source in self._sources]
        nothing = np.nan if self._dtype == "float32" else 0
        mosaic = np.full(shape or (grid.height, grid.width), nothing, self._dtype)
        for source, dataset in zip(self._sources, self._datasets, strict=True):
            empty = np.isnan(mosaic) if self._dtype == "float32" else mosaic == 0
            if not empty.any():
                break
            pixels = _warped(dataset, source, grid, mosaic.shape, nothing)
            if source.shift_dn:
                pixels[pixels != 0] += source.shift_dn
            np.copyto(mosaic, pixels.astype(self._dtype, copy=False), where=empty)
        return mosaic

    def close(self) -> None:
        """Close the files."""
        for dataset in self._datasets:  # opened in another thread, so not as context managers
            dataset.close()
        self._datasets = []


def _warped(
    dataset: DatasetReader,
    source: BandSource,
    grid: Grid,
    shape: tuple[int, ...],
    nothing: float,
) -> npt.NDArray[Any]:
    try:
        with (
            rasterio.Env(**gdal_options()),
            WarpedVRT(
                dataset,
                crs=f"EPSG:{grid.epsg}",
                transform=grid.transform,
                width=grid.width,
                height=grid.height,
                resampling=Resampling.nearest,
                src_nodata=source.nodata,
                nodata=nothing,
                tolerance=_TOLERANCE_PX,
            ) as view,
        ):
            pixels: npt.NDArray[Any] = view.read(source.band, out_shape=shape)
            return pixels
    except RasterioError as error:
        raise ImageryError(_unreadable(source.href, error)) from error


def _open(href: str) -> DatasetReader:
    try:
        with rasterio.Env(**gdal_options()):
            return rasterio.open(signed(href))
    except RasterioError as error:
        raise ImageryError(_unreadable(href, error)) from error


def _missing(href: str) -> str:
    return f"{href} is named by an item but does not exist; mend the item or fetch the file"


def _unreadable(href: str, error: Exception) -> str:
    # The message may hold a signed URL.
    reason = str(error.__cause__ or error).replace(signed(href), href).splitlines()[0]
    return (
        f"{href} cannot be read as a raster: {reason}; it may be truncated: fetch it again, or "
        "remove its item from the imagery"
    )
