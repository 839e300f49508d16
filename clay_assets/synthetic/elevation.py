"""The digital elevation model as Copernicus GLO-30 has it: one second of arc, by whole degrees."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from affine import Affine
from pyproj import Transformer

from clay_assets.mgrs import tile_box
from clay_assets.synthetic.area import PIXEL_M, Area
from clay_assets.synthetic.landform import landform_of
from clay_assets.synthetic.noise import Floats, Window
from clay_assets.synthetic.world import world_of

PER_DEGREE = 3600
MARGIN_PX = 8


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
        """Pixel to degrees; pixel centres lie on whole seconds, as in GLO-30."""
        step = 1 / PER_DEGREE
        return Affine(
            step,
            0,
            self.west + (self.window.x - 0.5) * step,
            0,
            -step,
            self.south + 1 - (self.window.y - 0.5) * step,
        )


def dem_cells(area: Area) -> Iterator[DemCell]:
    """Degree cells under an area, each cut to what it needs and a margin."""
    transformer = Transformer.from_crs(area.epsg, 4326, always_xy=True)
    bounds = transformer.transform_bounds(*area.bounds, densify_pts=21)
    west, south, east, north = bounds
    for lat in range(math.floor(south), math.floor(north) + 1):
        for lon in range(math.floor(west), math.floor(east) + 1):
            x0 = max(0, round((west - lon) * PER_DEGREE) - MARGIN_PX)
            x1 = min(PER_DEGREE, round((east - lon) * PER_DEGREE) + MARGIN_PX)
            y0 = max(0, round((lat + 1 - north) * PER_DEGREE) - MARGIN_PX)
            y1 = min(PER_DEGREE, round((lat + 1 - south) * PER_DEGREE) + MARGIN_PX)
            yield DemCell(lat, lon, Window(x0, y0, x1 - x0, y1 - y0))


def render_dem(area: Area, cell: DemCell, block: Window) -> Floats:
    """Heights of `block`, columns and rows of the cell's window."""
    columns = np.arange(block.x, block.x + block.width) + 0.5
    rows = np.arange(block.y, block.y + block.height) + 0.5
    lon, lat = np.meshgrid(columns, rows)
    transform = cell.transform
    lon, lat = transform.c + lon * transform.a, transform.f + lat * transform.e
    transformer = Transformer.from_crs(4326, area.epsg, always_xy=True)
    x, y = transformer.transform(lon, lat)
    box = tile_box(area.tile)
    x, y = (x - box.west) / PIXEL_M - 0.5, (box.north - y) / PIXEL_M - 0.5
    x0, y0 = math.floor(x.min()), math.floor(y.min())
    window = Window(x0, y0, math.floor(x.max()) - x0 + 2, math.floor(y.max()) - y0 + 2)
    height = landform_of(world_of(area.tile, area.seed), window).height_m
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    fx, fy = (x - column).astype(np.float32), (y - row).astype(np.float32)
    column, row = column - x0, row - y0
    top = height[row, column] * (1 - fx) + height[row, column + 1] * fx
    bottom = height[row + 1, column] * (1 - fx) + height[row + 1, column + 1] * fx
    heights: Floats = (top * (1 - fy) + bottom * fy).astype(np.float32)
    return heights
