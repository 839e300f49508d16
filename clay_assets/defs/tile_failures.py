"""Tiles that fail in a run over many: the later steps leave them out, the last one fails the run.

A failure is an observation of the tile, so that the UI shows the reason at the partition. Whatever
step or check reports it, no later step of the run builds on that tile.
"""

from collections.abc import Collection

import dagster as dg
from dagster import DagsterEventType

REASON = "failed"
"""Metadata entry of the observation."""

Context = dg.AssetExecutionContext | dg.AssetCheckExecutionContext


def report_failure(context: Context, asset: dg.AssetKey, tile: str, reason: str) -> None:
    """Record that a tile failed, and why."""
    context.log.error(f"{tile}: {reason}")
    _op(context).log_event(
        dg.AssetObservation(asset, partition=tile, metadata={REASON: dg.MetadataValue.text(reason)})
    )


def failures_before(context: dg.AssetExecutionContext) -> dict[str, str]:
    """Tile -> why it failed, in those steps and checks of this run that the asset builds on."""
    graph = context.job_def.asset_layer.asset_graph
    return _failures(context, graph.get_ancestor_asset_keys(context.asset_key))


def failures_of(context: dg.AssetCheckExecutionContext, asset: dg.AssetKey) -> dict[str, str]:
    """Tile -> why it failed, in the step of this run that made what is checked, or before it."""
    graph = context.job_def.asset_layer.asset_graph
    return _failures(context, graph.get_ancestor_asset_keys(asset) | {asset})


def is_last_of_run(context: Context, asset: dg.AssetKey) -> bool:
    """Whether no other asset of this run builds on the asset."""
    layer = context.job_def.asset_layer
    return not (set(layer.get(asset).child_keys) & set(layer.selected_asset_keys))


def _failures(context: Context, assets: Collection[dg.AssetKey]) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in context.instance.all_logs(
        _op(context).run.run_id, of_type=DagsterEventType.ASSET_OBSERVATION
    ):
        observation = entry.asset_observation
        if observation and observation.partition and observation.asset_key in assets:
            reason = observation.metadata.get(REASON)
            if reason is not None:
                found.setdefault(observation.partition, str(reason.value))
    return found


def _op(context: Context) -> dg.OpExecutionContext:
    return context.op_execution_context
