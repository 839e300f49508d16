"""Ticks of the sensors, on a real instance."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import dagster as dg
import pystac
import pytest
import shapely.geometry

from clay_assets.chips import read_manifest
from clay_assets.definitions import build_defs
from clay_assets.defs.resources import resources_of
from clay_assets.defs.runs import run_job
from clay_assets.defs.sensors import BucketCursor, bucket_sensor, scene_sensor
from clay_assets.ingest.footprint import footprint_wgs84
from clay_assets.mgrs import tile_box, tile_centre_wgs84
from clay_assets.settings import Settings
from clay_assets.store import Store
from clay_assets.tile_sources import TileSource, read_source, write_source
from clay_assets_tests.ingest.making import optical, tile_names
from clay_assets_tests.ingest.test_locations import save_nested
from clay_assets_tests.stac_server import serving as stac_api

FIRST, SECOND = "32VKM", "32VLM"
Tick = Callable[[], dict[str, int]]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    environ = {"CLAY_HOME": str(tmp_path / "home"), "CLAY_IMAGERY": str(tmp_path / "02")}
    return Settings.from_environment(environ)


@pytest.fixture
def bucket(settings: Settings, tmp_path: Path) -> Store:
    return Store(str(settings.imagery), tmp_path / "cache")


def _ticking(
    settings: Settings,
    instance: dg.DagsterInstance,
    *,
    report: bool = True,
    make: Callable[[Settings], dg.SensorDefinition] = bucket_sensor,
) -> Tick:
    """Ticks as the daemon does; each gives the tiles it reports with their objects."""
    sensor, definitions = make(settings), build_defs(settings)
    cursor: list[str | None] = [None]

    def tick() -> dict[str, int]:
        context = dg.build_sensor_context(
            instance=instance,
            instance_ref=instance.get_ref(),
            cursor=cursor[0],
            definitions=definitions,
            resources=resources_of(settings),
        )
        data = sensor.evaluate_tick(context)
        cursor[0] = data.cursor
        for request in data.dynamic_partitions_requests:
            instance.add_dynamic_partitions("mgrs_tile", request.partition_keys)
        for event in data.asset_events if report else ():
            instance.report_runless_asset_event(event)
        return {event.partition: event.metadata["items"].value for event in data.asset_events}

    return tick


@pytest.fixture
def instance():
    with dg.instance_for_test() as instance:
        yield instance


@pytest.fixture
def tick(settings: Settings, instance: dg.DagsterInstance) -> Tick:
    return _ticking(settings, instance)


def test_new_tiles_are_registered_and_added_as_partitions(
    bucket: Store, tick: Tick, settings: Settings, instance: dg.DagsterInstance
):
    bucket.write_bytes(f"{FIRST}/2021-06-01/a.tif", b"x")
    assert tick() == {FIRST: 1}
    assert instance.get_dynamic_partitions("mgrs_tile") == [FIRST]
    assert read_source(settings.store, FIRST) == TileSource(FIRST, bucket.root)
    assert tick() == {}


def test_a_change_is_observed_and_materialised_once(
    bucket: Store, tick: Tick, instance: dg.DagsterInstance
):
    bucket.write_bytes(f"{FIRST}/2021-06-01/a.tif", b"x")
    tick()
    bucket.write_bytes(f"{FIRST}/2021-06-01/a.tif", b"y")
    assert tick() == {FIRST: 1}
    key = dg.AssetKey("imagery")
    assert len(instance.fetch_materializations(key, limit=10).records) == 2
    assert len(instance.fetch_observations(key, limit=10).records) == 2


def test_a_tile_that_is_deleted_is_withdrawn_and_comes_back(
    bucket: Store, tick: Tick, settings: Settings
):
    bucket.write_bytes(f"{FIRST}/2021-06-01/a.tif", b"x")
    tick()
    bucket.delete([f"{FIRST}/2021-06-01/a.tif"])
    assert tick() == {FIRST: 0}
    assert read_source(settings.store, FIRST).withdrawn
    bucket.write_bytes(f"{FIRST}/2021-06-01/a.tif", b"x")
    assert tick() == {FIRST: 1}
    assert not read_source(settings.store, FIRST).withdrawn


def test_how_a_tile_is_cut_is_kept(bucket: Store, tick: Tick, settings: Settings):
    source = TileSource(FIRST, bucket.root, dates=("2021-06-01",), chip_size=64)
    write_source(settings.store, source)
    bucket.write_bytes(f"{FIRST}/2021-06-01/a.tif", b"x")
    assert tick() == {FIRST: 1}
    assert read_source(settings.store, FIRST) == source


def test_a_tile_taken_from_elsewhere_is_left_alone(bucket: Store, tick: Tick, settings: Settings):
    write_source(settings.store, TileSource(FIRST, "/elsewhere"))
    bucket.write_bytes(f"{FIRST}/2021-06-01/a.tif", b"x")
    bucket.write_bytes(f"{SECOND}/2021-06-01/a.tif", b"x")
    assert tick() == {SECOND: 1}
    assert read_source(settings.store, FIRST).location == "/elsewhere"


def test_1203_tiles_come_in_three_ticks(
    bucket: Store, settings: Settings, instance: dg.DagsterInstance
):
    tick = _ticking(settings, instance, report=False)
    tiles = tile_names(1_203)
    for tile in tiles:
        bucket.write_bytes(f"{tile}/2021-06-01/a.tif", b"x")
    assert [len(tick()) for _ in range(4)] == [500, 500, 203, 0]
    assert instance.get_dynamic_partitions("mgrs_tile") == tiles


def test_without_a_place_to_watch_the_sensor_says_what_to_set(settings: Settings):
    sensor = bucket_sensor(replace(settings, imagery="https://example.org/stac"))
    with dg.instance_for_test() as instance:
        context = dg.build_sensor_context(instance, resources=resources_of(settings))
        data = sensor.evaluate_tick(context)
    assert (
        "CLAY_IMAGERY is https://example.org/stac; this sensor watches a folder"
        in data.skip_message
    )


@pytest.mark.parametrize(("watch", "status"), [("", "STOPPED"), ("30", "RUNNING")])
def test_sensors_run_from_the_start_only_when_asked(settings: Settings, watch: str, status: str):
    environ = {"CLAY_HOME": str(settings.home), "CLAY_IMAGERY": "s3://b/02", "CLAY_WATCH": watch}
    repository = build_defs(Settings.from_environment(environ)).get_repository_def()
    found = {sensor.name: sensor.default_status.value for sensor in repository.sensor_defs}
    assert found["new_objects"] == found["automation"] == status


@pytest.fixture
def queued(settings: Settings, s3_bucket: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a bucket that sends its events to a queue."""
    sqs, s3 = boto3.client("sqs"), boto3.client("s3")
    queue_url = sqs.create_queue(QueueName=s3_bucket)["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    configuration = {
        "QueueArn": attributes["Attributes"]["QueueArn"],
        "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"],
    }
    s3.put_bucket_notification_configuration(
        Bucket=s3_bucket, NotificationConfiguration={"QueueConfigurations": [configuration]}
    )
    return replace(settings, imagery=f"s3://{s3_bucket}/02", queue_url=queue_url)


def test_with_a_queue_only_what_it_names_is_listed(
    queued: Settings, instance: dg.DagsterInstance, tmp_path: Path
):
    bucket = Store(str(queued.imagery), tmp_path / "cache")
    bucket.write_bytes(f"{FIRST}/2021-06-01/a.tif", b"x")
    tick = _ticking(queued, instance)
    assert tick() == {FIRST: 1}  # the first tick lists what has been there before
    assert tick() == {}
    bucket.write_bytes(f"{SECOND}/2021-06-01/a.tif", b"x")
    assert tick() == {SECOND: 1}
    bucket.delete([f"{FIRST}/2021-06-01/a.tif"])
    assert tick() == {FIRST: 0}
    assert tick() == {}


def test_messages_are_deleted_by_the_tick_after_the_one_that_recorded_them(
    queued: Settings, instance: dg.DagsterInstance, tmp_path: Path
):
    bucket = Store(str(queued.imagery), tmp_path / "cache")
    tick = _ticking(queued, instance)
    tick()
    bucket.write_bytes(f"{FIRST}/2021-06-01/a.tif", b"x")
    assert tick() == {FIRST: 1}
    assert _in_flight(queued) == 2  # S3 sends a test message too
    tick()
    assert _in_flight(queued) == 0


def _scene(folder: Path, day: str, updated: datetime) -> pystac.Item:
    """A tiny scene that says it covers its whole tile."""
    item = optical(folder, day, updated=updated.isoformat().replace("+00:00", "Z"))
    box = tile_box(FIRST)
    footprint = footprint_wgs84((box.west, box.south, box.east, box.north), box.epsg)
    item.geometry = shapely.geometry.mapping(footprint)
    return item


def test_new_scenes_of_an_area_are_registered_and_reported(
    settings: Settings, instance: dg.DagsterInstance, tmp_path: Path
):
    now = datetime.now(UTC)
    items = [_scene(tmp_path / "scenes", "2021-05-10", now - timedelta(days=3))]
    lon, lat = tile_centre_wgs84(FIRST)
    with stac_api(items) as url:
        watched = replace(
            settings, imagery=url, aoi=f"{lon - 0.1},{lat - 0.1},{lon + 0.1},{lat + 0.1}"
        )
        tick = _ticking(watched, instance, make=scene_sensor)
        assert tick() == {FIRST: 1}
        assert read_source(settings.store, FIRST).location == url
        assert tick() == {}
        items.append(_scene(tmp_path / "scenes", "2021-06-10", now))
        assert tick() == {FIRST: 1}
        assert tick() == {}


def test_scenes_in_a_tile_folder_are_as_good_as_chips(
    settings: Settings, instance: dg.DagsterInstance, tick: Tick, tmp_path: Path
):
    write_source(settings.store, TileSource(FIRST, str(settings.imagery), chip_size=32))
    save_nested(Path(str(settings.imagery)), [optical(tmp_path / "scenes", "2021-05-10")])
    assert tick() == {FIRST: 12}  # ten bands, their classification, and the item
    run_job(build_defs(settings), instance, "cut_chips", partition=FIRST)
    assert list(read_manifest(settings.store, FIRST).rows["number"]) == [1, 2, 3, 4]


def test_a_cursor_survives_as_text():
    cursor = BucketCursor.from_json(None)
    assert BucketCursor.from_json(cursor.to_json()) == cursor


def _in_flight(settings: Settings) -> int:
    name = "ApproximateNumberOfMessagesNotVisible"
    answer = boto3.client("sqs").get_queue_attributes(
        QueueUrl=settings.queue_url, AttributeNames=[name]
    )
    return int(answer["Attributes"][name])
