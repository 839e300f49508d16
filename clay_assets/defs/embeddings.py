"""Embeddings: one asset a product, so that two checkpoints live side by side."""

from typing import Any

import dagster as dg

from clay_assets import embeddings as embedding
from clay_assets.defs.automation import FOLLOW
from clay_assets.defs.checkpoints import checkpoints
from clay_assets.defs.chips import chips
from clay_assets.defs.imagery import OWNERS
from clay_assets.defs.metadata import columns
from clay_assets.defs.partitions import mgrs_tiles
from clay_assets.defs.resources import DeviceResource, StoreResource
from clay_assets.defs.tile_runs import TILES_A_RUN, Outcome, materialize_tiles
from clay_assets.store import Store


class EmbeddingConfig(dg.Config):
    """How chips go through the encoder; no effect on the vectors."""

    batch_size: int = 8
    """Chips a batch."""


def embeddings_asset(product: embedding.Product) -> dg.AssetsDefinition:
    """The asset `embeddings/<product>`."""

    @dg.asset(
        key=["embeddings", product.name],
        partitions_def=mgrs_tiles,
        deps=[
            chips,
            dg.AssetDep(
                checkpoints,
                partition_mapping=dg.SpecificPartitionsPartitionMapping([product.checkpoint]),
            ),
        ],
        description=f"{product.level.capitalize()} embeddings of each chip of one MGRS tile by "
        f"checkpoint {product.checkpoint!r}, as GeoParquet.",
        group_name="embeddings",
        kinds={"pytorch", "geoparquet"},
        owners=OWNERS,
        code_version=str(embedding.CODE_VERSION),
        automation_condition=FOLLOW,
        pool="gpu",
        backfill_policy=dg.BackfillPolicy.multi_run(TILES_A_RUN),
    )
    def embeddings(
        context: dg.AssetExecutionContext,
        config: EmbeddingConfig,
        store: StoreResource,
        device: DeviceResource,
    ) -> dg.MaterializeResult[None]:
        files = store.open()

        def embed(tile: str) -> Outcome:
            report = embedding.embed_tile(
                files,
                product,
                tile,
                device=device.name,
                precision=device.precision,
                batch_size=config.batch_size,
                run_id=context.run.run_id,
            )
            return Outcome(report.data_version, _metadata(files, report))

        return materialize_tiles(context, embed)

    return embeddings


def _metadata(files: Store, report: embedding.EmbeddingsReport) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "chips": report.chips,
        "embedded": report.embedded,
        "shape": " x ".join(str(side) for side in report.shape),
        "checkpoint": report.checkpoint_id,
        "seconds": report.seconds,
        "waited_seconds": report.waited_seconds,
        "skipped": report.skipped,
        "dagster/row_count": report.chips,
    }
    if report.key is not None:
        metadata["dagster/uri"] = files.url(report.key)
        metadata["dagster/column_schema"] = columns(embedding.file_schema(report.shape))
    return metadata
