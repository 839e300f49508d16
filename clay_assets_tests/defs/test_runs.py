"""Runs in this process: their failures in words, and runs whose process was killed."""

import os
import signal
import time

import dagster as dg
import pytest

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
        return Outcome(f"version of {tile}", {"squares": 4}, {"imagery": f"imagery of {tile}"})

    return materialize_tiles(context, work)


DEFINITIONS = dg.Definitions(
    assets=[squares],
    jobs=[dg.define_asset_job("cut", [squares])],
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


def _events(instance: dg.DagsterInstance) -> dict[str, dg.AssetMaterialization]:
    records = instance.fetch_materializations(dg.AssetKey("squares"), limit=100).records
    return {record.partition_key: record.asset_materialization for record in records}


def test_a_run_of_one_tile_records_its_data_version(instance: dg.DagsterInstance):
    run_job(DEFINITIONS, instance, "cut", partition="32VKM")
    event = _events(instance)["32VKM"]
    assert event.tags["dagster/data_version"] == "version of 32VKM"
    assert event.tags["dagster/code_version"] == "7"


def test_a_bad_tile_fails_the_run_and_says_why(instance: dg.DagsterInstance):
    with pytest.raises(RunFailedError, match=r"32VMN: bad\.tif has no CRS"):
        run_job(DEFINITIONS, instance, "cut", partition="32VMN")


def test_one_bad_tile_of_many_fails_alone(instance: dg.DagsterInstance):
    job = DEFINITIONS.resolve_job_def("cut")
    result = job.execute_in_process(instance=instance, tags=RANGE, raise_on_error=False)
    assert not result.success
    events = _events(instance)
    assert sorted(events) == ["32VKM", "32VLM", "32VNM"]
    assert events["32VNM"].tags == {
        "dagster/data_version": "version of 32VNM",
        "dagster/code_version": "7",
        "dagster/data_version_is_user_provided": "true",
        "dagster/input_data_version/imagery": "imagery of 32VNM",
    }


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
