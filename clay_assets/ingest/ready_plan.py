"""The recipe of a tile whose chips exist already."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from datetime import UTC, datetime
from datetime import date as Date
from pathlib import Path

import numpy as np
import pystac
import shapely.geometry
from rasterio.warp import transform_bounds

from clay_assets import __version__
from clay_assets.bands import BAND_NAMES
from clay_assets.errors import ImageryError
from clay_assets.ingest.chip_names import ChipName, parse_chip_name
from clay_assets.ingest.dates import DateRange
from clay_assets.ingest.footprint import footprint_wgs84
from clay_assets.ingest.grid import Grid, PixelWindow
from clay_assets.ingest.imagery import TileImagery
from clay_assets.ingest.raster_files import RasterHeader, read_header
from clay_assets.ingest.ready_chips import ReadyChip
from clay_assets.ingest.recipe import PlannedChip, Recipe
from clay_assets.mgrs import TILE_SIDE_M, tile_box
from clay_assets.provenance import fingerprint

_OPEN_AT_ONCE = 16
_NEEDED = ("B02", "B03", "B04")


def plan_chips(
    imagery: TileImagery, ranges: Sequence[DateRange], *, inputs: str, run_id: str
) -> tuple[Recipe, list[pystac.Item]]:
    """The recipe of ready chips, and a STAC item for each.

    Args:
        imagery: with chips.
        ranges: only chips of these dates are taken; one single day also dates those that have no
            date themselves.
        inputs: fingerprint of what the recipe is made from.
        run_id: kept in the recipe.

    Raises:
        ImageryError: a file cannot be opened, has no date or other bands, or two have the same
            name.
    """
    with ThreadPoolExecutor(_OPEN_AT_ONCE) as pool:
        headers = list(pool.map(lambda chip: read_header(chip.href), imagery.chips))
    planned: dict[str, PlannedChip] = {}
    items: list[pystac.Item] = []
    for count, (chip, header) in enumerate(zip(imagery.chips, headers, strict=True), start=1):
        name = _named(chip, header, imagery.mgrs, count, ranges)
        if ranges and not any(Date.fromisoformat(name.date) in range_ for range_ in ranges):
            continue
        if str(name) in planned:
            raise ImageryError(
                f"{chip.href} and {planned[str(name)].href} are both called {name}; rename one"
            )
        planned[str(name)] = PlannedChip(name, chip.href, chip.etag, _bands(chip, header))
        items.append(_item(str(name), name.date, chip, header))
    if not planned:
        raise ImageryError(
            f"no chip of tile {imagery.mgrs} in {imagery.location} is of "
            f"{', '.join(map(str, ranges))}; choose other dates"
        )
    chips = tuple(sorted(planned.values(), key=lambda chip: str(chip.name)))
    grids = [header.grid for header in headers]
    return _recipe(imagery, chips, grids, inputs, run_id), items


def _named(
    chip: ReadyChip, header: RasterHeader, tile: str, count: int, ranges: Sequence[DateRange]
) -> ChipName:
    """The chip's own name, or one made from its date and its place in the list."""
    name = parse_chip_name(Path(chip.href).stem)
    if header.date is not None:
        return replace(name or ChipName(tile, "", count), date=_checked(header.date, chip.href))
    if name:
        return name
    if len(ranges) == 1 and ranges[0].first == ranges[0].last:
        return ChipName(tile, str(ranges[0].first), count)
    raise ImageryError(
        f"{chip.href} has no tag `date`; a chip has one: pass --dates YYYY-MM-DD, one day, or set "
        "it with `gdal_edit.py -mo date=YYYY-MM-DD FILE`"
    )


def _bands(chip: ReadyChip, header: RasterHeader) -> tuple[str, ...]:
    """Names of its bands; thirteen without names are Clay's."""
    bands = header.descriptions
    if not any(bands) and len(bands) == len(BAND_NAMES):
        return BAND_NAMES
    if len(set(bands)) < len(bands) or not set(_NEEDED) <= set(bands) <= set(BAND_NAMES):
        raise ImageryError(
            f"{chip.href} has {len(bands)} bands ({', '.join(text or 'unnamed' for text in bands)}"
            f"); a chip has {', '.join(BAND_NAMES)}, or some of them with B02, B03 and B04, named "
            "in the band descriptions"
        )
    return bands


def _checked(date: str, href: str) -> str:
    try:
        return Date.fromisoformat(date).isoformat()
    except ValueError as error:
        raise ImageryError(f"{href} has the tag date={date!r}; expected YYYY-MM-DD") from error


def _item(name: str, date: str, chip: ReadyChip, header: RasterHeader) -> pystac.Item:
    footprint = footprint_wgs84(header.grid.bounds, header.grid.epsg)
    day = Date.fromisoformat(date)
    return pystac.Item(
        name,
        geometry=shapely.geometry.mapping(footprint),
        bbox=list(footprint.bounds),
        datetime=datetime(day.year, day.month, day.day, tzinfo=UTC),
        properties={"proj:code": f"EPSG:{header.grid.epsg}"},
        assets={"chip": pystac.Asset(chip.href, media_type=pystac.MediaType.GEOTIFF)},
    )


def _recipe(
    imagery: TileImagery,
    chips: tuple[PlannedChip, ...],
    chip_grids: Sequence[Grid],
    inputs: str,
    run_id: str,
) -> Recipe:
    box = tile_box(imagery.mgrs)
    side = round(TILE_SIDE_M / chip_grids[0].gsd_m)
    grid = Grid(box.epsg, box.west, box.north, TILE_SIDE_M / side, side, side)
    return Recipe(
        mgrs=imagery.mgrs,
        location=imagery.location,
        grid=grid,
        window=_window_around(chip_grids, grid),
        bands=(),
        dates=(),
        chips=chips,
        choices=(),
        data_version=fingerprint([asdict(chip) for chip in chips]),
        inputs=inputs,
        run_id=run_id,
        package_version=__version__,
    )


def _window_around(chips: Sequence[Grid], grid: Grid) -> PixelWindow:
    """The smallest window of a tile's grid that holds what of the chips lies within."""
    boxes = np.array([_bounds_in(chip, grid.epsg) for chip in chips])
    west, south = boxes[:, :2].min(axis=0)
    east, north = boxes[:, 2:].max(axis=0)
    first_col = max(0, int((west - grid.west) / grid.pixel_size))
    first_row = max(0, int((grid.north - north) / grid.pixel_size))
    last_col = min(grid.width, math.ceil((east - grid.west) / grid.pixel_size))
    last_row = min(grid.height, math.ceil((grid.north - south) / grid.pixel_size))
    return PixelWindow(first_row, first_col, last_row - first_row, last_col - first_col)


def _bounds_in(chip: Grid, epsg: int) -> tuple[float, float, float, float]:
    if chip.epsg == epsg:
        return chip.bounds
    bounds: tuple[float, float, float, float] = transform_bounds(
        f"EPSG:{chip.epsg}", f"EPSG:{epsg}", *chip.bounds
    )
    return bounds
