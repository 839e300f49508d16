"""Which scenes are taken, and why: rules on what the items say, no file is opened."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest

import pystac
import shapely

from clay_assets.ingest.collections import SENSOR_BANDS, missing_bands
from clay_assets.ingest.dates import DateRange
from clay_assets.ingest.grid import Grid, footprint_on_grid
from clay_assets.ingest.scenes import cloud_cover_pct, day_of, nodata_pct, time_of, updated

_WHOLE_SHARE = 0.999
_WORTHWHILE_SHARE = 0.001


@dataclass(frozen=True)
class Choice:
    """What became of one scene."""

    scene: str
    """Item id."""
    date: str
    """Its day, `YYYY-MM-DD`."""
    chosen: bool
    """Whether it is used."""
    reason: str
    """Why, or why not."""


@dataclass(frozen=True)
class Limits:
    """How good a Sentinel-2 scene must be."""

    max_cloud_pct: float
    """Largest cloud cover in percent."""
    max_nodata_pct: float
    """Largest share of the tile outside of the swath in percent."""


def fault_of(scene: pystac.Item, limits: Limits) -> str | None:
    """Why a Sentinel-2 scene cannot be used; None when it can."""
    missing = missing_bands(scene, SENSOR_BANDS["optical"])
    if missing:
        found = ", ".join(scene.assets) or "none"
        return f"no asset for {', '.join(missing)}; its assets: {found}"
    if cloud_cover_pct(scene) > limits.max_cloud_pct:
        return f"{cloud_cover_pct(scene):.0f} % cloud, at most {limits.max_cloud_pct:.0f} %"
    if nodata_pct(scene) > limits.max_nodata_pct:
        return f"{nodata_pct(scene):.0f} % without data, at most {limits.max_nodata_pct:.0f} %"
    return None


def ranked(scenes: Sequence[pystac.Item]) -> list[pystac.Item]:
    """Scenes from the least cloudy on; of equal ones the last processed first."""
    by_processing = sorted(scenes, key=lambda scene: (updated(scene), scene.id), reverse=True)
    return sorted(by_processing, key=lambda scene: (cloud_cover_pct(scene), nodata_pct(scene)))


def turns(
    scenes: Sequence[pystac.Item], ranges: Sequence[DateRange], max_dates: int
) -> list[list[pystac.Item]]:
    """For each date that is wanted the scenes it may come from, best first.

    With ranges each gives one date. Without, each calendar year gives one, the latest year
    first, then each a second one, and so on up to `max_dates`.
    """
    if ranges:
        return [ranked([s for s in scenes if day_of(s) in range_]) for range_ in ranges]
    by_year = groupby(sorted(scenes, key=time_of, reverse=True), lambda scene: day_of(scene).year)
    years = [ranked(list(of_year)) for _, of_year in by_year]
    in_turn = [scene for round_ in zip_longest(*years) for scene in round_ if scene is not None]
    return [in_turn] * max_dates


def radar_for(
    scene: pystac.Item, candidates: Sequence[pystac.Item], area: Grid
) -> list[pystac.Item]:
    """Radar scenes of one orbit state that cover an area between them, the nearest in time first.

    Args:
        scene: the Sentinel-2 scene they go with.
        candidates: radar scenes near it in time.
        area: pixels to be covered.

    Returns:
        None, if none touches the area. The orbit state that covers more wins, then the one nearer
        in time.
    """
    passes: dict[str, list[pystac.Item]] = {}
    for item in sorted(candidates, key=lambda item: (abs(time_of(item) - time_of(scene)), item.id)):
        passes.setdefault(str(item.properties.get("sat:orbit_state", "")), []).append(item)
    covers = [_cover(items, area) for items in passes.values()]  # nearest pass first
    return max(covers, key=lambda cover: round(cover[1], 2), default=([], 0.0))[0]


def elevation_for(candidates: Sequence[pystac.Item], area: Grid) -> list[pystac.Item]:
    """Elevation files that cover an area between them, in order of their ids."""
    return _cover(sorted(candidates, key=lambda item: item.id), area)[0]


def _cover(items: Sequence[pystac.Item], area: Grid) -> tuple[list[pystac.Item], float]:
    """Items, taken in order as long as each adds ground, and the share they cover."""
    wanted = shapely.box(*area.bounds)
    bare, taken = wanted, []
    for item, footprint in _footprints(items, area):
        left = bare.difference(footprint)
        if bare.area - left.area > _WORTHWHILE_SHARE * wanted.area:
            taken.append(item)
            bare = left
        if bare.area < (1 - _WHOLE_SHARE) * wanted.area:
            break
    return taken, 1 - bare.area / wanted.area


def _footprints(
    items: Sequence[pystac.Item], area: Grid
) -> Iterator[tuple[pystac.Item, shapely.Geometry]]:
    for item in items:
        if item.geometry is not None:
            yield item, footprint_on_grid(item.geometry, area)
