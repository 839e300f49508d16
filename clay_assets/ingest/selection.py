"""Which Sentinel-2 scenes are taken, and why: rules on what the items say, no file is opened."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import pystac

from clay_assets.errors import ImageryError
from clay_assets.ingest.collection_table import SENSOR_BANDS, Sensor
from clay_assets.ingest.collections import missing_bands
from clay_assets.ingest.dates import DateRange
from clay_assets.ingest.scenes import cloud_cover_pct, day_of, nodata_pct, updated

MAX_CHOICES = 200
"""Lines kept of a tile's choices; a full archive has thousands of scenes."""
_UNKNOWN_PCT = 100.0


@dataclass(frozen=True)
class Choice:
    """What became of one scene."""

    scene: str
    """Item id; empty for a line that is about none."""
    date: str
    """Its day, `YYYY-MM-DD`."""
    chosen: bool
    """Whether it is used."""
    reason: str
    """Why, or why not."""
    sensor: Sensor = "optical"
    """What took it."""


@dataclass(frozen=True)
class Limits:
    """How good a Sentinel-2 scene must be."""

    max_cloud_pct: float
    """Largest cloud cover in percent."""
    max_nodata_pct: float
    """Largest share of the tile outside of the swath in percent."""


@dataclass(frozen=True)
class Turn:
    """Scenes of which one date is wanted."""

    name: str
    """The date range, year or item they stand for."""
    scenes: tuple[pystac.Item, ...]
    """Best first."""


def fault_of(scene: pystac.Item, limits: Limits | None) -> str | None:
    """Why a Sentinel-2 scene cannot be used; None when it can.

    Args:
        scene: with what its item says.
        limits: None for a scene that was named and is wanted as it is.
    """
    missing = missing_bands(scene, SENSOR_BANDS["optical"])
    if missing:
        found = ", ".join(scene.assets) or "none"
        return f"no asset for {', '.join(missing)}; its assets: {found}"
    try:
        cloud, nodata = cloud_cover_pct(scene), nodata_pct(scene)
    except ImageryError as error:
        return str(error)
    if limits and cloud is not None and cloud > limits.max_cloud_pct:
        return f"{cloud:.0f} % cloud, at most {limits.max_cloud_pct:.0f} %"
    if limits and nodata is not None and nodata > limits.max_nodata_pct:
        return f"{nodata:.0f} % without data, at most {limits.max_nodata_pct:.0f} %"
    return None


def praise_of(scene: pystac.Item) -> str:
    """How good a scene is."""
    cloud, nodata = cloud_cover_pct(scene), nodata_pct(scene)
    return ", ".join(
        f"{'unknown' if share is None else f'{share:.0f} %'} {what}"
        for share, what in ((cloud, "cloud"), (nodata, "without data"))
    )


def ranked(scenes: Sequence[pystac.Item]) -> tuple[pystac.Item, ...]:
    """Scenes from the least cloudy on; of equal ones the last processed first.

    A scene that does not say how cloudy it is comes after all that do.
    """
    by_processing = sorted(scenes, key=lambda scene: (updated(scene), scene.id), reverse=True)
    return tuple(sorted(by_processing, key=_badness))


def turns_of(
    scenes: Sequence[pystac.Item], ranges: Sequence[DateRange], *, tile: str, seed: int
) -> list[Turn]:
    """For each date that may be wanted the scenes it can come from, best first.

    With ranges, each is a turn, in the order given. Without, each calendar year that has scenes
    is one, in the order of the numbers that `random.Random("{seed} {tile} {year}").random()`
    gives. That is the same on every machine, and a year that is new leaves the others in order.
    """
    if ranges:
        return [Turn(str(r), ranked([s for s in scenes if day_of(s) in r])) for r in ranges]
    years = {day_of(scene).year for scene in scenes}
    drawn = sorted(years, key=lambda year: random.Random(f"{seed} {tile} {year}").random())
    return [
        Turn(str(year), ranked([scene for scene in scenes if day_of(scene).year == year]))
        for year in drawn
    ]


def not_needed(
    turns: Sequence[Turn], judged: Sequence[Choice], limits: Limits | None
) -> list[Choice]:
    """A line for each scene that nobody had to look at, and for each turn without scenes."""
    chosen = {choice.scene: choice for choice in judged if choice.chosen}
    known = {choice.scene for choice in judged}
    others = ", ".join(sorted({choice.date for choice in chosen.values()}))
    no_turn = f"not needed: the dates are taken already ({others})" if others else "not tried"
    lines: dict[str, Choice] = {}
    for turn in turns:
        best = next((chosen[scene.id] for scene in turn.scenes if scene.id in chosen), None)
        reason = f"{best.scene} of {turn.name} is better: {best.reason}" if best else no_turn
        for scene in turn.scenes:
            if scene.id not in known:
                why = fault_of(scene, limits) or reason
                lines.setdefault(scene.id, Choice(scene.id, str(day_of(scene)), False, why))
    empty = [Choice("", turn.name, False, "no scene") for turn in turns if not turn.scenes]
    return [*sorted(lines.values(), key=lambda line: line.date), *empty]


def shortened(choices: Sequence[Choice], most: int = MAX_CHOICES) -> tuple[Choice, ...]:
    """At most so many lines: all that are chosen, the first others, and how many more there are.

    >>> lines = [Choice(f"S2_{n}", "2024-05-01", n == 9, "") for n in range(10)]
    >>> [line.scene or line.reason for line in shortened(lines, 4)]
    ['S2_0', 'S2_1', 'S2_9', 'and 7 more that are not used']
    """
    if len(choices) <= most:
        return tuple(choices)
    left = most - 1 - sum(choice.chosen for choice in choices)
    kept = []
    for choice in choices:
        if choice.chosen or left > 0:
            kept.append(choice)
            left -= not choice.chosen
    more = len(choices) - len(kept)
    return (*kept, Choice("", "", False, f"and {more} more that are not used"))


def _badness(scene: pystac.Item) -> tuple[bool, float, float]:
    try:
        cloud, nodata = cloud_cover_pct(scene), nodata_pct(scene)
    except ImageryError:  # `fault_of` tells
        cloud = nodata = None
    unknown = cloud is None
    return unknown, _UNKNOWN_PCT if cloud is None else cloud, 0.0 if nodata is None else nodata
