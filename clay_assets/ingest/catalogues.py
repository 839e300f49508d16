"""Where scenes are found: a static catalogue read whole, or the items that are named."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

import pystac

from clay_assets.ingest.collection_table import Sensor
from clay_assets.ingest.collections import sensor_of
from clay_assets.ingest.dates import DateRange
from clay_assets.ingest.scenes import day_of, overlap, tile_of_scene, time_of

RADAR_WITHIN = timedelta(days=3)
"""Between a Sentinel-2 scene and the Sentinel-1 scenes that go with it, as Clay does."""
COMPANIONS: tuple[Sensor, ...] = ("radar", "elevation")
"""Sensors that are added to Sentinel-2."""


class Catalogue(Protocol):
    """Scenes of the three sensors."""

    def tiles(self) -> list[str]:
        """MGRS tiles that have Sentinel-2 scenes, sorted."""

    def optical(self, tile: str, dates: tuple[DateRange, ...]) -> list[pystac.Item]:
        """Sentinel-2 scenes of a tile and, if any are given, dates."""

    def named(self, ids: tuple[str, ...]) -> list[pystac.Item]:
        """Items of any sensor by their ids, as far as there are such."""

    def companions(self, scene: pystac.Item, sensor: Sensor) -> list[pystac.Item]:
        """Radar scenes near in time, or elevation, at the place of a Sentinel-2 scene."""

    def with_companions(self, scenes: tuple[pystac.Item, ...]) -> list[pystac.Item]:
        """The scenes and what goes with them, so far as it is known without asking for each."""

    def has(self, sensor: Sensor) -> bool:
        """Whether there are scenes of a sensor at all."""

    @property
    def etags(self) -> dict[str, str]:
        """Path or URL -> etag of the files of which it is known without asking."""


@dataclass(frozen=True)
class StaticCatalogue:
    """A catalogue read whole from its files."""

    items: tuple[pystac.Item, ...]
    """All items, their asset hrefs absolute."""
    etags: dict[str, str] = field(default_factory=dict)
    """Path or URL -> etag of files that were listed with the items."""

    def tiles(self) -> list[str]:
        """MGRS tiles that have Sentinel-2 scenes, sorted."""
        return sorted({tile_of_scene(item) for item in self._of("optical")})

    def optical(self, tile: str, dates: tuple[DateRange, ...]) -> list[pystac.Item]:
        """Sentinel-2 scenes of a tile and, if any are given, dates."""
        return [
            item
            for item in self._of("optical")
            if tile_of_scene(item) == tile
            and (not dates or any(day_of(item) in range_ for range_ in dates))
        ]

    def named(self, ids: tuple[str, ...]) -> list[pystac.Item]:
        """Items of any sensor by their ids, as far as there are such."""
        return [item for item in self.items if item.id in ids]

    def companions(self, scene: pystac.Item, sensor: Sensor) -> list[pystac.Item]:
        """Radar scenes near in time, or elevation, at the place of a Sentinel-2 scene."""
        return [
            item
            for item in self._of(sensor)
            if (sensor != "radar" or near_in_time(item, scene)) and overlap(item, scene)
        ]

    def with_companions(self, scenes: tuple[pystac.Item, ...]) -> list[pystac.Item]:
        """The scenes and all radar and elevation that may go with them."""
        found = {item.id: item for item in scenes}
        for scene in scenes:
            for sensor in COMPANIONS:
                found |= {item.id: item for item in self.companions(scene, sensor)}
        return list(found.values())

    def has(self, sensor: Sensor) -> bool:
        """Whether there are scenes of a sensor at all."""
        return any(True for _ in self._of(sensor))

    def _of(self, sensor: Sensor) -> Iterator[pystac.Item]:
        return (item for item in self.items if sensor_of(item) == sensor)


@dataclass(frozen=True)
class NamedCatalogue:
    """The items that somebody named, and of a sensor of which none is named those there are."""

    catalogue: Catalogue
    """Where they are from."""
    items: tuple[pystac.Item, ...]
    """The named ones."""

    def tiles(self) -> list[str]:
        """MGRS tiles of the named Sentinel-2 scenes, sorted."""
        return StaticCatalogue(self.items).tiles()

    def optical(self, tile: str, dates: tuple[DateRange, ...]) -> list[pystac.Item]:
        """The named Sentinel-2 scenes of a tile and, if any are given, dates."""
        return StaticCatalogue(self.items).optical(tile, dates)

    def named(self, ids: tuple[str, ...]) -> list[pystac.Item]:
        """Those of the named items that have one of these ids."""
        return StaticCatalogue(self.items).named(ids)

    def companions(self, scene: pystac.Item, sensor: Sensor) -> list[pystac.Item]:
        """The named ones at the scene's place, near in time if some are; else those there are."""
        if not self._names(sensor):
            return self.catalogue.companions(scene, sensor)
        found = [i for i in self.items if sensor_of(i) == sensor and overlap(i, scene)]
        return [i for i in found if sensor == "radar" and near_in_time(i, scene)] or found

    def with_companions(self, scenes: tuple[pystac.Item, ...]) -> list[pystac.Item]:
        """The scenes and what goes with them, so far as it is known without asking for each."""
        others = [
            item
            for item in self.catalogue.with_companions(scenes)
            if (sensor := sensor_of(item)) and not self._names(sensor)
        ]
        return [*self.items, *others]

    def has(self, sensor: Sensor) -> bool:
        """Whether there are scenes of a sensor at all."""
        return self._names(sensor) or self.catalogue.has(sensor)

    @property
    def etags(self) -> dict[str, str]:
        """Path or URL -> etag of files that were listed with the items."""
        return self.catalogue.etags

    def _names(self, sensor: Sensor) -> bool:
        return any(sensor_of(item) == sensor for item in self.items)


def near_in_time(radar: pystac.Item, scene: pystac.Item) -> bool:
    """Whether a radar scene may go with a Sentinel-2 scene."""
    return abs(time_of(radar) - time_of(scene)) <= RADAR_WITHIN
