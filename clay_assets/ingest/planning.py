"""From the scenes that are wanted to the files and the grid of each date."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pystac

from clay_assets import progress
from clay_assets.bands import BAND_NAMES
from clay_assets.errors import ImageryError, UnreachableError
from clay_assets.ingest.band_files import BandFiles, open_band_files
from clay_assets.ingest.catalogues import COMPANIONS, Catalogue
from clay_assets.ingest.collection_table import SENSOR_BANDS, Sensor
from clay_assets.ingest.collections import missing_bands
from clay_assets.ingest.companions import Cover, elevation_for, radar_for
from clay_assets.ingest.grid import Grid, window_of_subset
from clay_assets.ingest.raster_files import BandSource
from clay_assets.ingest.recipe import DatePlan
from clay_assets.ingest.scenes import day_of
from clay_assets.ingest.selection import Choice, Limits, Turn, fault_of, not_needed, praise_of

MAX_TRIES = 20
"""Scenes of a turn whose files are opened and radar is asked for, as many as Clay v0 tries."""


@dataclass
class Planner:
    """Plans date after date of one tile; all share the grid of the first."""

    catalogue: Catalogue
    """Where radar and elevation are looked for."""
    subset: tuple[int, int, int, int] | None
    """Pixels x0, y0, x1, y1 that are wanted; None for all."""
    limits: Limits | None
    """How good a Sentinel-2 scene must be; None for scenes that were named."""
    grid: Grid | None = None
    """Grid of the tile, known from the first date on."""
    plans: list[DatePlan] = field(default_factory=list)
    """What was planned."""
    items: dict[str, pystac.Item] = field(default_factory=dict)
    """Items that are used, by id."""
    choices: list[Choice] = field(default_factory=list)
    """Every scene that was looked at, and what became of it."""
    _files: dict[str, BandFiles] = field(default_factory=dict)
    _faults: dict[str, str] = field(default_factory=dict)

    def plan_all(self, turns: Sequence[Turn], max_dates: int | None) -> None:
        """Plan one date of each turn; a scene at fault gives way to the next, 20 times at most.

        Args:
            turns: where the dates come from.
            max_dates: how many dates are enough; where there are fewer turns, they give a second
                date each, and so on. None for one date of every turn.

        Raises:
            InvalidValueError: the subset is not within the tile's grid.
            UnreachableError: a file or service does not answer; nothing is chosen without it.
        """
        before = -1
        while before < len(self.plans) < (max_dates or len(turns)):
            before = len(self.plans)
            for turn in progress.track(turns, "Choosing scenes", len(turns)):
                if max_dates is None or len(self.plans) < max_dates:
                    self._plan_one(turn)
            if max_dates is None:
                break
        judged = [choice for choice in self.choices if choice.sensor == "optical"]
        self.choices += not_needed(turns, judged, self.limits)

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands of every date, in the order of `BAND_NAMES`."""
        optical: Sensor = "optical"
        sensors = (optical, *self._companions())
        wanted = {band for sensor in sensors for band in SENSOR_BANDS[sensor]}
        return tuple(name for name in BAND_NAMES if name in wanted)

    def _plan_one(self, turn: Turn) -> None:
        """Plan the first scene of a turn that can be used and was not looked at before."""
        judged, tries = {choice.scene for choice in self.choices}, 0
        for scene in (scene for scene in turn.scenes if scene.id not in judged):
            place = len(self.choices)
            said = fault_of(scene, self.limits)
            fault = said or self._plan(scene)
            line = Choice(scene.id, str(day_of(scene)), fault is None, fault or praise_of(scene))
            self.choices.insert(place, line)  # before those of its radar and elevation
            tries += said is None
            if fault is None or tries == MAX_TRIES:
                return

    def _plan(self, scene: pystac.Item) -> str | None:
        """Plan a date on a scene, or say why it cannot be used."""
        date = str(day_of(scene))
        if any(plan.date == date for plan in self.plans):
            return "another scene of that day is used"
        fault = self._file_fault(scene, "optical")
        if fault:
            return fault
        try:
            grid = self._files[scene.id].finest_grid
        except ImageryError as error:
            return str(error)
        if self.grid is not None and grid != self.grid:
            return f"its grid ({grid}) is not that of the tile ({self.grid})"
        window = window_of_subset(grid, self.subset)
        area = grid.window(window.row, window.col, window.height, window.width)
        items = [scene]
        for sensor in self._companions():
            taken = self._cover(scene, sensor, area).taken
            if not taken:
                return f"no {sensor} there" + (" within 3 days" if sensor == "radar" else "")
            items += taken
        self.grid = grid
        self.items |= {item.id: item for item in items}
        sources = _merged([self._files[item.id] for item in items])
        self.plans.append(DatePlan(date, tuple(item.id for item in items), sources))
        return None

    def _cover(self, scene: pystac.Item, sensor: Sensor, area: Grid) -> Cover:
        """Radar or elevation for a scene; one whose file is at fault gives way to others."""
        found = {item.id: item for item in self.catalogue.companions(scene, sensor)}
        usable, reasons = dict(found), {}
        for item in found.values():
            missing = missing_bands(item, SENSOR_BANDS[sensor])
            if missing:
                reasons[item.id] = f"no asset for {', '.join(missing)}"
                del usable[item.id]
        while True:
            left = list(usable.values())
            radar = sensor == "radar"
            cover = radar_for(scene, left, area) if radar else elevation_for(left, area)
            faults = {item.id: self._file_fault(item, sensor) for item in cover.taken}
            bad = {item_id: fault for item_id, fault in faults.items() if fault}
            if not bad:
                break
            reasons |= bad
            usable = {item_id: item for item_id, item in usable.items() if item_id not in bad}
        taken = {item.id for item in cover.taken}
        for item_id, reason in (reasons | cover.reasons).items():
            day = str(day_of(found[item_id]))
            line = Choice(item_id, day, item_id in taken, reason, sensor)
            if line not in self.choices:  # elevation is the same for each date
                self.choices.append(line)
        return cover

    def _file_fault(self, item: pystac.Item, sensor: Sensor) -> str | None:
        """Open the files of an item, once, or say why they cannot be used."""
        if item.id not in self._files and item.id not in self._faults:
            try:
                self._files[item.id] = open_band_files(item, sensor)
            except UnreachableError:
                raise  # a worse scene must not win because a server was down
            except ImageryError as error:
                self._faults[item.id] = str(error)
        return self._faults.get(item.id)

    def _companions(self) -> Iterator[Sensor]:
        return (sensor for sensor in COMPANIONS if self.catalogue.has(sensor))


def _merged(files: Sequence[BandFiles]) -> dict[str, tuple[BandSource, ...]]:
    """Band to the files of all scenes that have it, in the scenes' order."""
    sources: dict[str, tuple[BandSource, ...]] = {}
    for of_scene in files:
        for band, source in of_scene.sources.items():
            sources[band] = (*sources.get(band, ()), source)
    return sources


def nothing_usable(tile: str, location: str, choices: Sequence[Choice]) -> ImageryError:
    """The error for a tile none of whose scenes can be used."""
    scenes = [choice for choice in choices if choice.sensor == "optical"]
    listed = "; ".join(f"{choice.scene or choice.date}: {choice.reason}" for choice in scenes[:5])
    more = f"; and {len(scenes) - 5} more" if len(scenes) > 5 else ""
    return ImageryError(
        f"no scene of tile {tile} in {location} can be used: {listed}{more}; choose other dates "
        "or raise the limits"
    )
