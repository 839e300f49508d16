"""Where scenes are found: a static catalogue read whole, or a STAC API that is asked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, TypeVar

import pystac
from pystac_client import Client
from pystac_client.exceptions import APIError
from requests.exceptions import RequestException

from clay_assets.errors import ImageryError, InvalidValueError
from clay_assets.ingest.asking import TIMEOUT_S, api_io, unreachable
from clay_assets.ingest.collection_table import (
    SENSOR_BANDS,
    Sensor,
    collection_ids,
    known_collections,
)
from clay_assets.ingest.collections import sensor_of
from clay_assets.ingest.dates import DateRange
from clay_assets.ingest.scenes import day_of, overlap, tile_of_scene, time_of
from clay_assets.mgrs import tile_centre_wgs84

RADAR_WITHIN = timedelta(days=3)
"""Between a Sentinel-2 scene and the Sentinel-1 scenes that go with it, as Clay does."""
COMPANIONS: tuple[Sensor, ...] = ("radar", "elevation")
"""Sensors that are added to Sentinel-2."""

T = TypeVar("T")
_PAGE = 250


class Catalogue(Protocol):
    """Scenes of the three sensors."""

    def tiles(self) -> list[str]:
        """MGRS tiles that have Sentinel-2 scenes, sorted."""

    def optical(self, tile: str, dates: tuple[DateRange, ...]) -> list[pystac.Item]:
        """Sentinel-2 scenes of a tile and, if any are given, dates."""

    def companions(self, scene: pystac.Item, sensor: Sensor) -> list[pystac.Item]:
        """Radar scenes near in time, or elevation, at the place of a Sentinel-2 scene."""

    def with_companions(self, scenes: tuple[pystac.Item, ...]) -> list[pystac.Item]:
        """The scenes and what goes with them, so far as it is known without asking for each."""

    def has(self, sensor: Sensor) -> bool:
        """Whether there are scenes of a sensor at all."""


@dataclass(frozen=True)
class StaticCatalogue:
    """A catalogue read whole from its files."""

    items: tuple[pystac.Item, ...]
    """All items, their asset hrefs absolute."""

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

    def companions(self, scene: pystac.Item, sensor: Sensor) -> list[pystac.Item]:
        """Radar scenes near in time, or elevation, at the place of a Sentinel-2 scene."""
        return [
            item
            for item in self._of(sensor)
            if (sensor != "radar" or abs(time_of(item) - time_of(scene)) <= RADAR_WITHIN)
            and overlap(item, scene)
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
class ApiCatalogue:
    """A STAC API."""

    url: str
    """Its landing page."""
    client: Client
    """Open client of that page."""
    collections: dict[Sensor, list[str]]
    """Ids of the collections it has, by sensor."""

    @classmethod
    def open(cls, url: str) -> "ApiCatalogue":
        """Connect and ask for each collection of the table whether it is there.

        Raises:
            ImageryError: it does not answer or has no Sentinel-2 collection.
        """
        client = _asked(url, lambda: Client.open(url, stac_io=api_io(), timeout=TIMEOUT_S))
        found = {
            sensor: [id_ for id_ in collection_ids(sensor) if _has_collection(url, client, id_)]
            for sensor in SENSOR_BANDS
        }
        if not found["optical"]:
            raise ImageryError(
                f"{url} has none of the Sentinel-2 collections that are read; known are "
                f"{known_collections()}"
            )
        return cls(url, client, found)

    def tiles(self) -> list[str]:
        """Not answered by an API.

        Raises:
            InvalidValueError: always; there are too many.
        """
        raise InvalidValueError(
            f"{self.url} is a STAC API, which holds too many tiles to list; name one, like 32VKM"
        )

    def optical(self, tile: str, dates: tuple[DateRange, ...]) -> list[pystac.Item]:
        """Sentinel-2 scenes of a tile and, if any are given, dates."""
        # The first collection has all scenes; a second one holds the same again.
        collection = self.collections["optical"][0]
        place = {"type": "Point", "coordinates": list(tile_centre_wgs84(tile))}
        items = [
            item
            for datetime in ([str(range_) for range_ in dates] if dates else [None])
            for item in self._search([collection], place, datetime)
        ]
        unique = {item.id: item for item in items if tile_of_scene(item) == tile}
        return list(unique.values())

    def companions(self, scene: pystac.Item, sensor: Sensor) -> list[pystac.Item]:
        """Radar scenes near in time, or elevation, at the place of a Sentinel-2 scene."""
        if not self.has(sensor) or scene.geometry is None:
            return []
        datetime = None
        if sensor == "radar":
            start, end = time_of(scene) - RADAR_WITHIN, time_of(scene) + RADAR_WITHIN
            datetime = f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}"
        return self._search(self.collections[sensor], scene.geometry, datetime)

    def with_companions(self, scenes: tuple[pystac.Item, ...]) -> list[pystac.Item]:
        """The scenes alone; their companions are asked for once scenes are chosen."""
        return list(scenes)

    def has(self, sensor: Sensor) -> bool:
        """Whether there are scenes of a sensor at all."""
        return bool(self.collections[sensor])

    def _search(
        self, collections: list[str], place: dict[str, Any], datetime: str | None
    ) -> list[pystac.Item]:
        return _asked(
            self.url,
            lambda: list(
                self.client.search(
                    collections=collections, intersects=place, datetime=datetime, limit=_PAGE
                ).items()
            ),
        )


def _has_collection(url: str, client: Client, collection_id: str) -> bool:
    return _asked(url, lambda: client.get_collection(collection_id)) is not None


def _asked(url: str, question: Callable[[], T]) -> T:
    try:
        return question()
    except (APIError, RequestException) as error:
        raise unreachable(url, error) from error
