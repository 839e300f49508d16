"""Which radar scenes and elevation files go with a Sentinel-2 scene, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

import pystac
import shapely

from clay_assets.ingest.grid import Grid, footprint_on_grid
from clay_assets.ingest.scenes import time_of

_WHOLE_SHARE = 0.999
_WORTHWHILE_SHARE = 0.001
_HOUR_S, _DAY_S = 3600.0, 86_400.0


@dataclass(frozen=True)
class Cover:
    """Scenes that cover an area between them, and what became of the others."""

    taken: tuple[pystac.Item, ...]
    """In the order in which the first with data wins; none when none touches the area."""
    share: float
    """Part of the area they cover, 0 to 1."""
    reasons: dict[str, str]
    """Item id -> why it is taken or not, of every candidate."""


def radar_for(scene: pystac.Item, candidates: Sequence[pystac.Item], area: Grid) -> Cover:
    """Radar scenes of one orbit state that cover an area between them, the nearest in time first.

    The orbit state that covers more wins, then the one nearer in time.

    Args:
        scene: the Sentinel-2 scene they go with.
        candidates: radar scenes near it in time.
        area: pixels to be covered.
    """
    passes: dict[str, list[pystac.Item]] = {}
    for item in sorted(candidates, key=lambda item: (abs(time_of(item) - time_of(scene)), item.id)):
        passes.setdefault(str(item.properties.get("sat:orbit_state", "unknown")), []).append(item)
    if not passes:
        return Cover((), 0.0, {})
    covers = {orbit: _cover(items, area) for orbit, items in passes.items()}  # nearest first
    best = max(covers, key=lambda orbit: round(covers[orbit].share, 2))
    reasons: dict[str, str] = {}
    for orbit, items in passes.items():
        for item in items:
            why = covers[orbit].reasons[item.id]
            if orbit != best and covers[best].taken:
                why = (
                    f"its orbit is {orbit}; {best} is taken, which covers "
                    f"{100 * covers[best].share:.0f} % against {100 * covers[orbit].share:.0f} %"
                )
            reasons[item.id] = f"{why}; {orbit}, {_apart(item, scene)}"
    return Cover(covers[best].taken, covers[best].share, reasons)


def elevation_for(candidates: Sequence[pystac.Item], area: Grid) -> Cover:
    """Elevation files that cover an area between them, in order of their ids."""
    return _cover(sorted(candidates, key=lambda item: item.id), area)


def _cover(items: Sequence[pystac.Item], area: Grid) -> Cover:
    """Items taken in order as long as each adds ground."""
    wanted = shapely.box(*area.bounds)
    bare, taken = wanted, []
    reasons: dict[str, str] = {}
    for item in items:
        if bare.area < (1 - _WHOLE_SHARE) * wanted.area:
            reasons[item.id] = "not needed: the area is covered"
        elif item.geometry is None:
            reasons[item.id] = "its item does not say where it is"
        else:
            left = bare.difference(footprint_on_grid(item.geometry, area))
            added = (bare.area - left.area) / wanted.area
            if added > _WORTHWHILE_SHARE:
                taken.append(item)
                bare = left
                reasons[item.id] = f"covers {100 * added:.0f} % of the area"
                reasons[item.id] += " more" if len(taken) > 1 else ""
            else:
                reasons[item.id] = "adds no ground"
    return Cover(tuple(taken), 1 - bare.area / wanted.area, reasons)


def _apart(item: pystac.Item, scene: pystac.Item) -> str:
    """How far in time a scene is from another."""
    seconds = (time_of(item) - time_of(scene)).total_seconds()
    hours = abs(seconds) < _DAY_S
    amount = f"{abs(seconds) / _HOUR_S:.0f} h" if hours else f"{abs(seconds) / _DAY_S:.1f} days"
    return f"{amount} {'after' if seconds >= 0 else 'before'} {scene.id}"
