"""Aligned pixels of a recipe: windows of a date, and a small picture of the whole."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio

from clay_assets.errors import InvalidValueError
from clay_assets.ingest.collection_table import SCL, SENSOR_BANDS
from clay_assets.ingest.raster_files import BandSource
from clay_assets.ingest.rasters import RasterReader
from clay_assets.ingest.recipe import Recipe, read_recipe
from clay_assets.store import Store

RGB = ("B04", "B03", "B02")
_THREADS = min(16, 4 * (os.cpu_count() or 1))  # mostly waiting for the network
_LEAST_CACHE, _MOST_CACHE = 1 << 26, 1 << 30  # bytes
_DTYPES = dict.fromkeys(SENSOR_BANDS["optical"], "uint16") | {SCL: "uint8"}


@dataclass(frozen=True)
class DateWindow:
    """Aligned pixels of one date."""

    pixels: npt.NDArray[np.float32]
    """(C, H, W) float32 in raw units; Sentinel-2 is 0 and the others NaN where there is nothing."""
    bands: tuple[str, ...]
    """Names of the C bands."""
    classes: npt.NDArray[np.uint8] | None
    """(H, W) Sentinel-2 scene classification; None when the scene has none."""


class DateReader:
    """The open files of one date; reads window after window."""

    def __init__(self, recipe: Recipe, date: str, pool: ThreadPoolExecutor) -> None:
        """Nothing is opened yet."""
        self._grid, self._bands, self._pool = recipe.grid, recipe.bands, pool
        self._readers = {
            band: RasterReader(sources, _DTYPES.get(band, "float32"))
            for band, sources in recipe.date_plan(date).sources.items()
        }

    def read(self, row: int, col: int, height: int, width: int) -> DateWindow:
        """The window that starts at a row and column of the tile's grid.

        Raises:
            ImageryError: a file cannot be read.
            InvalidValueError: the window is not within the tile.
        """
        whole = self._grid
        if min(row, col) < 0 or row + height > whole.height or col + width > whole.width:
            raise InvalidValueError(
                f"window must lie within the tile's {whole.height}x{whole.width} pixels, got "
                f"{height}x{width} at row {row}, column {col}"
            )
        grid = whole.window(row, col, height, width)
        pixels = np.empty((len(self._bands), height, width), np.float32)
        parts: dict[str, npt.NDArray[Any]] = dict(zip(self._bands, pixels, strict=True))
        classes = np.empty((height, width), np.uint8) if SCL in self._readers else None
        if classes is not None:
            parts[SCL] = classes
        reads = [
            self._pool.submit(self._readers[band].read_into, part, grid)
            for band, part in parts.items()
        ]
        for read in reads:
            read.result()
        return DateWindow(pixels, self._bands, classes)

    @contextmanager
    def remembering(self, height: int) -> Iterator[None]:
        """Read strips of so many rows, one below the other, and decode each block of a file once.

        What a strip leaves of its blocks is kept for the next one; where that takes more than 1 GiB
        some are decoded again.

        Raises:
            ImageryError: a file cannot be opened.
        """
        strip = self._grid.window(0, 0, height, self._grid.width)
        needs = self._pool.map(lambda reader: reader.strip_bytes(strip), self._readers.values())
        with rasterio.Env(GDAL_CACHEMAX=min(max(sum(needs), _LEAST_CACHE), _MOST_CACHE)):
            yield

    def close(self) -> None:
        """Close the files."""
        for reader in self._readers.values():
            reader.close()


@contextmanager
def open_date(recipe: Recipe, date: str) -> Iterator[DateReader]:
    """The files of one date, bands read side by side, closed at the end.

    Raises:
        NotFoundError: the recipe has no such date.
    """
    pool = ThreadPoolExecutor(_THREADS)
    reader = DateReader(recipe, date, pool)
    try:
        yield reader
    finally:
        pool.shutdown(cancel_futures=True)  # GDAL crashes when a file is closed while it is read
        reader.close()


def read_window(
    recipe: Recipe, date: str, row: int, col: int, height: int, width: int
) -> DateWindow:
    """One window of one date; for many, use `open_date`.

    Raises:
        ImageryError: a file cannot be read.
        InvalidValueError: the window is not within the tile.
        NotFoundError: the recipe has no such date.
    """
    with open_date(recipe, date) as reader:
        return reader.read(row, col, height, width)


def read_overview(
    store: Store, tile: str, date: str | None = None, *, max_px: int = 512
) -> npt.NDArray[np.float32]:
    """A small true-colour view of what is wanted of a tile.

    Args:
        store: where the recipe lies.
        tile: MGRS tile id.
        date: one of the recipe's; None for the first.
        max_px: longest side of the view.

    Returns:
        (3, H, W) float32 red, green, blue in digital numbers; 0 where there is nothing.

    Raises:
        ImageryError: a file cannot be read.
        NotFoundError: the tile has no recipe, or the recipe no such date.
    """
    recipe = read_recipe(store, tile)
    date = date or recipe.days[0]
    window = recipe.window
    area = recipe.grid.window(window.row, window.col, window.height, window.width)
    small = area.coarser(max_px)

    def read(sources: Sequence[BandSource]) -> npt.NDArray[Any]:
        with closing(RasterReader(sources, "float32")) as reader:
            return reader.read(area, (small.height, small.width))

    with ThreadPoolExecutor(len(RGB)) as pool:
        view: npt.NDArray[np.float32] = np.stack(list(pool.map(read, _colours(recipe, date))))
    view[np.isnan(view)] = 0
    return view


def _colours(recipe: Recipe, date: str) -> list[tuple[BandSource, ...]]:
    """Sources of red, green and blue: a date's scenes or its ready chips."""
    if recipe.dates:
        return [recipe.date_plan(date).sources[band] for band in RGB]
    chips = [chip for chip in recipe.chips if chip.name.date == date]
    return [
        tuple(BandSource(chip.href, chip.etag, chip.bands.index(band) + 1, 0) for chip in chips)
        for band in RGB
    ]
