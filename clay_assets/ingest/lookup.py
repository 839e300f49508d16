"""Which pixels of a raster lie under the pixels of a grid of the same CRS: plain arithmetic."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from affine import Affine

from clay_assets.ingest.grid import Grid

# In source pixels. A middle right on an edge belongs to the pixel after it, as in GDAL; without
# this, rounding would choose for each window anew.
_EDGE_PX = 1e-6


@dataclass(frozen=True)
class AxisLookup:
    """Source pixels along one axis, those of a grid that lie within the source."""

    first: int
    """First pixel of the grid that has a source pixel."""
    sources: npt.NDArray[np.intp]
    """Source pixel of it and of each one after it, as far as there are."""

    @property
    def covered(self) -> slice:
        """Pixels of the grid that have a source pixel."""
        return slice(self.first, self.first + len(self.sources))

    @property
    def span(self) -> tuple[int, int]:
        """First source pixel, and the one after the last."""
        return int(self.sources[0]), int(self.sources[-1]) + 1

    @property
    def is_one_to_one(self) -> bool:
        """Whether each source pixel is taken once."""
        start, stop = self.span
        return stop - start == len(self.sources)


def lookup(
    transform: Affine, shape: tuple[int, int], grid: Grid
) -> tuple[AxisLookup, AxisLookup] | None:
    """Nearest pixels of a raster in the grid's CRS for each row and each column of the grid.

    Args:
        transform: of the raster.
        shape: its (H, W).
        grid: pixels that are looked for.

    Returns:
        Rows and columns; None when they cannot be told apart or the raster's pixels are smaller:
        it is rotated, south-up or finer than the grid.
    """
    finer = (1 - _EDGE_PX) * grid.pixel_size
    if transform.b or transform.d or transform.a < finer or -transform.e < finer:
        return None
    rows = _along(grid.north, -grid.pixel_size, grid.height, transform.f, transform.e, shape[0])
    cols = _along(grid.west, grid.pixel_size, grid.width, transform.c, transform.a, shape[1])
    return rows, cols


def _along(
    edge: float, pixel: float, count: int, source_edge: float, source_pixel: float, length: int
) -> AxisLookup:
    middles = (edge - source_edge) / source_pixel + (np.arange(count) + 0.5) * (
        pixel / source_pixel
    )
    sources = np.floor(middles + _EDGE_PX).astype(np.intp)
    first, after_last = np.searchsorted(sources, (0, length))
    return AxisLookup(int(first), sources[first:after_last])
