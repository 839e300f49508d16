"""The digital elevation model as Copernicus GLO-30 has it: about 30 m, cut by whole degrees."""

import math
from dataclasses import dataclass
from itertools import product

import numpy as np
from affine import Affine
from pyproj import Transformer

from clay_assets.mgrs import tile_box
from clay_assets.synthetic.area import PIXEL_M, Area
from clay_assets.synthetic.landform import landform_of
from clay_assets.synthetic.noise import Floats, Window
from clay_assets.synthetic.world import world_of

ROWS_PER_DEGREE = 3600
MARGIN_PX = 8
_COLUMNS_BELOW_LAT = ((50, 3600), (60, 2400), (70, 1800), (80, 1200), (85, 720), (90, 360))
"""Latitude -> columns a degree of cells nearer to the equator. Source: Copernicus DEM handbook."""


@dataclass(frozen=True)
class DemCell:
    """The part of one degree cell that an area needs."""

    south: int
    """Whole degree of latitude of its lower edge."""
    west: int
    """Whole degree of longitude of its left edge."""
    window: Window
    """Columns east of the cell's left edge and rows south of its upper edge."""

    @property
    def name(self) -> str:
        """As Copernicus names the cell."""
        latitude = f"{'N' if self.south >= 0 else 'S'}{abs(self.south):02d}"
        longitude = f"{'E' if self.west >= 0 else 'W'}{abs(self.west):03d}"
        return f"Copernicus_DSM_COG_10_{latitude}_00_{longitude}_00_DEM"

    @property
    def transform(self) -> Affine:
        """Pixel to degrees; the first pixel's centre is the cell's corner, as in GLO-30."""
        right, down = 1 / columns_per_degree(self.south), 1 / ROWS_PER_DEGREE
        west = self.west + (self.window.x - 0.5) * right
        north = self.south + 1 - (self.window.y - 0.5) * down
        return Affine(right, 0, west, 0, -down, north)


def columns_per_degree(south: int) -> int:
    """Columns of a cell by the latitude of its lower edge.

    >>> columns_per_degree(49), columns_per_degree(50), columns_per_degree(-50)
    (3600, 2400, 3600)
    """
    nearest = south if south >= 0 else -south - 1
    return next(columns for lat, columns in _COLUMNS_BELOW_LAT if nearest < lat)


def dem_cells(area: Area) -> list[DemCell]:
    """Degree cells under an area, each cut to what it needs and a margin."""
    transformer = Transformer.from_crs(area.epsg, 4326, always_xy=True)
    west, south, east, north = transformer.transform_bounds(*area.bounds, densify_pts=21)
    lats = range(math.floor(south), math.floor(north) + 1)
    lons = range(math.floor(west), math.floor(east) + 1)
    cells = []
    for lat, lon in product(lats, lons):
        columns = columns_per_degree(lat)
        x0, x1 = _pixels((west - lon) * columns, (east - lon) * columns, columns)
        top, bottom = (lat + 1 - north) * ROWS_PER_DEGREE, (lat + 1 - south) * ROWS_PER_DEGREE
        y0, y1 = _pixels(top, bottom, ROWS_PER_DEGREE)
        cells.append(DemCell(lat, lon, Window(x0, y0, x1 - x0, y1 - y0)))
    return cells


def render_dem(area: Area, cell: DemCell, block: Window) -> Floats:
    """Heights in metres of `block`, columns and rows of the cell's window.

    Bare ground and water: no trees or houses, unlike the original.
    """
    columns = np.arange(block.x, block.x + block.width) + 0.5
    rows = np.arange(block.y, block.y + block.height) + 0.5
    transform = cell.transform
    lon, lat = np.meshgrid(transform.c + columns * transform.a, transform.f + rows * transform.e)
    east, north = Transformer.from_crs(4326, area.epsg, always_xy=True).transform(lon, lat)
    box = tile_box(area.tile)
    x, y = (east - box.west) / PIXEL_M - 0.5, (box.north - north) / PIXEL_M - 0.5
    left, top = math.floor(x.min()), math.floor(y.min())
    window = Window(left, top, math.floor(x.max()) - left + 2, math.floor(y.max()) - top + 2)
    height = landform_of(world_of(area.tile, area.seed), window).height_m
    return _bilinear(height, x - left, y - top)


def _pixels(first: float, last: float, count: int) -> tuple[int, int]:
    return max(0, math.floor(first) - MARGIN_PX), min(count, math.ceil(last) + MARGIN_PX)


def _bilinear(values: Floats, x: Floats, y: Floats) -> Floats:
    column, row = np.floor(x).astype(np.intp), np.floor(y).astype(np.intp)
    right, down = (x - column).astype(np.float32), (y - row).astype(np.float32)
    upper = values[row, column] * (1 - right) + values[row, column + 1] * right
    lower = values[row + 1, column] * (1 - right) + values[row + 1, column + 1] * right
    between: Floats = upper * (1 - down) + lower * down
    return between
