"""Scenes of a STAC API, which is asked for the tile and the dates that are wanted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import pystac
import shapely.geometry
from pystac.errors import STACError, STACTypeError
from pystac_client import Client
from pystac_client.exceptions import APIError
from requests.exceptions import RequestException

from clay_assets.errors import ImageryError, InvalidValueError
from clay_assets.ingest.asking import TIMEOUT_S, api_io, unreachable
from clay_assets.ingest.catalogues import RADAR_WITHIN
from clay_assets.ingest.collection_table import (
    SENSOR_BANDS,
    Sensor,
    collection_ids,
    known_collections,
)
from clay_assets.ingest.dates import DateRange
from clay_assets.ingest.scenes import footprint_of, tile_of_scene, time_of
from clay_assets.mgrs import tile_centre_wgs84

T = TypeVar("T")
_PAGE = 250
_MOST_ITEMS = 10_000


@dataclass(frozen=True)
class ApiCatalogue:
    """A STAC API, of which no more is asked than is needed."""

    url: str
    """Its landing page."""
    client: Client
    """Open client of that page."""
    collections: dict[Sensor, list[str]]
    """Ids of the collections it has, by sensor."""

    @classmethod
    def open(cls, url: str, only: str | None = None) -> "ApiCatalogue":
        """Connect and ask for each collection of the table whether it is there.

        Args:
            url: its landing page.
            only: the collection its scenes are to come from; None for the table's first.

        Raises:
            ImageryError: it does not answer or has no Sentinel-2 collection.
        """
        client = _asked(url, lambda: Client.open(url, stac_io=api_io(), timeout=TIMEOUT_S))
        found = {
            sensor: [
                id_
                for id_ in collection_ids(sensor)
                if (sensor != "optical" or only in (None, id_)) and _has(url, client, id_)
            ]
            for sensor in SENSOR_BANDS
        }
        if not found["optical"]:
            what = f"no Sentinel-2 collection {only}" if only else "no Sentinel-2 collection"
            raise ImageryError(f"{url} has {what} that is known; known are {known_collections()}")
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
            for item in self._search(collections=[collection], intersects=place, datetime=datetime)
        ]
        unique = {item.id: item for item in items if tile_of_scene(item) == tile}
        return list(unique.values())

    def named(self, ids: tuple[str, ...]) -> list[pystac.Item]:
        """Items of any sensor by their ids, as far as there are such."""
        known = [id_ for of_sensor in self.collections.values() for id_ in of_sensor]
        return self._search(collections=known, ids=list(ids))

    def companions(self, scene: pystac.Item, sensor: Sensor) -> list[pystac.Item]:
        """Radar scenes near in time, or elevation, at the place of a Sentinel-2 scene."""
        if not self.has(sensor) or scene.geometry is None:
            return []
        datetime = None
        if sensor == "radar":
            start, end = time_of(scene) - RADAR_WITHIN, time_of(scene) + RADAR_WITHIN
            datetime = f"{start:%Y-%m-%dT%H:%M:%SZ}/{end:%Y-%m-%dT%H:%M:%SZ}"
        wanted = self.collections[sensor]
        place = shapely.geometry.mapping(footprint_of(scene))
        return self._search(collections=wanted, intersects=place, datetime=datetime)

    def with_companions(self, scenes: tuple[pystac.Item, ...]) -> list[pystac.Item]:
        """The scenes alone; their companions are asked for once scenes are chosen."""
        return list(scenes)

    def has(self, sensor: Sensor) -> bool:
        """Whether there are scenes of a sensor at all."""
        return bool(self.collections[sensor])

    @property
    def etags(self) -> dict[str, str]:
        """Nothing is known of the files without asking."""
        return {}

    def _search(self, **wanted: Any) -> list[pystac.Item]:  # noqa: ANN401
        def ask() -> list[pystac.Item]:
            search = self.client.search(**wanted, limit=_PAGE, max_items=_MOST_ITEMS + 1)
            return list(search.items())

        items = _asked(self.url, ask)
        if len(items) > _MOST_ITEMS:
            collections = ", ".join(wanted["collections"])
            raise ImageryError(
                f"{self.url} has more than {_MOST_ITEMS} items of {collections} at one place; give "
                "dates, so that less is asked for at once"
            )
        return items


def _has(url: str, client: Client, collection_id: str) -> bool:
    return _asked(url, lambda: client.get_collection(collection_id)) is not None


def _asked(url: str, question: Callable[[], T]) -> T:
    try:
        return question()
    except (APIError, RequestException) as error:
        raise unreachable(url, error) from error
    except (STACError, STACTypeError, KeyError, ValueError) as error:
        raise ImageryError(
            f"{url} answered what is not STAC: {type(error).__name__} {error}; check the address"
        ) from error
