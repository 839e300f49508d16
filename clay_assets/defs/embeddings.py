"""Embeddings: one asset a product, so that two checkpoints live side by side."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from clay_assets import embeddings as embedding
from clay_assets.defs.automation import FOLLOW
from clay_assets.defs.checkpoints import checkpoints
from clay_assets.defs.chips import chips
from clay_assets.defs.imagery import OWNERS
from clay_assets.defs.metadata import columns
from clay_assets.defs.partitions import mgrs_tiles
from clay_assets.defs.projections import projection_key
from clay_assets.defs.resources import DeviceResource, StoreResource
from clay_assets.defs.tile_runs import TILES_A_RUN, Outcome, Outcomes, materialize_together
from clay_assets.errors import ClayAssetsError
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
            *([projection_key(product)] if product.has_projection else []),
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

        def embed(tiles: Sequence[str]) -> Outcomes:
            for tile, outcome in embedding.embed_tiles(
                files,
                product,
                tiles,
                device=device.name,
                precision=device.precision,
                batch_size=config.batch_size,
                run_id=context.run.run_id,
            ):
                if isinstance(outcome, ClayAssetsError):
                    yield tile, outcome
                else:
                    yield tile, Outcome(outcome.data_version, _metadata(files, product, outcome))

        return materialize_together(context, embed)

    return embeddings


def _metadata(
    files: Store, product: embedding.Product, report: embedding.EmbeddingsReport
) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "chips": report.chips,
        "embedded": report.embedded,
        "shape": " x ".join(str(side) for side in report.shape),
        "dtype": product.dtype,
        "checkpoint": report.checkpoint_id,
        "seconds": report.seconds,
        "waited_seconds": report.waited_seconds,
        "skipped": report.skipped,
        "dagster/row_count": report.chips,
    }
    if report.key is not None:
        schema = embedding.file_schema(report.shape, product.dtype)
        metadata["dagster/uri"] = files.url(report.key)
        metadata["dagster/column_schema"] = columns(schema)
    metadata |= {f"file: {name}": files.url(key) for name, key in report.outputs.items()}
    if report.drift is not None:
        metadata |= {
            "drift: chips": report.drift.chips,
            "drift: mean_cosine": report.drift.mean_cosine,
            "drift: worst_cosine": report.drift.worst_cosine,
            "drift: previous_checkpoint": report.drift.previous_checkpoint_id,
        }
        if report.drift.neighbours_kept is not None:
            metadata["drift: neighbours_kept"] = report.drift.neighbours_kept
    return metadata
