"""Projections of products that take pictures, made on request."""

from typing import Any

import dagster as dg

from clay_assets.defs.checkpoints import checkpoints
from clay_assets.defs.imagery import OWNERS
from clay_assets.defs.projections import fitted_metadata, projection_key, steps_of
from clay_assets.defs.resources import DeviceResource, StoreResource
from clay_assets.defs.tile_runs import logged_progress, reported_as_failure
from clay_assets.embeddings import Product
from clay_assets.embeddings.encoding import EncoderSettings
from clay_assets.embeddings.fitting import SAMPLE
from clay_assets.images.fitting import FIT_VERSION, fit_image_projection


class ImageProjectionConfig(dg.Config):
    """Which pictures it is fitted on."""

    image_sets: list[str] = []  # noqa: RUF012
    """Sets to draw from; all that are registered where none is named."""
    sample: int = SAMPLE
    """Pictures drawn from them."""
    seed: int = 0
    """Seed of the draw."""
    batch_size: int = 32
    """Pictures a batch; no effect on the projection."""


def image_projection_asset(product: Product) -> dg.AssetsDefinition:
    """The asset `projections/<product>`; a person materialises it, for all embeddings follow."""

    @dg.asset(
        key=projection_key(product),
        deps=[
            dg.AssetDep("images", partition_mapping=dg.AllPartitionMapping()),
            dg.AssetDep(
                checkpoints,
                partition_mapping=dg.SpecificPartitionsPartitionMapping([product.checkpoint]),
            ),
        ],
        description=f"{steps_of(product)} of embeddings by checkpoint {product.checkpoint!r}, "
        "fitted on a sample of the pictures of image sets.",
        group_name="images",
        kinds={"scikitlearn", "safetensors"},
        owners=OWNERS,
        code_version=FIT_VERSION,
        pool="gpu",
    )
    def projection(
        context: dg.AssetExecutionContext,
        config: ImageProjectionConfig,
        store: StoreResource,
        device: DeviceResource,
    ) -> dg.MaterializeResult[None]:
        with reported_as_failure(), logged_progress(context):
            report = fit_image_projection(
                store.open(),
                product,
                EncoderSettings(device.name, device.precision, config.batch_size),
                image_sets=config.image_sets,
                sample=config.sample,
                seed=config.seed,
                run_id=context.run.run_id,
            )
        drawn: dict[str, Any] = {
            "images": report.images,
            "image_sets": dg.MetadataValue.json(list(report.image_sets)),
        }
        return dg.MaterializeResult(
            metadata=drawn | fitted_metadata(report),
            data_version=dg.DataVersion(report.data_version),
        )

    return projection
