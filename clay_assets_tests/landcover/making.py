"""Tiny WorldCover files: cells of a few hundred pixels in place of 36,000."""

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import Resampling

from clay_assets.landcover.cover_files import FILE_NAME

SIDE = 300  # pixels of a cell of 3 x 3 degrees


def corner(cell: str) -> tuple[int, int]:
    """West and south of a cell named like N00E006."""
    south = int(cell[1:3]) * (1 if cell[0] == "N" else -1)
    return int(cell[4:7]) * (1 if cell[3] == "E" else -1), south


def write_cell(
    folder: Path, cell: str, pixels: np.ndarray | int, *, overviews=(), epsg=4326, name=FILE_NAME
) -> Path:
    """A cell of square pixels; of one class all over when `pixels` is a number."""
    if isinstance(pixels, int):
        pixels = np.full((SIDE, SIDE), pixels, np.uint8)
    west, south = corner(cell)
    pixel = 3 / pixels.shape[1]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name.replace("{cell}", cell)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        dtype="uint8",
        count=1,
        width=pixels.shape[1],
        height=pixels.shape[0],
        nodata=0,
        crs=f"EPSG:{epsg}",
        transform=Affine(pixel, 0, west, 0, -pixel, south + pixel * pixels.shape[0]),
    ) as dataset:
        dataset.write(pixels, 1)
        if overviews:
            dataset.build_overviews(overviews, Resampling.nearest)
    return path
