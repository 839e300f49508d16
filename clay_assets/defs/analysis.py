"""Analyses of embeddings: pictures, change, clusters, outliers, and predictions of label sets."""

from collections.abc import Callable, Sequence
from typing import Any

import dagster as dg

from clay_assets.analysis import change as change_
from clay_assets.analysis import classifier, clusters, outliers, pca_picture
from clay_assets.analysis.labelled import labels_by_set
from clay_assets.analysis.product_outputs import (
    keep_clusters,
    keep_outliers,
    keep_predictions,
)
from clay_assets.analysis.records import Output
from clay_assets.analysis.tile_outputs import keep_change, keep_map
from clay_assets.defs.analysis_config import (
    ChangeConfig,
    ClusterConfig,
    OutlierConfig,
    PredictionConfig,
)
from clay_assets.defs.analysis_metadata import (
    cluster_metadata,
    output_metadata,
    prediction_metadata,
)
from clay_assets.defs.automation import FOLLOW
from clay_assets.defs.imagery import OWNERS
from clay_assets.defs.partitions import mgrs_tiles
from clay_assets.defs.resources import StoreResource
from clay_assets.defs.tile_runs import (
    TILES_A_RUN,
    Outcome,
    logged_progress,
    materialize_tiles,
    reported_as_failure,
)
from clay_assets.embeddings import Product
from clay_assets.provenance import fingerprint
from clay_assets.store import Store

_GROUP = "analysis"
_ToAsset = Callable[[Callable[..., Any]], dg.AssetsDefinition]


def analysis_assets(products: Sequence[Product]) -> list[dg.AssetsDefinition]:
    """The assets over the embeddings of `products` that can be compared.

    Those of a tile follow its embeddings; those over all tiles a person materialises, for they
    change with every tile, and not by much.
    """
    names = [product.name for product in products if product.is_searched]
    makers = (_embedding_map, _change, _clusters, _outliers, _predictions)
    return [make(name) for name in names for make in makers]


def _of_each_tile(
    kind: str, product: str, *, description: str, kinds: set[str], code_version: str
) -> _ToAsset:
    """Makes an analysis of one tile's embeddings; it follows them."""
    return dg.asset(
        key=[product, kind],  # the UI shows the last part
        description=description,
        kinds=kinds,
        code_version=code_version,
        partitions_def=mgrs_tiles,
        deps=[dg.AssetKey(["embeddings", product])],
        group_name=_GROUP,
        owners=OWNERS,
        automation_condition=FOLLOW,
        backfill_policy=dg.BackfillPolicy.multi_run(TILES_A_RUN),
    )


def _of_all_tiles(
    kind: str, product: str, *, description: str, kinds: set[str], code_version: str
) -> _ToAsset:
    """Makes an analysis of all embeddings of a product; a person materialises it."""
    embeddings = dg.AssetKey(["embeddings", product])
    return dg.asset(
        key=[product, kind],  # the UI shows the last part
        description=description,
        kinds=kinds,
        code_version=code_version,
        deps=[dg.AssetDep(embeddings, partition_mapping=dg.AllPartitionMapping())],
        group_name=_GROUP,
        owners=OWNERS,
    )


def _embedding_map(product: str) -> dg.AssetsDefinition:
    @_of_each_tile(
        "embedding_map",
        product,
        description=f"A picture of one tile's vectors of {product}: three principal components "
        "as red, green and blue, each date beside the others.",
        kinds={"png"},
        code_version=pca_picture.CODE_VERSION,
    )
    def embedding_map(
        context: dg.AssetExecutionContext, store: StoreResource
    ) -> dg.MaterializeResult[None]:
        files = store.open()

        def draw(tile: str) -> Outcome:
            return _outcome(files, keep_map(files, product, tile, run_id=context.run.run_id))

        return materialize_tiles(context, draw)

    return embedding_map


def _change(product: str) -> dg.AssetsDefinition:
    @_of_each_tile(
        "change",
        product,
        description=f"How far the vectors of {product} moved at each place of one tile, between "
        "its first and last date or two others.",
        kinds={"geoparquet", "png"},
        code_version=change_.CODE_VERSION,
    )
    def change(
        context: dg.AssetExecutionContext, config: ChangeConfig, store: StoreResource
    ) -> dg.MaterializeResult[None]:
        files = store.open()
        with reported_as_failure():
            settings = config.settings()

        def compare(tile: str) -> Outcome:
            output = keep_change(files, product, tile, settings, run_id=context.run.run_id)
            return _outcome(files, output)

        return materialize_tiles(context, compare)

    return change


def _clusters(product: str) -> dg.AssetsDefinition:
    @_of_all_tiles(
        "clusters",
        product,
        description=f"Kinds of ground that {product} tells apart without labels, by k-means.",
        kinds={"scikitlearn", "geoparquet"},
        code_version=clusters.CODE_VERSION,
    )
    def clusters_asset(
        context: dg.AssetExecutionContext, config: ClusterConfig, store: StoreResource
    ) -> dg.MaterializeResult[None]:
        files = store.open()
        with reported_as_failure(), logged_progress(context):
            output = keep_clusters(files, product, config.settings(), run_id=context.run.run_id)
        return _result(output, cluster_metadata(files, output))

    return clusters_asset


def _outliers(product: str) -> dg.AssetsDefinition:
    @_of_all_tiles(
        "outliers",
        product,
        description=f"Rows of {product} that look like nothing else.",
        kinds={"geoparquet", "png"},
        code_version=outliers.CODE_VERSION,
    )
    def outliers_asset(
        context: dg.AssetExecutionContext, config: OutlierConfig, store: StoreResource
    ) -> dg.MaterializeResult[None]:
        files = store.open()
        with reported_as_failure(), logged_progress(context):
            output = keep_outliers(files, product, config.settings(), run_id=context.run.run_id)
        return _result(output, output_metadata(files, output))

    return outliers_asset


def _predictions(product: str) -> dg.AssetsDefinition:
    @_of_all_tiles(
        "predictions",
        product,
        description=f"What a classifier of {product}, trained on each label set and tested by "
        "spatially blocked cross-validation, tells of every row.",
        kinds={"scikitlearn", "geoparquet"},
        code_version=classifier.CODE_VERSION,
    )
    def predictions(
        context: dg.AssetExecutionContext, config: PredictionConfig, store: StoreResource
    ) -> dg.MaterializeResult[None]:
        files = store.open()
        with reported_as_failure(), logged_progress(context):
            settings = config.settings()
            outputs = {
                name: keep_predictions(
                    files, product, name, labels, settings, run_id=context.run.run_id
                )
                for name, labels in labels_by_set(files, product, config.labels).items()
            }
        return dg.MaterializeResult(
            metadata=prediction_metadata(files, product, outputs),
            data_version=dg.DataVersion(
                fingerprint({name: output.record.version for name, output in outputs.items()})
            ),
        )

    return predictions


def _outcome(files: Store, output: Output) -> Outcome:
    return Outcome(output.record.version, output_metadata(files, output))


def _result(output: Output, metadata: dict[str, Any]) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(
        metadata=metadata, data_version=dg.DataVersion(output.record.version)
    )
