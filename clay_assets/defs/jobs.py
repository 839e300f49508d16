"""Jobs a person starts by hand; backfills and automation start assets directly."""

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from clay_assets.defs.projections import projection_key
from clay_assets.embeddings import Product


def jobs_of(products: list[Product]) -> list[UnresolvedAssetJobDefinition]:
    """The jobs over the embeddings of `products`."""
    embeddings = dg.AssetSelection.assets(*(["embeddings", product.name] for product in products))
    projections = [projection_key(product) for product in products if product.has_projection]
    fitting = dg.define_asset_job(
        "fit_projections",
        dg.AssetSelection.assets(*projections),
        description="Fit what some products need before they can embed, on chips of all tiles.",
    )
    return [
        *([fitting] if projections else []),
        dg.define_asset_job(
            "cut_chips",
            dg.AssetSelection.assets("tiles", "chips"),
            description="Choose the scenes of one tile and cut them into chips.",
        ),
        dg.define_asset_job(
            "make_checkpoint",
            dg.AssetSelection.assets("training_set", "checkpoints"),
            description="Import a checkpoint, or train one on all chips.",
        ),
        dg.define_asset_job(
            "import_checkpoint",
            dg.AssetSelection.assets("checkpoints"),
            description="Import a checkpoint from a path or URL.",
        ),
        dg.define_asset_job(
            "one_tile",
            dg.AssetSelection.assets("tiles", "chips", "pgvector_index") | embeddings,
            description="One tile end to end: scenes, chips, embeddings, rows in PostgreSQL. "
            "Needs the products' checkpoints and projections.",
        ),
        dg.define_asset_job(
            "build_indexes",
            dg.AssetSelection.assets(
                "duckdb_index", "pgvector_hnsw", "neighbour_examples", "coverage"
            ),
            description="Rebuild the search file from all embeddings, tend the tables in "
            "PostgreSQL, test both, and map the tiles.",
        ),
    ]
