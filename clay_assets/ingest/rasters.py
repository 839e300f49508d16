"""Windows of raster files on any grid."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT

from clay_assets.errors import ImageryError
from clay_assets.ingest.grid import Grid
from clay_assets.ingest.raster_files import BandSource, open_raster, unreadable_raster
from clay_assets.store import gdal_options

# In source pixels: GDAL approximates the way between two CRS. An exact one takes twice as long.
_TOLERANCE_PX = 1e-5


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
            self._datasets = [open_raster(source.href) for source in self._sources]
        nothing = np.nan if self._dtype == "float32" else 0
        mosaic = np.full(shape or (grid.height, grid.width), nothing, self._dtype)
        for source, dataset in zip(self._sources, self._datasets, strict=True):
            empty = np.isnan(mosaic) if self._dtype == "float32" else mosaic == 0
            if not empty.any():
                break
            pixels = _warped(dataset, source, grid, mosaic.shape, nothing)
            np.copyto(mosaic, source.converted(pixels, self._dtype), where=empty)
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
        raise ImageryError(unreadable_raster(source.href, error)) from error
