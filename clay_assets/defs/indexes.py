"""The search indexes, and examples of what they answer."""

from dataclasses import asdict
from typing import Any

import dagster as dg
import numpy as np

from clay_assets import search
from clay_assets.chips import read_chip
from clay_assets.defs.automation import FOLLOW, REFRESH
from clay_assets.defs.imagery import OWNERS
from clay_assets.defs.metadata import picture
from clay_assets.defs.partitions import mgrs_tiles
from clay_assets.defs.resources import DatabaseResource, StoreResource
from clay_assets.defs.tile_runs import (
    TILES_A_RUN,
    Outcome,
    logged_progress,
    materialize_tiles,
    reported_as_failure,
)
from clay_assets.embeddings import Product
from clay_assets.errors import NotFoundError, ProductError
from clay_assets.pictures import Picture, neighbour_sheet_png, rgb_of
from clay_assets.provenance import content_hash, fingerprint
from clay_assets.search import duckdb_build, pgvector_schema
from clay_assets.search.duckdb_tables import INDEX_KEY
from clay_assets.search.source import SourceListing
from clay_assets.store import Store

SHEET_KEY = "indexes/neighbour_examples.png"


class ExamplesConfig(dg.Config):
    """Which neighbours the sheet shows."""

    queries: int = 4
    """Rows of the sheet."""
    k: int = 5
    """Neighbours a row."""
    seed: int = 0
    """Seed of the choice of chips."""


def index_assets(products: list[Product]) -> list[dg.AssetsDefinition]:
    """The assets over the embeddings of `products` that are searched.

    Raises:
        ProductError: there is none with one vector a chip.
    """
    searched = [product.name for product in products if product.is_searched]
    of_chips = [product.name for product in products if product.is_one_vector]
    if not of_chips:
        found = ", ".join(product.name for product in products) or "none"
        raise ProductError(
            "a product with input chips and level mean, cls or chip is needed, one vector a chip, "
            f"which is what is searched; the products of chips are {found}"
        )
    embeddings = [dg.AssetKey(["embeddings", name]) for name in searched]
    return [
        _duckdb_index(embeddings),
        _pgvector_index(embeddings, searched),
        pgvector_hnsw,
        _examples(of_chips[0]),
    ]


def _duckdb_index(embeddings: list[dg.AssetKey]) -> dg.AssetsDefinition:
    @dg.asset(
        deps=[dg.AssetDep(key, partition_mapping=dg.AllPartitionMapping()) for key in embeddings],
        group_name="search",
        kinds={"duckdb"},
        owners=OWNERS,
        code_version=str(duckdb_build.CODE_VERSION),
        automation_condition=REFRESH,
    )
    def duckdb_index(
        context: dg.AssetExecutionContext, store: StoreResource
    ) -> dg.MaterializeResult[None]:
        """One DuckDB file over all products' embeddings; can be rebuilt from them at any time."""
        files = store.open()
        with reported_as_failure(), logged_progress(context):
            report = search.build_duckdb(files, run_id=context.run.run_id)
        return dg.MaterializeResult(
            metadata={
                "rows": dg.MetadataValue.json(report.rows),
                "tiles": report.tiles,
                "tiles_copied": report.tiles_copied,
                "left_out": dg.MetadataValue.json(list(report.left_out)),
                "size_mb": report.size_bytes / 1e6,
                "seconds": report.seconds,
                "skipped": report.skipped,
                "recall": dg.MetadataValue.json(report.recall),
                "dagster/row_count": sum(report.rows.values()),
                "dagster/uri": files.url(INDEX_KEY),
            },
            data_version=dg.DataVersion(report.data_version),
        )

    return duckdb_index


def _pgvector_index(embeddings: list[dg.AssetKey], products: list[str]) -> dg.AssetsDefinition:
    @dg.asset(
        partitions_def=mgrs_tiles,
        deps=embeddings,
        group_name="search",
        kinds={"postgres"},
        owners=OWNERS,
        code_version=str(pgvector_schema.CODE_VERSION),
        automation_condition=FOLLOW,
        backfill_policy=dg.BackfillPolicy.multi_run(TILES_A_RUN),
    )
    def pgvector_index(
        context: dg.AssetExecutionContext, store: StoreResource, database: DatabaseResource
    ) -> dg.MaterializeResult[None]:
        """The tile's rows in PostgreSQL with pgvector, replaced in one transaction."""
        files = store.open()
        listings = {product: SourceListing(files, product) for product in products}
        with reported_as_failure(), database.running() as url:

            def sync(tile: str) -> Outcome:
                reports = [
                    search.sync_tile(
                        url, files, product, tile, run_id=context.run.run_id, listing=listing
                    )
                    for product, listing in listings.items()
                ]
                return Outcome(
                    fingerprint([report.data_version for report in reports]),
                    {
                        "rows": sum(report.rows for report in reports),
                        "seconds": sum(report.seconds for report in reports),
                        "skipped": all(report.skipped for report in reports),
                        "dagster/row_count": sum(report.rows for report in reports),
                    },
                )

            return materialize_tiles(context, sync)

    return pgvector_index


@dg.asset(
    deps=[dg.AssetDep("pgvector_index", partition_mapping=dg.AllPartitionMapping())],
    group_name="search",
    kinds={"postgres"},
    owners=OWNERS,
    code_version=str(pgvector_schema.CODE_VERSION),
    automation_condition=REFRESH,
)
def pgvector_hnsw(database: DatabaseResource) -> dg.MaterializeResult[None]:
    """Graphs over what was loaded, space of removed rows given back, and recall measured."""
    with reported_as_failure(), database.running() as url:
        reports = search.maintain_products(url)
    metadata: dict[str, Any] = {}
    for product, report in reports.items():
        metadata |= {
            f"{product}: rows": report.rows,
            f"{product}: rows in graphs": report.rows_in_graphs,
            f"{product}: graphs built": report.graphs_built,
            **{f"{product}: ef_search of {walk.k} hits": walk.ef for walk in report.walks},
            f"{product}: size MB": report.size_bytes / 1e6,
            f"{product}: tidied": dg.MetadataValue.json(dict(report.tidied)),
            f"{product}: walks tried": dg.MetadataValue.json([asdict(one) for one in report.tried]),
            **{f"{product}: recall, {plan}": share for plan, share in report.recall.items()},
        }
    return dg.MaterializeResult(
        metadata=metadata
        | {
            "seconds": sum(report.seconds for report in reports.values()),
            "skipped": all(report.skipped for report in reports.values()),
            "dagster/row_count": sum(report.rows for report in reports.values()),
        },
        data_version=dg.DataVersion(
            fingerprint([(name, report.data_version) for name, report in reports.items()])
        ),
    )


def _examples(product: str) -> dg.AssetsDefinition:
    @dg.asset(
        deps=["duckdb_index"],
        group_name="search",
        kinds={"png"},
        owners=OWNERS,
        code_version="1",
        automation_condition=REFRESH,
    )
    def neighbour_examples(
        context: dg.AssetExecutionContext, config: ExamplesConfig, store: StoreResource
    ) -> dg.MaterializeResult[None]:
        """A sheet of chips drawn by seed, each with its nearest neighbours."""
        files = store.open()
        with reported_as_failure():
            examples = search.neighbour_examples(
                files, product, queries=config.queries, k=config.k, seed=config.seed
            )
            png = neighbour_sheet_png([_row(files, example) for example in examples])
            if not (files.exists(SHEET_KEY) and files.read_bytes(SHEET_KEY) == png):
                files.write_bytes(SHEET_KEY, png)
        return dg.MaterializeResult(
            metadata={"sheet": picture(png), "dagster/uri": files.url(SHEET_KEY)},
            data_version=dg.DataVersion(content_hash(png)),
        )

    return neighbour_examples


def _row(files: Store, example: search.NeighbourExample) -> list[Picture]:
    """The chip that was asked about, then its neighbours with their scores."""
    found = example.hits.frame
    return [
        _picture(files, example.source_url, str(example.date), "query"),
        *(
            _picture(files, hit.source_url, str(hit.date), f"{hit.score:.4f}")
            for hit in found.itertuples()
        ),
    ]


def _picture(files: Store, path: str, title: str, note: str) -> Picture:
    """A chip; a black square in place of a ready chip that was deleted where it lay."""
    try:
        chip = read_chip(files, path)
    except NotFoundError:
        return Picture(np.zeros((3, 2, 2), np.float32), title, "deleted")
    return Picture(rgb_of(chip.pixels, chip.bands), title, note)
