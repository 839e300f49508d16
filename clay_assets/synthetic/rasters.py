"""Cloud-optimised GeoTIFFs written block by block; a file appears whole or not at all."""

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio.io import DatasetWriter

from clay_assets import __version__
from clay_assets.store import PARTIAL_SUFFIX

COG_BLOCK_PX = 512


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
def writing_cogs(specs: Mapping[Path, RasterSpec]) -> Iterator[dict[Path, DatasetWriter]]:
    """Open plain tiled files to fill block by block; all become COGs when the block ends well."""
    partial = {path: path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}") for path in specs}
    try:
        with ExitStack() as stack:
            yield {
                path: stack.enter_context(_open(partial[path], spec))
                for path, spec in specs.items()
            }
        for path, spec in specs.items():
            _publish(partial[path], path, spec)
            partial[path].unlink()
    finally:
        for path in partial.values():
            path.unlink(missing_ok=True)


def write_block(dataset: DatasetWriter, values: NDArray[np.generic], x: int, y: int) -> None:
    """Write one rectangle of a file's only band."""
    height, width = values.shape
    window = rasterio.windows.Window(x, y, width, height)
    dataset.write(values.astype(dataset.dtypes[0], copy=False), 1, window=window)


def _open(path: Path, spec: RasterSpec) -> DatasetWriter:
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset = rasterio.open(
        path,
        "w",
        driver="GTiff",
        crs=f"EPSG:{spec.epsg}",
        transform=spec.transform,
        width=spec.width,
        height=spec.height,
        count=1,
        dtype=spec.dtype,
        nodata=spec.nodata,
        tiled=True,
        blockxsize=COG_BLOCK_PX,
        blockysize=COG_BLOCK_PX,
        BIGTIFF="IF_SAFER",
    )
    dataset.set_band_description(1, spec.description)
    dataset.update_tags(synthetic="true", software=f"clay_assets {__version__}", **spec.tags)
    if spec.colours:
        dataset.write_colormap(1, dict(spec.colours))
    return dataset


def _publish(source: Path, path: Path, spec: RasterSpec) -> None:
    target = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{PARTIAL_SUFFIX}")
    try:
        rasterio.shutil.copy(
            source,
            target,
            driver="COG",
            compress="ZSTD",
            level=1,
            predictor="YES",
            blocksize=COG_BLOCK_PX,
            overview_resampling=spec.overview_resampling,
            num_threads=2,
        )
        os.replace(target, path)
    finally:
        target.unlink(missing_ok=True)
