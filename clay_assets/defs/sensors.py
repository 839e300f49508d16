"""Sensors: they look for new imagery and report it; automation starts the work.

A cursor is kept only once what was found is recorded, so a crash in between makes a sensor look
again, and reporting the same twice starts nothing new.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from clay_assets.defs.imagery import imagery_events
from clay_assets.defs.partitions import mgrs_tiles
from clay_assets.defs.resources import StoreResource
from clay_assets.ingest import queue
from clay_assets.ingest.aoi import read_area, tiles_of_area
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


def bucket_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor `new_objects` on a bucket or folder with one folder a tile."""
    location, queue_url = settings.imagery, settings.queue_url
    is_bucket = location is not None and not _is_catalogue(location)

    @dg.sensor(
        name="new_objects",
        target=dg.AssetSelection.assets("tiles"),
        description="Looks for new, overwritten and deleted objects below CLAY_IMAGERY, a bucket "
        "or folder with one folder a tile, and reports them as imagery.",
        minimum_interval_seconds=settings.watch_seconds or DEFAULT_WATCH_SECONDS,
        default_status=status_of(wanted=settings.watch_seconds is not None and is_bucket),
    )
    def new_objects(
        context: dg.SensorEvaluationContext, store: StoreResource
    ) -> dg.SensorResult | dg.SkipReason:
        if location is None or not is_bucket:
            return dg.SkipReason(
                f"CLAY_IMAGERY is {location or 'not set'}; this sensor watches a folder or s3:// "
                "prefix with one folder a tile, like s3://clay-tiles-02/02"
            )
        cursor = BucketCursor.from_json(context.cursor)
        found, cursor = _look(location, queue_url, cursor)
        context.log.info(
            f"{found.listed} tiles and {found.objects} objects listed, {len(found.changes)} changed"
        )
        if found.strange:
            context.log.warning(f"no tiles, ignored: {', '.join(found.strange[:10])}")
        place = watched_store(location).root
        return _result(store.open(), place, found.changes, cursor.to_json())

    return new_objects


def scene_sensor(settings: Settings) -> dg.SensorDefinition:
    """The sensor `new_scenes` on a STAC API or catalogue."""
    location = settings.imagery
    is_catalogue = location is not None and _is_catalogue(location)

    @dg.sensor(
        name="new_scenes",
        target=dg.AssetSelection.assets("tiles"),
        description="Asks CLAY_IMAGERY, a STAC API or catalogue, which Sentinel-2 scenes of the "
        "registered tiles and of CLAY_AOI are new or were processed anew, and reports them.",
        minimum_interval_seconds=settings.watch_seconds or DEFAULT_WATCH_SECONDS,
        default_status=status_of(wanted=settings.watch_seconds is not None and is_catalogue),
    )
    def new_scenes(
        context: dg.SensorEvaluationContext, store: StoreResource
    ) -> dg.SensorResult | dg.SkipReason:
        if location is None or not is_catalogue:
            return dg.SkipReason(
                f"CLAY_IMAGERY is {location or 'not set'}; this sensor watches a STAC API or "
                "catalogue, like https://earth-search.aws.element84.com/v1"
            )
        tiles = set(context.instance.get_dynamic_partitions("mgrs_tile"))
        if settings.aoi is not None:
            tiles |= set(tiles_of_area(read_area(settings.aoi)))
        if not tiles:
            return dg.SkipReason("no tile is registered; add some, or set CLAY_AOI to an area")
        found = scenes_since(
            location,
            sorted(tiles),
            datetime.now(UTC) - FIRST_LOOK_BACK,
            cursor=NewsCursor.from_json(context.cursor),
        )
        for note in found.notes:
            context.log.warning(note)
        changes = [
            TileChange(tile, fingerprint(scenes, str(found.newest)), len(scenes))
            for tile, scenes in sorted(found.scenes.items())
        ]
        context.log.info(f"{len(tiles)} tiles, {found.requests} requests, {len(changes)} changed")
        place = str(local_path(location) or location)
        return _result(store.open(), place, changes, found.cursor.to_json())

    return new_scenes


def _is_catalogue(location: str) -> bool:
    """Whether a location is STAC, as far as its name tells, and not a bucket or folder."""
    return location.startswith(("http://", "https://")) or location.lower().endswith(
        (".json", ".geojson", ".parquet", ".geoparquet")
    )


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


def _result(
    store: Store, location: str, changes: Sequence[TileChange], cursor: str
) -> dg.SensorResult:
    """Partitions and events of the changes."""
    registered = register_changes(store, location, changes)
    events = [
        event
        for change in registered
        for event in imagery_events(
            change.mgrs, change.version, {"location": location, "items": change.objects}
        )
    ]
    return dg.SensorResult(
        skip_reason=None if registered else "nothing new",
        dynamic_partitions_requests=[
            mgrs_tiles.build_add_request([change.mgrs for change in registered])
        ]
        if registered
        else [],
        asset_events=events,
        cursor=cursor,
    )
