"""Runs over many tiles, as a backfill launches them: killed, resumed, with one bad tile."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill

from clay_assets.definitions import build_defs
from clay_assets.defs.imagery import register_imagery
from clay_assets.defs.instance import open_instance
from clay_assets.defs.runs import PROCESS_TAG, close_dead_runs, this_process
from clay_assets.settings import Settings
from clay_assets.store import Store
from clay_assets.tile_sources import TileSource
from clay_assets_tests.defs.operating import daemon, import_tiny_checkpoint, put_chip, wait_for

TILES = [f"32V{column}{row}" for column in "KLMN" for row in "KLM"]
STEPS = ["tiles", "chips", "embeddings/clay", "pgvector_index"]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Twelve tiles of two ready chips, and a checkpoint."""
    monkeypatch.setenv("CLAY_HOME", str(tmp_path / "home"))
    settings = Settings.from_environment()
    bucket = Store(str(tmp_path / "02"), tmp_path / "cache")
    import_tiny_checkpoint(settings, tmp_path / "weights")
    with open_instance() as instance:
        for tile in TILES:
            put_chip(bucket, tile, 1)
            put_chip(bucket, tile, 2)
            register_imagery(instance, settings.store, TileSource(tile, bucket.root))
    return settings


RUN_UNTIL_KILLED = """
from clay_assets_tests.defs.test_backfill import run_until_killed
run_until_killed()
"""


def run_until_killed() -> None:
    """`run_all`, killed when three tiles' embeddings are recorded."""

    def kill_in_time() -> None:
        with open_instance() as instance:
            while len(_done("embeddings/clay", instance)) < 3:
                time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=kill_in_time, daemon=True).start()
    run_all()


def run_all() -> bool:
    """What the daemon starts for one part of a backfill, in this process."""
    definitions = build_defs(Settings.from_environment())
    with open_instance() as instance:
        result = definitions.resolve_job_def("one_tile").execute_in_process(
            instance=instance,
            tags={
                "dagster/asset_partition_range_start": TILES[0],
                "dagster/asset_partition_range_end": TILES[-1],
                PROCESS_TAG: this_process(),
            },
            run_config={
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                "ops": {"embeddings__clay": {"config": {"batch_size": 1}}},
            },
            raise_on_error=False,
        )
    return result.success


def _done(asset: str, instance: dg.DagsterInstance) -> list[dg.AssetMaterialization]:
    """Events of an asset, oldest first."""
    key = dg.AssetKey(asset.split("/"))
    records = instance.fetch_materializations(key, limit=1_000).records
    return [record.asset_materialization for record in reversed(records)]


@pytest.mark.slow
def test_a_killed_run_loses_only_the_tiles_in_hand(settings: Settings):
    command = [sys.executable, "-c", RUN_UNTIL_KILLED]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    with open_instance() as instance:
        assert close_dead_runs(instance)  # or its slot of the pool would never be free again
        before = {event.partition for event in _done("embeddings/clay", instance)}
        assert run_all()
        after = _done("embeddings/clay", instance)[len(before) :]
        cut = _done("chips", instance)[-len(TILES) :]
    assert [event.partition for event in after] == TILES
    embedded = {event.partition: event.metadata["embedded"].value for event in after}
    redone = {tile for tile, chips in embedded.items() if chips}
    # Files are written ahead of their events, so some of those in hand may be found done.
    assert redone
    assert not redone & before
    assert all(event.metadata["skipped"].value for event in cut)


@pytest.mark.slow
def test_one_bad_tile_of_a_backfill_fails_alone(settings: Settings, tmp_path: Path):
    bad = TILES[4]
    broken = next((tmp_path / "02" / bad).rglob("*.tif"))
    broken.write_bytes(broken.read_bytes()[:5_000])
    graph = build_defs(settings).resolve_asset_graph()
    with open_instance() as instance, daemon(dict(os.environ)):
        backfill = PartitionBackfill.from_asset_partitions(
            backfill_id="twelve",
            asset_graph=graph,
            partition_names=TILES,
            asset_selection=[dg.AssetKey(step.split("/")) for step in STEPS],
            backfill_timestamp=0.0,
            tags={},
            dynamic_partitions_store=instance,
            all_partitions=False,
            title=None,
            description=None,
            run_config=None,
        )
        instance.add_backfill(backfill)
        wait_for("the end of the backfill", _ended(instance))
        status = instance.get_backfill("twelve").status
        done = {step: {event.partition for event in _done(step, instance)} for step in STEPS}
        (run,) = [run for run in instance.get_runs() if run.tags.get("dagster/backfill")]
        (failure,) = [
            entry.dagster_event
            for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        ]
    assert status is BulkActionStatus.COMPLETED_FAILED
    for step in STEPS:
        assert done[step] >= set(TILES) - {bad}, step
    assert bad not in done["pgvector_index"]
    reason = failure.step_failure_data.user_failure_data.description
    assert reason.startswith(f"1 of 12 tiles failed: {bad}: ")
    assert broken.name in reason


def _ended(instance: dg.DagsterInstance) -> Callable[[], bool]:
    ends = {BulkActionStatus.COMPLETED_SUCCESS, BulkActionStatus.COMPLETED_FAILED}
    return lambda: instance.get_backfill("twelve").status in ends
