"""Running the graph's jobs in this process, on the instance that the Dagster UI shows."""

import os
from typing import Any

import dagster as dg
import psutil
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from clay_assets.errors import ClayAssetsError

PROCESS_TAG = "clay/process"
"""Run tag: process id and its start time, to know a run whose process is gone."""


class RunFailedError(ClayAssetsError, RuntimeError):
    """A run of the graph failed; the message says why."""


def run_job(
    definitions: dg.Definitions,
    instance: DagsterInstance,
    job: str,
    *,
    partition: str | None = None,
    config: dict[str, Any] | None = None,
) -> str:
    """Run a job to its end.

    Args:
        definitions: what `build_defs` returns.
        instance: where the run is recorded.
        job: name of the job.
        partition: partition key, for a partitioned job.
        config: run config by op, `{"tiles": {"max_dates": 1}}`.

    Returns:
        The run's id.

    Raises:
        RunFailedError: a step failed.
        KeyboardInterrupt: Ctrl-C ended it.
    """
    run_config = {
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        "ops": {name: {"config": values} for name, values in (config or {}).items()},
    }
    result = definitions.resolve_job_def(job).execute_in_process(
        instance=instance,
        partition_key=partition,
        run_config=run_config,
        tags={PROCESS_TAG: this_process()},
        raise_on_error=False,
    )
    if _was_interrupted(result):
        raise KeyboardInterrupt
    if not result.success:
        raise RunFailedError(_reason(result, job))
    return result.run_id


def close_dead_runs(instance: DagsterInstance) -> list[str]:
    """Mark runs as failed whose process was killed, so that the UI and the pools know.

    Returns:
        Their ids.
    """
    unfinished = RunsFilter(
        statuses=[
            DagsterRunStatus.STARTED,
            DagsterRunStatus.STARTING,
            DagsterRunStatus.NOT_STARTED,
            DagsterRunStatus.CANCELING,
        ]
    )
    closed = []
    for run in instance.get_runs(unfinished):
        process = run.tags.get(PROCESS_TAG)
        if process is None or _is_alive(process):
            continue
        instance.report_run_failed(run, "Its process ended without finishing the run.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        closed.append(run.run_id)
    return closed


def _was_interrupted(result: dg.ExecuteInProcessResult) -> bool:
    """Whether Dagster turned a Ctrl-C into the failure of a step."""
    failures = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    errors = [failure.error for failure in failures if failure.error is not None]
    return any(
        cause is not None and cause.cls_name == "DagsterExecutionInterruptedError"
        for error in errors
        for cause in (error, error.cause)
    )


def _reason(result: dg.ExecuteInProcessResult, job: str) -> str:
    """Why a run failed: the first failed step's own words."""
    for event in result.all_events:
        if event.is_step_failure:
            failure = event.step_failure_data
            metadata = failure.user_failure_data
            if metadata is not None and metadata.description:
                return metadata.description
            error = failure.error
            if error is not None:
                cause = error.cause or error
                return f"step {event.step_key} of {job}: {cause.message.strip()}"
    return f"job {job} failed; see run {result.run_id} in the Dagster UI"


def this_process() -> str:
    """Value of `PROCESS_TAG` for a run of this process."""
    return f"{os.getpid()}:{psutil.Process().create_time():.0f}"


def _is_alive(process: str) -> bool:
    pid, _, started = process.partition(":")
    try:
        return f"{psutil.Process(int(pid)).create_time():.0f}" == started
    except psutil.NoSuchProcess:
        return False
