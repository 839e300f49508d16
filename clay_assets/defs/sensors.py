"""Sensors: they look for new imagery and report it; automation starts the work.

A cursor is kept only once what was found is recorded, so a crash in between makes a sensor look
again, and reporting the same twice starts nothing new.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from clay_assets.defs.imagery import imagery_events
from clay_assets.defs.partitions import mgrs_tiles
from clay_assets.defs.resources import StoreResource
from clay_assets.ingest import queue
from clay_assets.ingest.aoi import read_area, tiles_of_area
from clay_assets.ingest.locations import is_catalogue
from clay_assets.ingest.news import NewsCursor, scenes_since
from clay_assets.ingest.stac_files import local_path
from clay_assets.ingest.sweep import Sweep, SweepState, TileChange, look_at, sweep, watched_store
from clay_assets.ingest.watched import register_changes
from clay_assets.provenance import fingerprint
from clay_assets.settings import Settings
from clay_assets.store import Store

DEFAULT_WATCH_SECONDS = 60
FIRST_LOOK_BACK = timedelta(days=30)
"""How far the first look into a catalogue goes back; Sentinel-2 comes by every five days."""
FULL_LISTING_EVERY_S = 24 * 3600.0
"""Net beneath a queue: the whole bucket is listed as often as that."""


@dataclass(frozen=True)
class BucketCursor:
    """What the bucket's sensor knows between two ticks."""

    state: SweepState
    """Of the sweep."""
    receipts: tuple[str, ...] = ()
    """Messages whose news the last tick recorded; they are deleted from the queue now."""
    listed_at: float = 0.0
    """When the whole bucket had last been listed, seconds since 1970."""

    def to_json(self) -> str:
        """As Dagster keeps it."""
        return json.dumps([self.state.to_json(), self.receipts, self.listed_at])

    @classmethod
    def from_json(cls, text: str | None) -> "BucketCursor":
        """As Dagster gives it; None at first."""
        if not text:
            return cls(SweepState())
        state, receipts, listed_at = json.loads(text)
        return cls(SweepState.from_json(state), tuple(receipts), listed_at)


def status_of(*, wanted: bool) -> dg.DefaultSensorStatus:
    """Whether a sensor runs from the start, or waits to be switched on in the UI."""
    return dg.DefaultSensorStatus.RUNNING if wanted else dg.DefaultSensorStatus.STOPPED


@dataclass(frozen=True)
class Seen:
    """What a sensor saw in one tick."""

    place: str
    """Where it looked, as tiles are registered with it."""
    changes: tuple[TileChange, ...]
    """Tiles that are new, changed or gone."""
    cursor: str
    """For the next tick."""


Look = Callable[[dg.SensorEvaluationContext, str], Seen]


def bucket_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor `new_objects` on a bucket or folder with one folder a tile."""

    def look(context: dg.SensorEvaluationContext, location: str) -> Seen:
        cursor = BucketCursor.from_json(context.cursor)
        found, cursor = _look(location, settings.queue_url, cursor)
        context.log.info(
            f"{found.listed} tiles and {found.objects} objects listed, {len(found.changes)} changed"
        )
        if found.strange:
            context.log.warning(f"no tiles, ignored: {', '.join(found.strange[:10])}")
        return Seen(watched_store(location).root, found.changes, cursor.to_json())

    return _sensor(
        settings,
        "new_objects",
        "Looks for new, overwritten and deleted objects below CLAY_IMAGERY, a bucket or folder "
        "with one folder a tile, and reports them as imagery.",
        "a folder or s3:// prefix with one folder a tile, like s3://clay-tiles-02/02",
        look,
        is_for=lambda location: not is_catalogue(location),
    )


def scene_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor `new_scenes` on a STAC API or catalogue."""

    def look(context: dg.SensorEvaluationContext, location: str) -> Seen:
        tiles = set(context.instance.get_dynamic_partitions("mgrs_tile"))
        if settings.aoi is not None:
            tiles |= set(tiles_of_area(read_area(settings.aoi)))
        found = scenes_since(
            location,
            sorted(tiles),
            datetime.now(UTC) - FIRST_LOOK_BACK,
            cursor=NewsCursor.from_json(context.cursor),
        )
        for note in found.notes:
            context.log.warning(note)
        changes = tuple(
            TileChange(tile, fingerprint(scenes, str(found.newest)), len(scenes))
            for tile, scenes in sorted(found.scenes.items())
        )
        context.log.info(f"{len(tiles)} tiles, {found.requests} requests, {len(changes)} changed")
        return Seen(str(local_path(location) or location), changes, found.cursor.to_json())

    return _sensor(
        settings,
        "new_scenes",
        "Asks CLAY_IMAGERY, a STAC API or catalogue, which Sentinel-2 scenes of the registered "
        "tiles and of CLAY_AOI are new or were processed anew, and reports them.",
        "a STAC API or catalogue, like https://earth-search.aws.element84.com/v1",
        look,
        is_for=is_catalogue,
    )


def _sensor(
    settings: Settings,
    name: str,
    description: str,
    watches: str,
    look: Look,
    *,
    is_for: Callable[[str], bool],
) -> dg.SensorDefinition:
    """A sensor on `CLAY_IMAGERY`; it runs from the start if it is for such a place."""
    location = settings.imagery
    suits = location is not None and is_for(location)

    @dg.sensor(
        name=name,
        target=dg.AssetSelection.assets("tiles"),
        description=description,
        minimum_interval_seconds=settings.watch_seconds or DEFAULT_WATCH_SECONDS,
        default_status=status_of(wanted=settings.watch_seconds is not None and suits),
    )
    def sensor(
        context: dg.SensorEvaluationContext, store: StoreResource
    ) -> dg.SensorResult | dg.SkipReason:
        if location is None or not suits:
            return dg.SkipReason(
                f"CLAY_IMAGERY is {location or 'not set'}; this sensor watches {watches}"
            )
        return _result(store.open(), look(context, location))

    return sensor


def _look(location: str, queue_url: str | None, cursor: BucketCursor) -> tuple[Sweep, BucketCursor]:
    """What has changed: by the queue's messages where there is one, else by listing."""
    if queue_url is None:
        found = sweep(location, cursor.state)
        return found, BucketCursor(found.state)
    queue.delete(queue_url, cursor.receipts)
    if time.time() - cursor.listed_at > FULL_LISTING_EVERY_S:
        found = sweep(location, cursor.state)
        is_done = found.state.rounds > cursor.state.rounds or not found.state.signatures
        return found, BucketCursor(found.state, (), time.time() if is_done else cursor.listed_at)
    received = queue.receive(queue_url, location)
    found = look_at(location, cursor.state, received.tiles)
    return found, BucketCursor(found.state, received.receipts, cursor.listed_at)


def _result(store: Store, seen: Seen) -> dg.SensorResult:
    """Partitions and events of the changes."""
    changes = register_changes(store, seen.place, seen.changes)
    tiles = [change.mgrs for change in changes]
    return dg.SensorResult(
        skip_reason=None if changes else "nothing new",
        dynamic_partitions_requests=[mgrs_tiles.build_add_request(tiles)] if tiles else [],
        asset_events=[
            event
            for change in changes
            for event in imagery_events(
                change.mgrs, change.version, {"location": seen.place, "items": change.objects}
            )
        ],
        cursor=seen.cursor,
    )
