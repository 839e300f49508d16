"""Evaluation of image sets: each product against the set's labels, then products side by side."""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from clay_assets import evaluation
from clay_assets.defs.automation import FOLLOW
from clay_assets.defs.imagery import OWNERS
from clay_assets.defs.partitions import image_sets
from clay_assets.defs.resources import StoreResource
from clay_assets.defs.tile_runs import TILES_A_RUN, Outcome, materialize_tiles
from clay_assets.embeddings import Product
from clay_assets.evaluation.comparison import figures_of
from clay_assets.provenance import fingerprint

NO_LABELS = (
    "none: register the set with labels, a rule on file names or a table, to have it evaluated"
)


class EvaluationConfig(dg.Config):
    """How vectors are compared with labels."""

    k: int = 5
    """Neighbours that vote."""
    metric: str = "cosine"
    """cosine or euclidean."""
    max_rows: int = 10_000
    """Of more labelled pictures a seeded sample is taken."""
    seed: int = 0
    """Of samples and permutations."""

    def settings(self) -> evaluation.EvaluationSettings:
        """How vectors are compared.

        Raises:
            InvalidValueError: a value is not allowed.
        """
        return evaluation.EvaluationSettings(self.k, self.metric, self.max_rows, self.seed)


def evaluation_assets(products: Sequence[Product]) -> list[dg.AssetsDefinition]:
    """The assets over the image embeddings of `products`; none without such a product."""
    names = [product.name for product in products if product.input == "images"]
    if not names:
        return []
    return [*(_image_evaluation(name) for name in names), _product_comparison(names)]


def _image_evaluation(product: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=["image_evaluation", product],
        partitions_def=image_sets,
        deps=[dg.AssetKey(["image_embeddings", product])],
        description=f"How well the vectors of product {product} tell the labelled pictures of one "
        "image set apart.",
        group_name="images",
        kinds={"json"},
        owners=OWNERS,
        code_version=evaluation.CODE_VERSION,
        automation_condition=FOLLOW,
        backfill_policy=dg.BackfillPolicy.multi_run(TILES_A_RUN),
    )
    def image_evaluation(
        context: dg.AssetExecutionContext, config: EvaluationConfig, store: StoreResource
    ) -> dg.MaterializeResult[None]:
        files = store.open()

        def evaluate(image_set: str) -> Outcome:
            report = evaluation.evaluate_image_set(
                files, product, image_set, config.settings(), run_id=context.run.run_id
            )
            url = files.url(evaluation.evaluation_key(product, image_set))
            return Outcome(report.inputs, _metadata(report) | {"dagster/uri": url})

        return materialize_tiles(context, evaluate, kind="image sets")

    return image_evaluation


def _product_comparison(products: list[str]) -> dg.AssetsDefinition:
    @dg.asset(
        partitions_def=image_sets,
        deps=[dg.AssetKey(["image_evaluation", product]) for product in products],
        group_name="images",
        kinds={"parquet"},
        owners=OWNERS,
        code_version=evaluation.CODE_VERSION,
        automation_condition=FOLLOW,
        backfill_policy=dg.BackfillPolicy.multi_run(TILES_A_RUN),
    )
    def product_comparison(
        context: dg.AssetExecutionContext, store: StoreResource
    ) -> dg.MaterializeResult[None]:
        """All products that embed pictures, side by side on the labels of one image set."""
        files = store.open()

        def compare(image_set: str) -> Outcome:
            table = evaluation.compare_products(files, products, image_set)
            best = table["product"][0].as_py() if len(table) else "none: there are no labels"
            metadata = {
                "comparison": dg.MetadataValue.md(evaluation.as_markdown(table)),
                "best by kNN accuracy": best,
                "products": len(table),
                "dagster/row_count": len(table),
                "dagster/uri": files.url(evaluation.comparison_key(image_set)),
            }
            return Outcome(fingerprint(table.to_pylist()), metadata)

        return materialize_tiles(context, compare, kind="image sets")

    return product_comparison


def _metadata(report: evaluation.EvaluationReport) -> dict[str, Any]:
    """The figures as numbers, which Dagster plots over time; without labels a word on that."""
    figures = report.evaluation
    if figures is None:
        return {"labels": NO_LABELS, "skipped": report.skipped}
    return {
        "labels": report.labels,
        **figures_of(figures),
        "rows": figures.rows,
        "sampled": figures.sampled,
        "permanova_rows": figures.permanova_rows,
        "unlabelled": figures.unlabelled,
        "classes": figures.classes,
        "classes_left_out": figures.left_out,
        "dimensions": figures.dimensions,
        "bytes": report.stored_bytes,
        "k": figures.k,
        "metric": figures.metric,
        "seed": figures.seed,
        "skipped": report.skipped,
    }
