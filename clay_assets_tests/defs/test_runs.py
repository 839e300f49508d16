"""Runs in this process: their failures in words, and runs whose process was killed."""

import os
import signal
import time

import dagster as dg
import pytest
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from clay_assets.defs.checks import result_of, tiles_to_check
from clay_assets.defs.runs import PROCESS_TAG, RunFailedError, close_dead_runs, run_job
from clay_assets.defs.tile_runs import Outcome, materialize_tiles
from clay_assets.errors import ChipError

tiles_def = dg.DynamicPartitionsDefinition(name="mgrs_tile")


@dg.asset(
    partitions_def=tiles_def, code_version="7", backfill_policy=dg.BackfillPolicy.multi_run(10)
)
def squares(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    def work(tile: str) -> Outcome:
        if tile == "32VMN":
            raise ChipError("bad.tif has no CRS")
        return Outcome(f"version of {tile}", {"squares": 4})

    return materialize_tiles(context, work)


@dg.asset_check(asset=squares, blocking=True)
def squares_are_square(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
    asset = dg.AssetKey("squares")
    crooked = {tile for tile in tiles_to_check(context, asset) if tile == "32VNM"}
    return result_of(context, asset, {tile: ["crooked"] for tile in crooked}, {})


@dg.asset(
    partitions_def=tiles_def,
    deps=[squares],
    code_version="1",
    backfill_policy=dg.BackfillPolicy.multi_run(10),
)
def cubes(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    return materialize_tiles(context, lambda tile: Outcome(f"cubes of {tile}", {}))


DEFINITIONS = dg.Definitions(
    assets=[squares, cubes],
    asset_checks=[squares_are_square],
    jobs=[
        dg.define_asset_job("cut", dg.AssetSelection.assets(squares).without_checks()),
        dg.define_asset_job("build", [squares, cubes]),
    ],
    executor=dg.in_process_executor,
)
RANGE = {
    "dagster/asset_partition_range_start": "32VKM",
    "dagster/asset_partition_range_end": "32VNM",
}


@pytest.fixture
def instance():
    with dg.instance_for_test() as instance:
        instance.add_dynamic_partitions("mgrs_tile", ["32VKM", "32VLM", "32VMN", "32VNM"])
        yield instance


def _events(
    instance: dg.DagsterInstance, asset: str = "squares"
) -> dict[str, dg.AssetMaterialization]:
    """The one event of each tile."""
    records = instance.fetch_materializations(dg.AssetKey(asset), limit=100).records
    events = {record.partition_key: record.asset_materialization for record in records}
    assert len(events) == len(records), "a tile has two events"
    return events


def _run_range(instance: dg.DagsterInstance, job: str) -> dg.ExecuteInProcessResult:
    return DEFINITIONS.resolve_job_def(job).execute_in_process(
        instance=instance, tags=RANGE, raise_on_error=False
    )


def test_a_run_of_one_tile_records_its_data_version(instance: dg.DagsterInstance):
    run_job(DEFINITIONS, instance, "cut", partition="32VKM")
    event = _events(instance)["32VKM"]
    assert event.tags["dagster/data_version"] == "version of 32VKM"
    assert event.tags["dagster/code_version"] == "7"


def test_a_bad_tile_fails_the_run_and_says_why(instance: dg.DagsterInstance):
    with pytest.raises(RunFailedError, match=r"32VMN: bad\.tif has no CRS"):
        run_job(DEFINITIONS, instance, "cut", partition="32VMN")


def test_one_bad_tile_of_many_fails_alone(instance: dg.DagsterInstance):
    assert not _run_range(instance, "cut").success
    events = _events(instance)
    assert sorted(events) == ["32VKM", "32VLM", "32VNM"]
    assert events["32VNM"].tags == {
        "dagster/data_version": "version of 32VNM",
        "dagster/code_version": "7",
        "dagster/data_version_is_user_provided": "true",
    }


def test_what_lies_downstream_goes_on_without_the_bad_tiles(instance: dg.DagsterInstance):
    result = _run_range(instance, "build")
    assert sorted(_events(instance)) == ["32VKM", "32VLM", "32VNM"]
    assert sorted(_events(instance, "cubes")) == ["32VKM", "32VLM"]
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_key == "cubes"
    assert failure.step_failure_data.user_failure_data.description == (
        "2 of 4 tiles failed: 32VMN: bad.tif has no CRS; 32VNM: crooked"
    )


def test_the_reason_stands_at_the_partition_of_the_bad_tile(instance: dg.DagsterInstance):
    _run_range(instance, "build")
    records = instance.fetch_observations(dg.AssetKey("squares"), limit=10).records
    reasons = {
        record.partition_key: record.asset_observation.metadata["failed"].value
        for record in records
    }
    assert reasons == {"32VMN": "bad.tif has no CRS", "32VNM": "crooked"}


def test_nothing_is_built_on_one_tile_that_fails_a_check(instance: dg.DagsterInstance):
    with pytest.raises(RunFailedError, match="1 of 1 tiles failed: 32VNM: crooked"):
        run_job(DEFINITIONS, instance, "build", partition="32VNM")
    assert not _events(instance, "cubes")


def test_a_tile_of_a_ranged_run_is_stale_only_when_its_own_input_changes(
    instance: dg.DagsterInstance,
):
    _run_range(instance, "build")
    assert _stale(instance, "cubes") == {"32VKM": "FRESH", "32VLM": "FRESH"}
    changed = {"dagster/data_version": "another"}
    instance.report_runless_asset_event(
        dg.AssetMaterialization("squares", partition="32VLM", tags=changed)
    )
    assert _stale(instance, "cubes") == {"32VKM": "FRESH", "32VLM": "STALE"}


def _stale(instance: dg.DagsterInstance, asset: str) -> dict[str, str]:
    resolver = CachingStaleStatusResolver(
        instance,
        DEFINITIONS.resolve_asset_graph(),
        loading_context=LoadingContextForTest(instance),
    )
    tiles = ("32VKM", "32VLM")
    return {tile: resolver.get_status(dg.AssetKey(asset), tile).value for tile in tiles}


def test_ctrl_c_in_a_step_is_passed_on(instance: dg.DagsterInstance):
    @dg.asset
    def endless() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)

    job = dg.define_asset_job("wait", [endless])
    definitions = dg.Definitions(assets=[endless], jobs=[job], executor=dg.in_process_executor)
    with pytest.raises(KeyboardInterrupt):
        run_job(definitions, instance, "wait")


def test_runs_of_killed_processes_are_closed(instance: dg.DagsterInstance):
    job = DEFINITIONS.resolve_job_def("cut")
    dead = instance.create_run_for_job(
        job, status=dg.DagsterRunStatus.STARTED, tags={PROCESS_TAG: "999999999:1"}
    )
    foreign = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert close_dead_runs(instance) == [dead.run_id]
    assert instance.get_run_by_id(dead.run_id).status is dg.DagsterRunStatus.FAILURE
    assert instance.get_run_by_id(foreign.run_id).status is dg.DagsterRunStatus.STARTED
