"""One run over many tiles: each tile is recorded as it is done, a bad one fails alone.

A run of one tile returns its own result. In a ranged run every tile gets its own event, with data
version, code version and input versions, the moment its files are in the store; a crash loses only
the tiles in hand. Bad tiles are collected and the run ends with a failure that lists them.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg
from dagster._core.definitions.source_asset import SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION

from clay_assets import progress
from clay_assets.defs.lineage import TileLineage
from clay_assets.defs.tile_failures import failures_before, is_last_of_run, report_failure
from clay_assets.errors import ClayAssetsError

TILES_A_RUN = 100
"""A run loads the libraries and the model once for so many tiles."""
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


Outcomes = Iterator[tuple[str, Outcome | ClayAssetsError]]
"""Each tile as it is done: what became of it, or why it failed."""


def materialize_tiles(
    context: dg.AssetExecutionContext, work: Callable[[str], Outcome], *, kind: str = "tiles"
) -> dg.MaterializeResult[None]:
    """Do `work` for each tile of the run, one after the other, and record it.

    Args:
        context: of the step.
        work: called with each tile, or whatever the partitions are.
        kind: what a failure calls them.

    Raises:
        dg.Failure: some tiles failed; the others are done and recorded.
    """
    return materialize_together(context, lambda tiles: _one_by_one(tiles, work), kind=kind)


def materialize_together(
    context: dg.AssetExecutionContext,
    work: Callable[[Sequence[str]], Outcomes],
    *,
    kind: str = "tiles",
) -> dg.MaterializeResult[None]:
    """Do `work` for all tiles of the run at once and record each tile as it is done.

    Tiles that failed in an earlier step or check of the run are left out. The last step of the run
    fails it when there are any.

    Raises:
        dg.Failure: some tiles failed; the others are done and recorded.
    """
    tiles = list(context.partition_keys)  # once: each access reads every tile from the database
    failed = failures_before(context)
    with logged_progress(context):
        if len(tiles) == 1 and not failed:
            with reported_as_failure(f"{tiles[0]}: "):
                ((_, outcome),) = work(tiles)
                if isinstance(outcome, ClayAssetsError):
                    raise outcome
            return dg.MaterializeResult(
                metadata=outcome.metadata, data_version=dg.DataVersion(outcome.data_version)
            )
        good = [tile for tile in tiles if tile not in failed]
        failed |= _materialize_each(context, good, work)
    if failed and is_last_of_run(context, context.asset_key):
        raise _failure(failed, f"{len(tiles)} {kind}")
    # Every tile has its own event by now. With this key Dagster does not add another for each, with
    # one data version for all of them; it still runs what lies downstream.
    return dg.MaterializeResult(metadata={SYSTEM_METADATA_KEY_SOURCE_ASSET_OBSERVATION: True})


def _one_by_one(tiles: Sequence[str], work: Callable[[str], Outcome]) -> Outcomes:
    for tile in tiles:
        try:
            outcome: Outcome | ClayAssetsError = work(tile)
        except ClayAssetsError as error:
            outcome = error
        yield tile, outcome


def _materialize_each(
    context: dg.AssetExecutionContext,
    tiles: Sequence[str],
    work: Callable[[Sequence[str]], Outcomes],
) -> dict[str, str]:
    """Do the tiles and record each; what went wrong by tile."""
    lineage = TileLineage.of_run(context, tiles)
    failed: dict[str, str] = {}
    for tile, outcome in work(tiles):
        if isinstance(outcome, ClayAssetsError):
            failed[tile] = str(outcome)
            report_failure(context, context.asset_key, tile, failed[tile])
            continue
        context.log_event(
            dg.AssetMaterialization(
                context.asset_key,
                partition=tile,
                metadata=dict(outcome.metadata),
                tags=lineage.tags(tile, outcome.data_version),
            )
        )
    return failed


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
def reported_as_failure(prefix: str = "") -> Iterator[None]:
    """Turn an error that a person can act on into a failure without a retry or a stack trace."""
    try:
        yield
    except ClayAssetsError as error:
        raise dg.Failure(f"{prefix}{error}", allow_retries=False) from error


def _failure(failed: Mapping[str, str], of: str) -> dg.Failure:
    listed: Sequence[str] = [f"{tile}: {message}" for tile, message in failed.items()]
    return dg.Failure(
        f"{len(failed)} of {of} failed: " + "; ".join(listed),
        metadata={"failed": dg.MetadataValue.json(dict(failed))},
        allow_retries=False,
    )
