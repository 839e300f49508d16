"""One run over many tiles: each tile is recorded as it is done, a bad one fails alone.

A run of one tile returns its own result. In a ranged run every tile gets its own event, with data
version, code version and input versions, the moment its files are in the store; a crash loses only
the tile in hand. Bad tiles are collected and the run ends with a failure that lists them.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from clay_assets import progress
from clay_assets.errors import ClayAssetsError

TILES_A_RUN = 50
"""A run loads the model once for so many tiles, and a dead worker loses no more."""
LOG_EVERY_S = 10.0

Metadata = Mapping[str, Any]
"""What Dagster takes as metadata values: numbers, texts, `dg.MetadataValue`."""


@dataclass(frozen=True)
class Outcome:
    """What became of one tile."""

    data_version: str
    """Fingerprint of the files written."""
    metadata: Metadata
    """Figures and pictures for the UI."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """Upstream asset key -> the data version that was read."""


def materialize_tiles(
    context: dg.AssetExecutionContext, work: Callable[[str], Outcome]
) -> dg.MaterializeResult[None]:
    """Do `work` for each tile of the run and record it.

    Raises:
        dg.Failure: some tiles failed; the others are done and recorded.
    """
    tiles = list(context.partition_keys)  # once: each access reads every tile from the database
    failed: dict[str, str] = {}
    done: list[Outcome] = []
    with logged_progress(context):
        for tile in tiles:
            try:
                outcome = work(tile)
            except ClayAssetsError as error:
                context.log.error(f"{tile}: {error}")
                failed[tile] = str(error)
                continue
            done.append(outcome)
            if len(tiles) > 1:
                context.log_event(_materialization(context, tile, outcome))
    if failed:
        raise _failure(failed, len(tiles))
    if len(tiles) == 1:
        return dg.MaterializeResult(
            metadata=done[0].metadata, data_version=dg.DataVersion(done[0].data_version)
        )
    return dg.MaterializeResult(metadata={"tiles": len(tiles)})


@contextmanager
def logged_progress(context: dg.AssetExecutionContext) -> Iterator[None]:
    """Write the progress of long steps into the run's log, not more than every ten seconds."""
    last = time.monotonic()

    def listen(progress_: progress.Progress) -> None:
        nonlocal last
        if time.monotonic() - last >= LOG_EVERY_S:
            last = time.monotonic()
            context.log.info(
                f"{progress_.step}: {progress_.done} of {progress_.total or 'unknown'}"
            )

    with progress.listening(listen):
        yield


@contextmanager
def reported_as_failure() -> Iterator[None]:
    """Turn an error that a person can act on into a failure without a retry or a stack trace."""
    try:
        yield
    except ClayAssetsError as error:
        raise dg.Failure(str(error), allow_retries=False) from error


def _materialization(
    context: dg.AssetExecutionContext, tile: str, outcome: Outcome
) -> dg.AssetMaterialization:
    """The event of one tile, with the tags that Dagster itself writes in a run of one tile."""
    code_version = context.assets_def.code_versions_by_key.get(context.asset_key) or ""
    tags = {
        "dagster/data_version": outcome.data_version,
        "dagster/code_version": code_version,
        "dagster/data_version_is_user_provided": "true",
    }
    for key, version in outcome.inputs.items():
        tags[f"dagster/input_data_version/{key}"] = version
    return dg.AssetMaterialization(
        context.asset_key, partition=tile, metadata=dict(outcome.metadata), tags=tags
    )


def _failure(failed: Mapping[str, str], total: int) -> dg.Failure:
    listed: Sequence[str] = [f"{tile}: {message}" for tile, message in failed.items()]
    return dg.Failure(
        f"{len(failed)} of {total} tiles failed: " + "; ".join(listed),
        metadata={"failed": dg.MetadataValue.json(dict(failed))},
        allow_retries=False,
    )
