"""The pixel grid of a tile: plain arithmetic, nothing assumed about its size or origin."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
import shapely.geometry
from affine import Affine
from pyproj import CRS, Transformer

from clay_assets.errors import InvalidValueError
from clay_assets.ingest.antimeridian import cut_at_antimeridian

_DEGREES_BETWEEN_POINTS = 0.1
_EARTH_RADIUS_M = 6_378_137.0


@dataclass(frozen=True)
class Grid:
    """A north-up grid of square pixels."""

    epsg: int
    """EPSG code of its CRS."""
    west: float
    """Left edge of the first column, in CRS units."""
    north: float
    """Upper edge of the first row, in CRS units."""
    pixel_size: float
    """Side of a pixel in CRS units; metres in UTM."""
    width: int
    """Columns."""
    height: int
    """Rows."""

    @property
    def transform(self) -> Affine:
        """From (column, row) to (x, y)."""
        return Affine(self.pixel_size, 0, self.west, 0, -self.pixel_size, self.north)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north in CRS units."""
        east = self.west + self.width * self.pixel_size
        return self.west, self.north - self.height * self.pixel_size, east, self.north

    @property
    def gsd_m(self) -> float:
        """Side of a pixel on the ground in metres; of a grid in degrees, from north to south."""
        return self.pixel_size * metres_per_unit(self.epsg)

    def window(self, row: int, col: int, height: int, width: int) -> "Grid":
        """The part that starts at a row and column."""
        return replace(
            self,
            west=self.west + col * self.pixel_size,
            north=self.north - row * self.pixel_size,
            width=width,
            height=height,
        )

    def coarser(self, max_px: int) -> "Grid":
        """The same area, give or take a pixel, in pixels so large that no side has over `max_px`.

        >>> Grid(32629, 0, 0, 10, 1098, 549).coarser(549)
        Grid(epsg=32629, west=0, north=0, pixel_size=20.0, width=549, height=274)
        """
        factor = max(self.width, self.height) / max_px
        if factor <= 1:
            return self
        return replace(
            self,
            pixel_size=self.pixel_size * factor,
            width=max(1, round(self.width / factor)),
            height=max(1, round(self.height / factor)),
        )


@dataclass(frozen=True)
class PixelWindow:
    """A part of a grid in pixels."""

    row: int
    """First row."""
    col: int
    """First column."""
    height: int
    """Rows."""
    width: int
    """Columns."""


def window_of_subset(grid: Grid, subset: tuple[int, int, int, int] | None) -> PixelWindow:
    """The window of pixels x0, y0, x1, y1, the last two excluded; None means all.

    Raises:
        InvalidValueError: the subset is empty or not within the grid.
    """
    if subset is None:
        return PixelWindow(0, 0, grid.height, grid.width)
    x0, y0, x1, y1 = subset
    if not (0 <= x0 < x1 <= grid.width and 0 <= y0 < y1 <= grid.height):
        raise InvalidValueError(
            f"subset must be x0,y0,x1,y1 within the tile's {grid.width}x{grid.height} pixels with "
            f"x0 < x1 and y0 < y1, got {x0},{y0},{x1},{y1}"
        )
    return PixelWindow(y0, x0, y1 - y0, x1 - x0)


def footprint_on_grid(geometry: dict[str, Any], grid: Grid) -> shapely.Geometry:
    """A STAC item's geometry in the grid's CRS; empty where it lies out of the CRS's reach.

    In the tile's own CRS the antimeridian is no edge.
    """
    # always_xy: otherwise PROJ gives lat, lon
    transformer = Transformer.from_crs("OGC:CRS84", grid.epsg, always_xy=True)
    whole = cut_at_antimeridian(shapely.geometry.shape(geometry))
    outline = shapely.segmentize(whole, _DEGREES_BETWEEN_POINTS)
    moved = shapely.transform(outline, transformer.transform, interleaved=False)
    if not np.isfinite(shapely.get_coordinates(moved)).all():
        return shapely.Polygon()
    return shapely.make_valid(moved)


@lru_cache(maxsize=128)
def metres_per_unit(epsg: int) -> float:
    """Metres in one unit of a CRS; of a degree, along the meridian.

    >>> metres_per_unit(32629), round(metres_per_unit(4326))
    (1.0, 111319)
    """
    crs = CRS.from_epsg(epsg)
    factor = float(crs.axis_info[0].unit_conversion_factor)
    return factor * _EARTH_RADIUS_M if crs.is_geographic else factor
