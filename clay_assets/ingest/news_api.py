"""New scenes of a STAC API: few requests for many tiles, none missed, none told twice."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pystac
from pystac.errors import STACError
from pystac_client import Client
from pystac_client.exceptions import APIError
from requests.exceptions import RequestException

from clay_assets.errors import ImageryError
from clay_assets.ingest.asking import unreachable
from clay_assets.ingest.news_state import News, NewsCursor, in_groups, iso, moment
from clay_assets.ingest.scenes import tile_of_scene
from clay_assets.mgrs import tile_centre_wgs84
from clay_assets.provenance import fingerprint

TILES_A_REQUEST = 100
"""Tiles whose middles are asked for as one MultiPoint."""
OVERLAP = {
    "updated": timedelta(hours=1),
    "created": timedelta(hours=1),
    "datetime": timedelta(days=10),
}
"""What a scene may be told of -> how much later than that it may appear in the API."""
_PAGE = 250
_SECOND = timedelta(seconds=1)


@dataclass
class ApiLook:
    """One look at an API, from a cursor on."""

    url: str
    """Its landing page."""
    client: Client
    """Open client of it."""
    collection: str
    """Id of the Sentinel-2 collection."""
    tiles: Sequence[str]
    """MGRS tile ids, sorted."""
    cursor: NewsCursor
    """Where it stands."""
    pages_left: int
    """Pages with news that may still be asked for."""
    requests: int = 0
    """Pages that were read."""
    found: dict[str, set[str]] = field(default_factory=dict)
    """Tile -> ids of its news."""
    notes: list[str] = field(default_factory=list)
    """For the operator."""

    def go(self, since: datetime, now: datetime) -> News:
        """Ask group after group of tiles until the pages are used up or all are done."""
        groups = in_groups(self.tiles, TILES_A_REQUEST)
        whole = fingerprint(list(self.tiles))
        if not self.cursor.by:
            name = self._field()
            # What was updated just before may only appear now.
            self.cursor = replace(self.cursor, by=name, since=iso(since - OVERLAP[name]))
        if self.cursor.by != "updated":
            self.notes.append(
                f"{self.url} cannot be asked when scenes of {self.collection} were updated; new "
                f"ones are found by `{self.cursor.by}`, those processed anew are not"
            )
        if not self.cursor.began or self.cursor.tiles != whole:
            # Other tiles than before: the groups are others too, so the round starts again.
            self.cursor = replace(self.cursor, began=iso(now), group=0, reached="", tiles=whole)
        while self.cursor.group < len(groups) and self.pages_left > 0:
            if self._read(groups[self.cursor.group]):
                self.cursor = replace(self.cursor, group=self.cursor.group + 1, reached="")
        is_done = self.cursor.group >= len(groups)
        if is_done:
            self.cursor = self._next_round()
        newest = moment(self.cursor.newest) if self.cursor.newest else None
        scenes = {tile: tuple(sorted(ids)) for tile, ids in sorted(self.found.items())}
        return News(scenes, newest, self.cursor, is_done, self.requests, tuple(self.notes))

    def _read(self, group: Sequence[str]) -> bool:
        """Read one group's pages; whether all of them were read."""
        sorts = self.client.conforms_to("SORT")
        for page in self._pages(group):
            self.requests += 1
            fresh = self._take(page.get("features", ()), set(group))
            # A page of which all was known is free: else many scenes of one second would not end.
            self.pages_left -= fresh
            is_last = not any(link.get("rel") == "next" for link in page.get("links", ()))
            if is_last:
                return True
            if self.pages_left <= 0 and sorts:
                return False
        return True

    def _take(self, features: Sequence[Mapping[str, Any]], tiles: set[str]) -> bool:
        """Note what is new of a page; whether there was any."""
        known, fresh, reached = dict(self.cursor.known), False, self.cursor.reached
        for feature in features:
            try:
                item = pystac.Item.from_dict(dict(feature), migrate=False)
                time = iso(moment(str(item.properties.get(self.cursor.by))))
                tile = tile_of_scene(item)
            except (STACError, ImageryError, ValueError, KeyError) as error:
                self.notes.append(f"{self.url}: {feature.get('id')} is left out: {error}")
                continue
            reached = max(reached, time)
            if known.get(item.id) != time and time >= self.cursor.since:
                known[item.id], fresh = time, True
                if tile in tiles:
                    self.found.setdefault(tile, set()).add(item.id)
        newest = max(self.cursor.newest, reached)
        self.cursor = replace(self.cursor, known=known, reached=reached, newest=newest)
        self.cursor = replace(self.cursor, known=self._still_needed(reached))
        return fresh

    def _still_needed(self, reached: str) -> dict[str, str]:
        """Known scenes that this group or the next round would find again."""
        if not reached:
            return dict(self.cursor.known)
        from_now_on = min(_earlier(reached, _SECOND), self._next_since())
        return {id_: time for id_, time in self.cursor.known.items() if time >= from_now_on}

    def _next_since(self) -> str:
        """From when on the next round asks.

        What was updated before this round began was there to be found, but for what an API
        shows late.
        """
        last = min(self.cursor.newest or self.cursor.since, self.cursor.began)
        return max(self.cursor.since, _earlier(last, OVERLAP[self.cursor.by]))

    def _next_round(self) -> NewsCursor:
        since = self._next_since()
        known = {id_: time for id_, time in self.cursor.known.items() if time >= since}
        return replace(self.cursor, since=since, known=known, began="", group=0, reached="")

    def _pages(self, group: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        middles = [list(tile_centre_wgs84(tile)) for tile in group]
        start = _earlier(self.cursor.reached or self.cursor.since, _SECOND)[:19] + "Z"
        name = self.cursor.by
        asked: dict[str, Any] = {
            "collections": [self.collection],
            "intersects": {"type": "MultiPoint", "coordinates": middles},
            "limit": _PAGE,
        }
        if self.client.conforms_to("SORT"):
            asked["sortby"] = [{"field": f"properties.{name}", "direction": "asc"}]
        if name == "datetime":
            asked["datetime"] = f"{start}/.."
        elif self.client.conforms_to("QUERY"):
            asked["query"] = {name: {"gte": start}}
        else:
            asked["filter_lang"] = "cql2-json"
            asked["filter"] = {"op": ">=", "args": [{"property": name}, {"timestamp": start}]}
        try:
            yield from self.client.search(**asked).pages_as_dicts()
        except (APIError, RequestException) as error:
            raise unreachable(self.url, error) from error

    def _field(self) -> str:
        """What the API's items say of when they changed, and the API can be asked by."""
        if not (self.client.conforms_to("QUERY") or self.client.conforms_to("FILTER")):
            return "datetime"
        search = self.client.search(collections=[self.collection], limit=1, max_items=1)
        self.requests += 1
        try:
            first = next(search.items_as_dicts(), None)
        except (APIError, RequestException) as error:
            raise unreachable(self.url, error) from error
        said = first["properties"] if first else {"updated": ""}
        return next((name for name in ("updated", "created") if name in said), "datetime")


def _earlier(time: str, by: timedelta) -> str:
    return iso(moment(time) - by)
