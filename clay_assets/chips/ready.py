"""Chips that exist already: kept where they are, or rewritten where they break the contract."""

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from pyproj import Transformer

from clay_assets import __version__, progress
from clay_assets.bands import BAND_NAMES, SENTINEL1_BANDS
from clay_assets.chips.file import Chip, hash_chip, read_chip_bytes, write_chip
from clay_assets.chips.geotiff import SquareRaster, decode_square
from clay_assets.chips.journal import Cut, Journal
from clay_assets.chips.manifest import ChipRow
from clay_assets.chips.quality import judge
from clay_assets.ingest.grid import metres_per_unit
from clay_assets.ingest.recipe import PlannedChip, Recipe
from clay_assets.store import Store

_PART_CHIPS = 32
"""Chips between two entries of the journal."""


@dataclass(frozen=True)
class ReadyChips:
    """Takes in the ready chips of one date."""

    store: Store
    """Where those go that must be rewritten."""
    recipe: Recipe
    """Of the tile."""
    chips: Sequence[PlannedChip]
    """Of the date."""
    run_id: str
    """Kept in each chip that is rewritten."""

    def take(self, journal: Journal) -> Cut:
        """Look at every chip, save what the journal has already.

        Raises:
            ChipError: a file breaks the chip contract.
            StoreError: a file cannot be read or written.
        """
        starts = range(0, len(self.chips), _PART_CHIPS)
        total = Cut()
        step = f"Looking at chips of {self.recipe.mgrs}, {journal.date}"
        with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
            for start in progress.track(starts, step, len(starts)):
                batch = self.chips[start : start + _PART_CHIPS]
                part = f"{start + 1:06d}-{start + len(batch):06d}"
                cut = journal.read(part)
                if cut is None:
                    cut = Cut(tuple(pool.map(self._take, batch)))
                    journal.write(part, cut)
                total += cut
        return total

    def _take(self, planned: PlannedChip) -> ChipRow:
        raster = decode_square(read_chip_bytes(self.store, planned.href), planned.href)
        chip, conforms = conforming(planned, raster)
        path = planned.href
        if not conforms:
            path = f"chips/{self.recipe.mgrs}/{chip.date}/{chip.chip_id}.tif"
            tags = {"source": planned.href, "run_id": self.run_id, "package_version": __version__}
            write_chip(self.store, path, replace(chip, tags=chip.tags | tags))
        size = chip.pixels.shape[1]
        west, _, east, north = chip.bounds
        row, col = self._row_and_col(west, north, chip.epsg)
        return ChipRow(
            chip_id=chip.chip_id,
            mgrs=self.recipe.mgrs,
            date=chip.date,
            number=planned.name.number,
            row=row,
            col=col,
            path=path,
            epsg=chip.epsg,
            bounds=chip.bounds,
            gsd_m=(east - west) / size * metres_per_unit(chip.epsg),
            chip_size=size,
            bands=chip.bands,
            cloud_share=None,
            nodata_share=judge(chip.pixels, chip.bands).nodata_share,
            scenes=(),
            content_hash=hash_chip(chip),
        )

    def _row_and_col(self, west: float, north: float, epsg: int) -> tuple[int, int]:
        """Pixel of the tile's grid at a chip's corner; Clay's chips lie half a pixel north-west."""
        grid = self.recipe.grid
        if epsg != grid.epsg:
            # always_xy: otherwise PROJ gives lat, lon
            west, north = Transformer.from_crs(epsg, grid.epsg, always_xy=True).transform(
                west, north
            )
        row, col = (grid.north - north) / grid.pixel_size, (west - grid.west) / grid.pixel_size
        return math.floor(row + 0.5), math.floor(col + 0.5)


def conforming(planned: PlannedChip, raster: SquareRaster) -> tuple[Chip, bool]:
    """A ready chip as the chip contract asks, and whether its file is so already.

    Bands are put in order. Sentinel-1 in decibels, told by values that are mostly negative, becomes
    linear power.
    """
    bands = tuple(band for band in BAND_NAMES if band in planned.bands)
    pixels = raster.pixels[[planned.bands.index(band) for band in bands]]
    conforms = bands == planned.bands and raster.tags.get("date") == planned.name.date
    for index, band in enumerate(bands):
        if band in SENTINEL1_BANDS and np.median(pixels[index]) < 0:
            pixels[index] = 10 ** (pixels[index] / 10)
            conforms = False
    tags = {key: value for key, value in raster.tags.items() if key != "AREA_OR_POINT"}
    date, name = planned.name.date, str(planned.name)
    return Chip(name, pixels, bands, date, raster.epsg, raster.bounds, tags), conforms
