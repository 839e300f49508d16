"""Asset checks: what must hold before others build on it.

A tile with faults is left out of every later step of the run, and the run fails at its end. So in a
run that goes on to other assets a failed check is a warning: as an error it would stop all tiles.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from clay_assets import search
from clay_assets.chips.checks import check_chips
from clay_assets.defs.resources import DatabaseResource, StoreResource
from clay_assets.defs.tile_failures import failures_of, is_last_of_run, report_failure
from clay_assets.embeddings import Product, check_embeddings
from clay_assets.embeddings.drift import drift_faults, find_drifts
from clay_assets.search.freshness import stale_tiles
from clay_assets.search.source import find_sources

RECALL_MINIMUM = 0.99


def checks_of(products: list[Product]) -> list[dg.AssetChecksDefinition]:
    """All checks of the graph."""
    return [
        chips_are_whole,
        *(_embeddings_are_sound(product.name) for product in products),
        *(_embeddings_are_steady(product.name) for product in products),
        duckdb_recall,
        pgvector_recall,
    ]


def tiles_to_check(context: dg.AssetCheckExecutionContext, asset: dg.AssetKey) -> list[str]:
    """The tiles of the run, one or those of a range, that have not failed by now."""
    failed = failures_of(context, asset)
    return [tile for tile in context.op_execution_context.partition_keys if tile not in failed]


def result_of(
    context: dg.AssetCheckExecutionContext,
    asset: dg.AssetKey,
    faults: Mapping[str, Sequence[str]],
    metadata: Mapping[str, Any],
) -> dg.AssetCheckResult:
    """The result of a blocking check; a tile with faults fails alone, nothing is built on it."""
    for tile, of_tile in faults.items():
        report_failure(context, asset, tile, "; ".join(of_tile))
    return dg.AssetCheckResult(
        passed=not faults,
        severity=dg.AssetCheckSeverity.ERROR
        if is_last_of_run(context, asset)
        else dg.AssetCheckSeverity.WARN,
        metadata={**metadata, "faults": dict(faults)},
    )


@dg.asset_check(asset="chips", blocking=True)
def chips_are_whole(
    context: dg.AssetCheckExecutionContext, store: StoreResource
) -> dg.AssetCheckResult:
    """Every chip of the manifest is there, on its place, with its bands and with data."""
    asset = dg.AssetKey("chips")
    faults: dict[str, list[str]] = {}
    chips = 0
    for tile in tiles_to_check(context, asset):
        found = check_chips(store.open(), tile)
        chips += found.chips
        if found.faults:
            faults[tile] = list(found.faults[:10])
    return result_of(context, asset, faults, {"chips": chips})


def _embeddings_are_sound(product: str) -> dg.AssetChecksDefinition:
    asset = dg.AssetKey(["embeddings", product])

    @dg.asset_check(asset=asset, blocking=True)
    def embeddings_are_sound(
        context: dg.AssetCheckExecutionContext, store: StoreResource
    ) -> dg.AssetCheckResult:
        """One embedding a chip, all finite and not zero, and not all the same."""
        faults: dict[str, list[str]] = {}
        metadata: dict[str, Any] = {"embeddings": 0}
        for tile in tiles_to_check(context, asset):
            found = check_embeddings(store.open(), product, tile)
            metadata["embeddings"] += found.rows
            metadata["mean_cosine"] = found.mean_cosine
            metadata["norm_min"], metadata["norm_max"] = found.norm_min, found.norm_max
            if found.faults:
                faults[tile] = list(found.faults)
        return result_of(context, asset, faults, metadata)

    return embeddings_are_sound


def _embeddings_are_steady(product: str) -> dg.AssetChecksDefinition:
    asset = dg.AssetKey(["embeddings", product])

    @dg.asset_check(asset=asset)
    def embeddings_are_steady(
        context: dg.AssetCheckExecutionContext, store: StoreResource
    ) -> dg.AssetCheckResult:
        """The same chips have the same vectors as before, or at least the same neighbours."""
        tiles = tiles_to_check(context, asset)
        drifts = find_drifts(store.open(), product, tiles)
        faults = {tile: list(drift_faults(drift)) for tile, drift in drifts.items()}
        metadata: dict[str, Any] = {"tiles": len(tiles), "tiles_compared": len(drifts)}
        if drifts:
            metadata["worst_cosine"] = min(drift.worst_cosine for drift in drifts.values())
        return dg.AssetCheckResult(
            passed=not any(faults.values()),
            severity=dg.AssetCheckSeverity.WARN,
            metadata=metadata
            | {"faults": {tile: found for tile, found in faults.items() if found}},
        )

    return embeddings_are_steady


@dg.asset_check(asset="duckdb_index")
def duckdb_recall(store: StoreResource) -> dg.AssetCheckResult:
    """The served path finds the true neighbours, and every embedding is indexed."""
    files = store.open()
    passed = True
    metadata: dict[str, Any] = {}
    with search.DuckDBIndex(files) as index:
        for indexed in index.products():
            expected = sum(file.rows for file in find_sources(files, indexed.product).files)
            measured = search.measure_recall(index, indexed.product)
            passed &= measured.recall >= RECALL_MINIMUM and indexed.rows == expected
            metadata |= _recall_metadata(indexed.product, measured)
            metadata[f"{indexed.product}: rows"] = indexed.rows
            metadata[f"{indexed.product}: rows expected"] = expected
    return dg.AssetCheckResult(passed=passed, metadata=metadata)


@dg.asset_check(asset="pgvector_hnsw")
def pgvector_recall(store: StoreResource, database: DatabaseResource) -> dg.AssetCheckResult:
    """The served path finds the neighbours that scoring every row finds.

    After the graphs, not after each tile: it asks the whole index.
    """
    files = store.open()
    passed = True
    metadata: dict[str, Any] = {}
    with database.running() as url, search.PgvectorIndex(url) as index:
        for indexed in index.products():
            measured = search.measure_recall(index, indexed.product)
            shares = [measured.recall, *indexed.recall.values()]
            passed &= min(shares) >= RECALL_MINIMUM
            metadata |= _recall_metadata(indexed.product, measured)
            stale = stale_tiles(files, index, indexed.product)
            metadata[f"{indexed.product}: stale tiles"] = len(stale)
    return dg.AssetCheckResult(passed=passed, metadata=metadata)


def _recall_metadata(product: str, measured: search.Recall) -> dict[str, Any]:
    return {
        f"{product}: recall": measured.recall,
        f"{product}: k": measured.k,
        f"{product}: queries": measured.samples,
        f"{product}: median ms": measured.median_ms,
    }
