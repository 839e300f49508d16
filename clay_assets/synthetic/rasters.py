"""Cloud-optimised GeoTIFFs written block by block; a file appears whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio.io import DatasetWriter

from clay_assets import __version__, progress

COG_BLOCK_PX = 512
_SCRATCH = ".partial-"


@dataclass(frozen=True)
class RasterSpec:
    """Grid and kind of one file."""

    epsg: int
    """EPSG code of the grid."""
    transform: Affine
    """Pixel to ground."""
    width: int
    """Columns."""
    height: int
    """Rows."""
    dtype: str
    """Of its one band."""
    nodata: float | None
    """Value without meaning, None if every pixel has one."""
    description: str
    """Name of its one band."""
    overview_resampling: str
    """How overviews are made, `average` or, for classes, `mode`."""
    colours: Mapping[int, tuple[int, int, int]] | None = None
    """Colour of each class."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """More about the file than every file says."""


@contextmanager
def scratch_folder(root: Path) -> Iterator[Path]:
    """A folder for half-made files, removed at the end; so are those of processes that died."""
    root.mkdir(parents=True, exist_ok=True)
    for left in root.glob(f"{_SCRATCH}*"):
        if not psutil.pid_exists(int(left.name.removeprefix(_SCRATCH).partition("-")[0])):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{_SCRATCH}{os.getpid()}-", dir=root))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def writing_cogs(
    rasters: Mapping[Path, RasterSpec], scratch: Path
) -> Iterator[dict[Path, DatasetWriter]]:
    """Open plain tiled files to fill block by block; all become COGs when the block ends well.

    Args:
        rasters: final path of each file, and what it is.
        scratch: folder on the same disk for half-made files.
    """
    plain = {path: scratch / f"{index}.tif" for index, path in enumerate(rasters)}
    with ExitStack() as stack:
        yield {
            path: stack.enter_context(_open(plain[path], raster))
            for path, raster in rasters.items()
        }
    step = "Writing cloud-optimised files"
    for path, raster in progress.track(rasters.items(), step, len(rasters)):
        _publish(plain[path], path, raster)
        plain[path].unlink()


def write_block(dataset: DatasetWriter, values: NDArray[np.generic], x: int, y: int) -> None:
    """Write one rectangle of a file's only band."""
    height, width = values.shape
    window = rasterio.windows.Window(x, y, width, height)
    dataset.write(values.astype(dataset.dtypes[0], copy=False), 1, window=window)


def _open(path: Path, raster: RasterSpec) -> DatasetWriter:
    dataset = rasterio.open(
        path,
        "w",
        driver="GTiff",
        crs=f"EPSG:{raster.epsg}",
        transform=raster.transform,
        width=raster.width,
        height=raster.height,
        count=1,
        dtype=raster.dtype,
        nodata=raster.nodata,
        tiled=True,
        blockxsize=COG_BLOCK_PX,
        blockysize=COG_BLOCK_PX,
        BIGTIFF="IF_SAFER",
    )
    dataset.set_band_description(1, raster.description)
    dataset.update_tags(synthetic="true", software=f"clay_assets {__version__}", **raster.tags)
    if raster.colours:
        dataset.write_colormap(1, dict(raster.colours))
    return dataset


def _publish(plain: Path, path: Path, raster: RasterSpec) -> None:
    whole = plain.with_suffix(".cog.tif")
    rasterio.shutil.copy(
        plain,
        whole,
        driver="COG",
        compress="ZSTD",
        level=1,
        predictor="YES",
        blocksize=COG_BLOCK_PX,
        overview_resampling=raster.overview_resampling,
        num_threads=2,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    os.replace(whole, path)
