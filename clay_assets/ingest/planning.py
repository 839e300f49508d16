"""From chosen scenes to the files and the grid of each date."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pystac

from clay_assets import progress
from clay_assets.bands import BAND_NAMES
from clay_assets.errors import ImageryError
from clay_assets.ingest.catalogues import COMPANIONS, Catalogue
from clay_assets.ingest.collections import SENSOR_BANDS, Sensor, assets_of, missing_bands
from clay_assets.ingest.grid import Grid, window_of_subset
from clay_assets.ingest.raster_files import BandSource, RasterHeader, etag_of, read_header
from clay_assets.ingest.recipe import DatePlan
from clay_assets.ingest.scenes import cloud_cover_pct, day_of, nodata_pct
from clay_assets.ingest.selection import Choice, Limits, elevation_for, fault_of, radar_for

_OPEN_AT_ONCE = 16


@dataclass
class Planner:
    """Plans date after date of one tile; all share the grid of the first."""

    catalogue: Catalogue
    """Where radar and elevation are looked for."""
    subset: tuple[int, int, int, int] | None
    """Pixels x0, y0, x1, y1 that are wanted; None for all."""
    limits: Limits
    """How good a Sentinel-2 scene must be."""
    grid: Grid | None = None
    """Grid of the tile, known from the first date on."""
    plans: list[DatePlan] = field(default_factory=list)
    """What was planned."""
    items: dict[str, pystac.Item] = field(default_factory=dict)
    """Items that are used, by id."""
    choices: list[Choice] = field(default_factory=list)
    """Every scene that was looked at, and what became of it."""

    def plan_all(self, turns: Sequence[Sequence[pystac.Item]]) -> None:
        """Plan one date of each turn: its first scene that can be used and is not used yet.

        Raises:
            ImageryError: a file of a scene cannot be opened.
            InvalidValueError: the subset is not within the tile's grid.
        """
        for candidates in progress.track(turns, "Choosing scenes", len(turns)):
            judged = {choice.scene for choice in self.choices}
            for scene in (scene for scene in candidates if scene.id not in judged):
                fault = self._plan(scene)
                self.choices.append(
                    Choice(scene.id, str(day_of(scene)), fault is None, fault or _praise(scene))
                )
                if fault is None:
                    break

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands of every date, in the order of `BAND_NAMES`."""
        return tuple(name for name in BAND_NAMES if name in self._wanted_bands())

    def _plan(self, scene: pystac.Item) -> str | None:
        """Plan a date on a scene, or say why it cannot be used."""
        date = str(day_of(scene))
        fault = fault_of(scene, self.limits)
        if fault:
            return fault
        if any(plan.date == date for plan in self.plans):
            return "another scene of that day is used"
        sources, headers = _sources_of([scene], "optical")
        grid = min((header.grid for header in headers), key=lambda grid: grid.pixel_size)
        if self.grid is not None and grid != self.grid:
            return f"its grid ({grid}) is not that of the tile ({self.grid})"
        window = window_of_subset(grid, self.subset)
        area = grid.window(window.row, window.col, window.height, window.width)
        items = [scene]
        for sensor in self._companions():
            found = [
                item
                for item in self.catalogue.companions(scene, sensor)
                if not missing_bands(item, SENSOR_BANDS[sensor])
            ]
            chosen = (
                radar_for(scene, found, area) if sensor == "radar" else elevation_for(found, area)
            )
            if not chosen:
                return f"no {sensor} there" + (" within 3 days" if sensor == "radar" else "")
            sources |= _sources_of(chosen, sensor)[0]
            items += chosen
        self.grid = grid
        self.items |= {item.id: item for item in items}
        self.plans.append(DatePlan(date, tuple(item.id for item in items), sources))
        return None

    def _companions(self) -> Iterator[Sensor]:
        return (sensor for sensor in COMPANIONS if self.catalogue.has(sensor))

    def _wanted_bands(self) -> set[str]:
        optical: Sensor = "optical"
        return {band for sensor in (optical, *self._companions()) for band in SENSOR_BANDS[sensor]}


def _sources_of(
    items: Sequence[pystac.Item], sensor: Sensor
) -> tuple[dict[str, tuple[BandSource, ...]], list[RasterHeader]]:
    """Files of each band of some scenes, every one of them opened once."""
    assets = [(band, asset) for item in items for band, asset in assets_of(item, sensor).items()]
    hrefs = [asset.href for _, asset in assets]
    with ThreadPoolExecutor(_OPEN_AT_ONCE) as pool:
        headers = list(pool.map(read_header, hrefs))
        etags = list(pool.map(etag_of, hrefs))
    sources: dict[str, tuple[BandSource, ...]] = {}
    for (band, asset), header, etag in zip(assets, headers, etags, strict=True):
        nodata = asset.nodata if header.nodata is None else header.nodata
        source = BandSource(asset.href, etag, 1, nodata, asset.shift_dn)
        sources[band] = (*sources.get(band, ()), source)
    return sources, headers


def _praise(scene: pystac.Item) -> str:
    return f"{cloud_cover_pct(scene):.0f} % cloud, {nodata_pct(scene):.0f} % without data"


def nothing_usable(tile: str, location: str, choices: Sequence[Choice]) -> ImageryError:
    """The error for a tile none of whose scenes can be used."""
    listed = "; ".join(f"{choice.scene}: {choice.reason}" for choice in choices[:5])
    more = f"; and {len(choices) - 5} more" if len(choices) > 5 else ""
    return ImageryError(
        f"no scene of tile {tile} in {location} can be used: {listed}{more}; choose other dates "
        "or raise the limits"
    )
