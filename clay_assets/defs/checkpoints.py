"""The training set, and checkpoints by name: imported, or trained on it."""

from typing import Any

import dagster as dg

from clay_assets import training
from clay_assets.checkpoint_import import CheckpointReport, as_heads, import_checkpoint
from clay_assets.defs.chips import chips
from clay_assets.defs.imagery import OWNERS
from clay_assets.defs.metadata import picture
from clay_assets.defs.partitions import checkpoint_names
from clay_assets.defs.resources import DeviceResource, StoreResource
from clay_assets.defs.tile_runs import logged_progress, reported_as_failure
from clay_assets.pictures import loss_curve_png, reconstruction_png


class CheckpointConfig(dg.Config):
    """Where the checkpoint comes from; without a source it is trained here."""

    source: str | None = None
    """Path, `s3://` or `https://` URL of a checkpoint to import."""
    heads: list[int] | None = None
    """Attention heads of encoder and decoder, for a size that was never released."""
    options: list[str] | None = None
    """What the file does not say: `float16_encodings` of Clay v0.0.1, `normalize` of VectorGeo."""
    max_seconds: float = 60.0
    """Time for training."""
    max_steps: int | None = None
    """Optimiser steps at most."""
    seed: int = 42
    """Seed of weights, masks and order."""


@dg.asset(
    deps=[dg.AssetDep(chips, partition_mapping=dg.AllPartitionMapping())],
    group_name="training",
    kinds={"parquet"},
    owners=OWNERS,
    code_version=training.SET_VERSION,
)
def training_set(
    context: dg.AssetExecutionContext, store: StoreResource
) -> dg.MaterializeResult[None]:
    """All chips of all tiles, split by place into training and validation."""
    with reported_as_failure():
        report = training.build_training_set(store.open(), run_id=context.run.run_id)
    return dg.MaterializeResult(
        metadata={
            "tiles": report.tiles,
            "training_chips": report.training_chips,
            "validation_chips": report.validation_chips,
            "margin_chips": report.margin_chips,
            "seconds": report.seconds,
            "skipped": report.skipped,
        },
        data_version=dg.DataVersion(report.data_version),
    )


@dg.asset(
    partitions_def=checkpoint_names,
    deps=[training_set],
    group_name="training",
    kinds={"pytorch", "safetensors"},
    owners=OWNERS,
    code_version=training.CODE_VERSION,
    pool="gpu",
)
def checkpoints(
    context: dg.AssetExecutionContext,
    config: CheckpointConfig,
    store: StoreResource,
    device: DeviceResource,
) -> dg.MaterializeResult[None]:
    """Weights by name: a checkpoint imported as safetensors, or a small MAE trained here."""
    files, name, run_id = store.open(), context.partition_key, context.run.run_id
    with reported_as_failure(), logged_progress(context):
        if config.source is not None:
            report = import_checkpoint(
                files,
                config.source,
                name,
                run_id=run_id,
                heads=as_heads(config.heads),
                options=tuple(config.options or ()),
            )
            return _imported(report)
        settings = training.TrainingConfig(
            max_seconds=config.max_seconds, max_steps=config.max_steps, seed=config.seed
        )
        return _trained(training.train(files, name, settings, device=device.name, run_id=run_id))


def _imported(report: CheckpointReport) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(
        metadata={
            "source": report.source,
            "checkpoint": report.data_version,
            "family": report.family,
            "size": report.size or "of its own",
            "parameters": report.parameters,
            **_known(report),
            "seconds": report.seconds,
            "skipped": report.skipped,
        },
        data_version=dg.DataVersion(report.data_version),
    )


def _known(report: CheckpointReport) -> dict[str, Any]:
    """What is known about the published model whose sizes these are."""
    known = {
        "model": report.model,
        "dimensions": report.dimensions,
        "licence": report.licence,
        "notes": report.notes,
    }
    return {key: value for key, value in known.items() if value is not None}


def _trained(report: training.TrainingReport) -> dg.MaterializeResult[None]:
    metadata: dict[str, Any] = {
        "source": "trained here",
        "checkpoint": report.data_version,
        "parameters": report.parameters,
        "training_chips": report.chips,
        "steps": report.steps,
        "seconds": report.seconds,
        "skipped": report.skipped,
        "loss_curve": picture(loss_curve_png(report.train_losses, report.validation_losses)),
    }
    if report.validation_losses:
        metadata["validation_loss"] = min(loss for _, loss in report.validation_losses)
    example = report.reconstruction
    if example is not None:
        views = (example.target, example.masked, example.reconstruction)
        png = reconstruction_png(*(view.transpose(2, 0, 1) for view in views))
        metadata["reconstruction"] = picture(png)
    return dg.MaterializeResult(metadata=metadata, data_version=dg.DataVersion(report.data_version))
