"""Projections: what is fitted on a sample before a product can embed chips, made on request."""

from typing import Any

import dagster as dg

from clay_assets import embeddings as embedding
from clay_assets.defs.checkpoints import checkpoints
from clay_assets.defs.chips import chips
from clay_assets.defs.imagery import OWNERS
from clay_assets.defs.metadata import picture
from clay_assets.defs.resources import DeviceResource, StoreResource
from clay_assets.defs.tile_runs import logged_progress, reported_as_failure
from clay_assets.embeddings.fitting import (
    FIT_VERSION,
    SAMPLE,
    ProjectionReport,
    fit_projection,
)
from clay_assets.images.fitting import ImageProjectionReport
from clay_assets.pictures import variance_curve_png


class ProjectionConfig(dg.Config):
    """Which chips it is fitted on."""

    sample: int = SAMPLE
    """Chips drawn from all tiles."""
    seed: int = 0
    """Seed of the draw."""
    batch_size: int = 8
    """Chips a batch; no effect on the projection."""


def projection_key(product: embedding.Product) -> dg.AssetKey:
    """`projections/<product>`."""
    return dg.AssetKey(["projections", product.name])


def projection_asset(product: embedding.Product) -> dg.AssetsDefinition:
    """The asset `projections/<product>`; a person materialises it, for all embeddings follow."""

    @dg.asset(
        key=projection_key(product),
        deps=[
            dg.AssetDep(chips, partition_mapping=dg.AllPartitionMapping()),
            dg.AssetDep(
                checkpoints,
                partition_mapping=dg.SpecificPartitionsPartitionMapping([product.checkpoint]),
            ),
        ],
        description=f"{steps_of(product)} of embeddings by checkpoint {product.checkpoint!r}, "
        "fitted on a sample of the chips of all tiles.",
        group_name="embeddings",
        kinds={"scikitlearn", "safetensors"},
        owners=OWNERS,
        code_version=FIT_VERSION,
        pool="gpu",
    )
    def projection(
        context: dg.AssetExecutionContext,
        config: ProjectionConfig,
        store: StoreResource,
        device: DeviceResource,
    ) -> dg.MaterializeResult[None]:
        with reported_as_failure(), logged_progress(context):
            report = fit_projection(
                store.open(),
                product,
                sample=config.sample,
                seed=config.seed,
                device=device.name,
                precision=device.precision,
                batch_size=config.batch_size,
                run_id=context.run.run_id,
            )
        return dg.MaterializeResult(
            metadata={"chips": report.chips, "tiles": report.tiles} | fitted_metadata(report),
            data_version=dg.DataVersion(report.data_version),
        )

    return projection


def fitted_metadata(report: ProjectionReport | ImageProjectionReport) -> dict[str, Any]:
    """What the UI shows of a projection, besides what it was fitted on."""
    metadata: dict[str, Any] = {
        "projection": report.data_version,
        "checkpoint": report.checkpoint_id,
        "width": report.width,
        "seconds": report.seconds,
        "skipped": report.skipped,
    }
    if report.explained:
        metadata["explained_variance"] = sum(report.explained)
        metadata["variance_curve"] = picture(variance_curve_png(report.explained))
    return metadata


def steps_of(product: embedding.Product) -> str:
    """What a projection does, as text."""
    steps = ["z-score"] if product.standardise else []
    if product.pca is not None:
        steps.append(f"PCA to {product.pca}" + (" with whitening" if product.whiten else ""))
    return ", then ".join(steps).capitalize()
