"""Embeddings: one asset a product, so that two checkpoints live side by side."""

import dagster as dg

from clay_assets import embeddings as embedding
from clay_assets.chips import read_manifest
from clay_assets.defs.checkpoints import checkpoints
from clay_assets.defs.chips import chips
from clay_assets.defs.imagery import OWNERS
from clay_assets.defs.metadata import columns
from clay_assets.defs.partitions import mgrs_tiles
from clay_assets.defs.resources import DeviceResource, StoreResource
from clay_assets.defs.tile_runs import TILES_A_RUN, Outcome, materialize_tiles


class EmbeddingConfig(dg.Config):  # type: ignore[misc]
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
        code_version=embedding.CODE_VERSION,
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
            return Outcome(report.data_version, _metadata(files.url(report.key), report))

        return materialize_tiles(context, embed)

    return embeddings
