"""Windows of raster files on any grid."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from clay_assets.errors import ImageryError, UnreachableError
from clay_assets.ingest.grid import Grid
from clay_assets.ingest.lookup import AxisLookup, lookup
from clay_assets.ingest.raster_files import BandSource, may_pass, open_raster, unreadable_raster
from clay_assets.remote import gdal_options

# In source pixels: GDAL approximates the way between two CRS. Of a million pixels 45 lie so near an
# edge that they go to the neighbour; a tenth of it takes three times as long.
_TOLERANCE_PX = 1e-4
_SLANT = 3
"""How many strips' rows of a file in another CRS lie under one strip, at most, say."""

Pixels = npt.NDArray[Any]


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
        self._nothing = np.nan if dtype == "float32" else 0
        self._datasets: dict[int, DatasetReader] = {}

    def read(self, grid: Grid, shape: tuple[int, int] | None = None) -> Pixels:
        """(H, W) pixels on `grid`, nearest neighbour; 0, or NaN for float32, where none has data.

        Args:
            grid: ground and pixels to be read.
            shape: (H, W) for fewer pixels than the grid's; overviews are used where they exist.

        Raises:
            ImageryError: a file cannot be read.
        """
        pixels = np.empty(shape or (grid.height, grid.width), self._dtype)
        self.read_into(pixels, grid)
        return pixels

    def read_into(self, pixels: Pixels, grid: Grid) -> None:
        """As `read`, to an array of the caller's: no copy is made where a file has the same grid.

        Args:
            pixels: (H, W), float32 or of the reader's dtype.
            grid: ground and pixels to be read.

        Raises:
            ImageryError: a file cannot be read.
        """
        if not self._sources:
            pixels[:] = self._nothing
        for index in range(len(self._sources)):
            if index == 0:
                self._read_source(index, pixels, grid)
                continue
            empty = np.isnan(pixels) if self._dtype == "float32" else pixels == 0
            if not empty.any():
                return
            more = np.empty_like(pixels)
            self._read_source(index, more, grid)
            np.copyto(pixels, more, where=empty)

    def strip_bytes(self, grid: Grid) -> int:
        """Memory for all blocks that a strip of a tile touches.

        Args:
            grid: the strip, of the tile's whole width.

        Raises:
            ImageryError: a file cannot be opened.
        """
        total = 0
        for index, source in enumerate(self._sources):
            dataset = self._dataset(index)
            height, width = dataset.block_shapes[source.band - 1]
            slanted = 1 if _epsg(dataset) == grid.epsg else _SLANT
            rows = (math.ceil(slanted * grid.height / height) + 1) * height
            cols = min(dataset.width, grid.width + 2 * width)
            total += rows * cols * np.dtype(dataset.dtypes[source.band - 1]).itemsize
        return total

    def close(self) -> None:
        """Close the files."""
        for dataset in self._datasets.values():  # of another thread, so not as context managers
            dataset.close()
        self._datasets = {}

    def _dataset(self, index: int) -> DatasetReader:
        if index not in self._datasets:
            self._datasets[index] = open_raster(self._sources[index].href)
        return self._datasets[index]

    def _read_source(self, index: int, pixels: Pixels, grid: Grid) -> None:
        """Fill `pixels` from one file; one elsewhere is opened again once, as links may break."""
        source = self._sources[index]
        # Fractions would be lost in whole numbers before they are scaled up.
        raw = pixels if source.factor == 1 else np.empty(pixels.shape, "float32")

        def read() -> None:
            dataset = self._dataset(index)
            with rasterio.Env(**gdal_options()):
                _fill(raw, dataset, source, grid, self._nothing)

        try:
            _twice(read, lambda: self._datasets.pop(index).close(), "://" in source.href)
        except RasterioError as error:
            kind = UnreachableError if may_pass(source.href, error) else ImageryError
            raise kind(unreadable_raster(source.href, error)) from error
        if source.shift_dn or source.factor != 1 or source.decibels:
            pixels[:] = source.converted(raw, self._dtype)


def _twice(read: Callable[[], None], forget: Callable[[], None], again: bool) -> None:
    try:
        read()
    except RasterioError:
        if not again:
            raise
        forget()
        read()


def _fill(
    pixels: Pixels, dataset: DatasetReader, source: BandSource, grid: Grid, nothing: float
) -> None:
    """Pixels of a band, not converted yet, `nothing` where it has none."""
    found = None
    if _epsg(dataset) == grid.epsg and pixels.shape == (grid.height, grid.width):
        found = lookup(dataset.transform, dataset.shape, grid)
    if found is None:
        pixels[:] = _warped(dataset, source, grid, pixels.shape, nothing)
        return
    _copy(pixels, dataset, source.band, *found, nothing)
    if source.nodata not in (None, nothing):
        pixels[pixels == source.nodata] = nothing


def _copy(
    pixels: Pixels,
    dataset: DatasetReader,
    band: int,
    rows: AxisLookup,
    cols: AxisLookup,
    nothing: float,
) -> None:
    """Pixels of a band by row and column, without resampling by GDAL."""
    target = pixels[rows.covered, cols.covered]
    if target.size < pixels.size:
        pixels[:] = nothing
    if not target.size:
        return
    (top, bottom), (left, right) = rows.span, cols.span
    window = Window(left, top, right - left, bottom - top)
    if rows.is_one_to_one and cols.is_one_to_one and target.size == pixels.size:
        dataset.read(band, window=window, out=pixels[:])  # one that fails leaves `out` reshaped
        return
    part = dataset.read(band, window=window)
    target[:] = part[:, cols.sources - left][rows.sources - top]


def _epsg(dataset: DatasetReader) -> int | None:
    return dataset.crs.to_epsg() if dataset.crs else None


def _warped(
    dataset: DatasetReader,
    source: BandSource,
    grid: Grid,
    shape: tuple[int, ...],
    nothing: float,
) -> Pixels:
    with WarpedVRT(
        dataset,
        crs=f"EPSG:{grid.epsg}",
        transform=grid.transform,
        width=grid.width,
        height=grid.height,
        resampling=Resampling.nearest,
        src_nodata=source.nodata,
        nodata=nothing,
        dtype="float32" if np.isnan(nothing) else None,  # whole numbers have no NaN
        tolerance=_TOLERANCE_PX,
    ) as view:
        pixels: Pixels = view.read(source.band, out_shape=shape)
        return pixels
