"""Analyses of embeddings: pictures, change, clusters, outliers, and predictions of label sets."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
from pydantic import Field

from clay_assets.analysis import change as change_
from clay_assets.analysis import classifier, clusters, outliers, pca_picture
from clay_assets.analysis.labelled import labels_by_set
from clay_assets.analysis.product_outputs import (
    ProductOutput,
    keep_clusters,
    keep_outliers,
    keep_predictions,
)
from clay_assets.analysis.reporting import report_markdown
from clay_assets.analysis.tile_outputs import TileOutput, keep_change, keep_map
from clay_assets.defs.automation import FOLLOW
from clay_assets.defs.imagery import OWNERS
from clay_assets.defs.metadata import picture
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

NO_LABEL_SETS = (
    "none: no label set is of this product; mark chips on the search page and save them as a set"
)


class ChangeConfig(dg.Config):
    """Which dates are compared."""

    before: str | None = None
    """A day, or two with a slash between; the tile's first day by default."""
    after: str | None = None
    """A day, or two with a slash between; the tile's last day by default."""
    max_cloud_share: float = 0.3
    """Rows known to be cloudier are left out."""

    def settings(self) -> change_.ChangeSettings:
        """What is compared.

        Raises:
            InvalidValueError: a value is not allowed.
        """
        before, after = (
            change_.Period.parse(text, name=name) if text else None
            for name, text in (("before", self.before), ("after", self.after))
        )
        return change_.ChangeSettings(before, after, self.max_cloud_share)


class ClusterConfig(dg.Config):
    """How rows are grouped."""

    clusters: int = 8
    """How many."""
    seed: int = 0
    """Of the sample and the start."""


class OutlierConfig(dg.Config):
    """What counts as strange."""

    most: int = 100
    """How many are listed."""
    neighbours: int = 5
    """The distance to this nearest of the sample counts."""
    max_cloud_share: float = 1.0
    """Rows known to be cloudier are not listed."""
    seed: int = 0
    """Of the sample."""


class PredictionConfig(dg.Config):
    """How the classifiers are trained."""

    labels: list[str] = Field(default=[])
    """Names of label sets; all of the product by default."""
    model: str = "logistic"
    """logistic or boosting."""
    folds: int = 5
    """Rounds of the cross-validation."""
    block_km: float | None = None
    """Side of a block of ground; None for the largest that allows the folds."""
    background: int = 0
    """So many unlabelled rows are a class of their own."""
    seed: int = 0
    """Of whatever is random."""

    def settings(self) -> classifier.ClassifierSettings:
        """How each is trained.

        Raises:
            InvalidValueError: a value is not allowed.
        """
        return classifier.ClassifierSettings(
            self.model, self.folds, self.block_km, self.background, self.seed
        )


def analysis_assets(products: Sequence[Product]) -> list[dg.AssetsDefinition]:
    """The assets over the embeddings of `products` that can be compared.

    Those of a tile follow its embeddings; those over all tiles a person materialises, for they
    change with every tile, and not by much.
    """
    names = [product.name for product in products if product.is_searched]
    makers = (_embedding_map, _change, _clusters, _outliers, _predictions)
    return [make(name) for name in names for make in makers]


def _embedding_map(product: str) -> dg.AssetsDefinition:
    @dg.asset(
        description=f"A picture of one tile's vectors of {product}: three principal components "
        "as red, green and blue, each date beside the others.",
        kinds={"png"},
        code_version=pca_picture.CODE_VERSION,
        key=["embedding_map", product],
        partitions_def=mgrs_tiles,
        deps=[_embeddings(product)],
        group_name="analysis",
        owners=OWNERS,
        automation_condition=FOLLOW,
        backfill_policy=dg.BackfillPolicy.multi_run(TILES_A_RUN),
    )
    def embedding_map(
        context: dg.AssetExecutionContext, store: StoreResource
    ) -> dg.MaterializeResult[None]:
        files = store.open()

        def draw(tile: str) -> Outcome:
            return _tile_outcome(files, keep_map(files, product, tile, run_id=context.run.run_id))

        return materialize_tiles(context, draw)

    return embedding_map


def _change(product: str) -> dg.AssetsDefinition:
    @dg.asset(
        description=f"How far the vectors of {product} moved at each place of one tile, between "
        "its first and last date or two others.",
        kinds={"geoparquet", "png"},
        code_version=change_.CODE_VERSION,
        key=["change", product],
        partitions_def=mgrs_tiles,
        deps=[_embeddings(product)],
        group_name="analysis",
        owners=OWNERS,
        automation_condition=FOLLOW,
        backfill_policy=dg.BackfillPolicy.multi_run(TILES_A_RUN),
    )
    def change(
        context: dg.AssetExecutionContext, config: ChangeConfig, store: StoreResource
    ) -> dg.MaterializeResult[None]:
        files = store.open()
        with reported_as_failure():
            settings = config.settings()

        def compare(tile: str) -> Outcome:
            output = keep_change(files, product, tile, settings, run_id=context.run.run_id)
            return _tile_outcome(files, output)

        return materialize_tiles(context, compare)

    return change


def _clusters(product: str) -> dg.AssetsDefinition:
    @dg.asset(
        description=f"Kinds of ground that {product} tells apart without labels, by k-means.",
        kinds={"scikitlearn", "geoparquet"},
        code_version=clusters.CODE_VERSION,
        key=["clusters", product],
        deps=[_all_embeddings(product)],
        group_name="analysis",
        owners=OWNERS,
    )
    def clusters_asset(
        context: dg.AssetExecutionContext, config: ClusterConfig, store: StoreResource
    ) -> dg.MaterializeResult[None]:
        files = store.open()
        with reported_as_failure(), logged_progress(context):
            settings = clusters.ClusterSettings(config.clusters, config.seed)
            output = keep_clusters(files, product, settings, run_id=context.run.run_id)
        figures = output.record.figures
        return _result(files, output, figures | {"rows_by_cluster": _rows_by_cluster(figures)})

    return clusters_asset


def _outliers(product: str) -> dg.AssetsDefinition:
    @dg.asset(
        description=f"Rows of {product} that look like nothing else.",
        kinds={"geoparquet", "png"},
        code_version=outliers.CODE_VERSION,
        key=["outliers", product],
        deps=[_all_embeddings(product)],
        group_name="analysis",
        owners=OWNERS,
    )
    def outliers_asset(
        context: dg.AssetExecutionContext, config: OutlierConfig, store: StoreResource
    ) -> dg.MaterializeResult[None]:
        files = store.open()
        with reported_as_failure(), logged_progress(context):
            settings = outliers.OutlierSettings(
                config.most, config.neighbours, config.max_cloud_share, config.seed
            )
            output = keep_outliers(files, product, settings, run_id=context.run.run_id)
        return _result(files, output, output.record.figures)

    return outliers_asset


def _predictions(product: str) -> dg.AssetsDefinition:
    @dg.asset(
        description=f"What a classifier of {product}, trained on each label set and tested by "
        "spatially blocked cross-validation, tells of every row.",
        kinds={"scikitlearn", "geoparquet"},
        code_version=classifier.CODE_VERSION,
        key=["predictions", product],
        deps=[_all_embeddings(product)],
        group_name="analysis",
        owners=OWNERS,
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
            metadata=_prediction_metadata(files, product, outputs),
            data_version=dg.DataVersion(
                fingerprint({name: output.record.version for name, output in outputs.items()})
            ),
        )

    return predictions


def _embeddings(product: str) -> dg.AssetKey:
    return dg.AssetKey(["embeddings", product])


def _all_embeddings(product: str) -> dg.AssetDep:
    return dg.AssetDep(_embeddings(product), partition_mapping=dg.AllPartitionMapping())


def _tile_outcome(files: Store, output: TileOutput) -> Outcome:
    metadata = _shown(output.record.figures) | {"dagster/uri": files.url(output.key)}
    if output.png:
        metadata["picture"] = picture(output.png)
    return Outcome(output.record.version, metadata | {"skipped": output.record.skipped})


def _result(
    files: Store, output: ProductOutput, figures: dict[str, Any]
) -> dg.MaterializeResult[None]:
    metadata = _shown(figures) | {
        "dagster/uri": files.url(output.key),
        "skipped": output.record.skipped,
    }
    if output.png:
        metadata["picture"] = picture(output.png)
    return dg.MaterializeResult(
        metadata=metadata, data_version=dg.DataVersion(output.record.version)
    )


def _prediction_metadata(
    files: Store, product: str, outputs: dict[str, ProductOutput]
) -> dict[str, Any]:
    if not outputs:
        return {"label_sets": NO_LABEL_SETS}
    metadata: dict[str, Any] = {
        "label_sets": ", ".join(outputs),
        "dagster/uri": files.url(f"analysis/predictions/{product}"),
        "skipped": all(output.record.skipped for output in outputs.values()),
    }
    for name, output in outputs.items():
        figures = output.record.figures
        metadata[f"report of {name}"] = dg.MetadataValue.md(report_markdown(figures["report"]))
        metadata[f"predicted by {name}"] = dg.MetadataValue.json(figures["predicted"])
        validation = figures["report"]["validation"]
        if validation:
            metadata[f"balanced_accuracy of {name}"] = validation["balanced_accuracy"]
    return metadata


def _rows_by_cluster(figures: dict[str, Any]) -> list[int]:
    return [cluster["rows"] for cluster in figures["clusters"]]


def _shown(figures: dict[str, Any]) -> dict[str, Any]:
    """Numbers and texts as they are, which Dagster plots over time; lists as JSON."""
    return {
        name: dg.MetadataValue.json(value) if isinstance(value, list | dict) else value
        for name, value in figures.items()
        if value is not None
    }
