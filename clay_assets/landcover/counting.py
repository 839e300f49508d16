"""Counts the classes of each tile in one WorldCover file.

A tile's window is the bounds of its outline in longitude and latitude, as in Clay's script: not the
outline itself, so that a draw equals Clay's. It holds some of the neighbours' ground as well, the
more the further a tile lies from the middle of its UTM zone; shares of classes hardly mind.

A pixel belongs to the windows that hold its centre, western and northern edge included, so that
files side by side count every pixel once. Clay reads a window at its rounded size instead, which
may differ by a row and a column.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.windows import Window

from clay_assets.errors import ImageryError
from clay_assets.ingest.raster_files import unreadable_raster
from clay_assets.ingest.signing import signed
from clay_assets.landcover.classes import CODES
from clay_assets.landcover.tile_parts import TileParts, all_parts
from clay_assets.remote import gdal_options

FULL_RESOLUTION = -1
CLAY_OVERVIEW = 3
"""What Clay read: every 16th pixel of 10 m, 2,250 x 2,250 of a file."""
_STRIP_PIXELS = 16 << 20

Counts = dict[str, npt.NDArray[np.int64]]
"""Tile -> (11,) pixels of each class in the order of `CLASSES`."""
Pixels = npt.NDArray[np.uint8]


def count_classes(href: str, *, overview: int = CLAY_OVERVIEW) -> Counts:
    """Pixels of each class in every tile that a file touches; tiles without any left out.

    Memory holds a strip of 16 million pixels.

    Args:
        href: path or URL of a WorldCover file, or of a part of one.
        overview: index of the overview that is read, 0 for every second pixel; -1 for all pixels.

    Raises:
        ImageryError: it cannot be read, has no such overview or is not in degrees.
    """
    level = {} if overview == FULL_RESOLUTION else {"overview_level": overview}
    try:
        with (
            rasterio.Env(**gdal_options()),
            rasterio.open(signed(href), **level) as dataset,
        ):
            if dataset.crs is None or dataset.crs.to_epsg() != 4326:
                raise ImageryError(
                    f"{href} has CRS {dataset.crs}; WorldCover is in EPSG:4326: warp it with "
                    "`gdalwarp -t_srs EPSG:4326 -r near`"
                )
            return _count(dataset)
    except RasterioError as error:
        if "overview level" in str(error).lower():
            raise ImageryError(
                f"{href} has no overview {overview}; choose a lower one, or add it with "
                "`gdaladdo -r nearest FILE 2 4 8 16`"
            ) from error
        raise ImageryError(unreadable_raster(href, error)) from error


def _count(dataset: DatasetReader) -> Counts:
    parts = all_parts().touching(tuple(dataset.bounds))
    found = {str(tile): np.zeros(256, np.int64) for tile in parts.tiles}
    for first_row, pixels in _strips(dataset):
        strip = dataset.transform @ Affine.translation(0, first_row)
        for tile, rows, columns in _windows(parts, strip, pixels.shape):
            found[tile] += np.bincount(pixels[rows, columns].ravel(), minlength=256)
    counts = {tile: values[list(CODES)] for tile, values in found.items()}
    return {tile: values for tile, values in counts.items() if values.any()}


def _strips(dataset: DatasetReader) -> Iterator[tuple[int, Pixels]]:
    """First row and pixels of one strip after the other, whole blocks high."""
    block = dataset.block_shapes[0][0]
    height = max(block, _STRIP_PIXELS // dataset.width // block * block)
    for row in range(0, dataset.height, height):
        window = Window(0, row, dataset.width, min(height, dataset.height - row))
        yield row, dataset.read(1, window=window)


def _windows(
    parts: TileParts, transform: Affine, shape: tuple[int, ...]
) -> Iterator[tuple[str, slice, slice]]:
    """Tile, rows and columns of the pixels whose centres lie in a part, where there are any."""
    west, south, east, north = parts.boxes.T
    columns = [(x - transform.c) / transform.a - 0.5 for x in (west, east)]
    rows = [(y - transform.f) / transform.e - 0.5 for y in (north, south)]
    left, right = (np.clip(np.ceil(edge), 0, shape[1]).astype(int) for edge in columns)
    top, bottom = (np.clip(np.ceil(edge), 0, shape[0]).astype(int) for edge in rows)
    for index in np.flatnonzero((left < right) & (top < bottom)):
        yield (
            str(parts.tiles[index]),
            slice(top[index], bottom[index]),
            slice(left[index], right[index]),
        )
