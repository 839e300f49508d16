"""Asset checks: what must hold before others build on it."""

import dagster as dg

from clay_assets import search
from clay_assets.chips.checks import check_chips
from clay_assets.defs.resources import DatabaseResource, StoreResource
from clay_assets.embeddings import Product, check_embeddings
from clay_assets.errors import ClayAssetsError

RECALL_MINIMUM = 0.99


def checks_of(products: list[Product]) -> list[dg.AssetChecksDefinition]:
    """All checks of the graph."""
    indexed = [product.name for product in products if product.level == "mean"]
    return [
        _chips_are_whole(),
        *(_embeddings_are_sound(product.name) for product in products),
        *(_duckdb_recall(name) for name in indexed[:1]),
        *(_pgvector_agrees(name) for name in indexed[:1]),
    ]


def tiles_of(context: dg.AssetCheckExecutionContext) -> list[str]:
    """The tiles of the run: one, or those of a range."""
    return list(context.op_execution_context.partition_keys)


def _chips_are_whole() -> dg.AssetChecksDefinition:
    @dg.asset_check(asset="chips", blocking=True)
    def chips_are_whole(
        context: dg.AssetCheckExecutionContext, store: StoreResource
    ) -> dg.AssetCheckResult:
        """Every chip of the manifest is there, on its place, with its bands and with data."""
        faults: dict[str, list[str]] = {}
        chips = 0
        for tile in tiles_of(context):
            found = check_chips(store.open(), tile)
            chips += found.chips
            if found.faults:
                faults[tile] = list(found.faults[:10])
        return dg.AssetCheckResult(passed=not faults, metadata={"chips": chips, "faults": faults})

    return chips_are_whole
