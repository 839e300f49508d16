"""What there is of every tile, as a table and a map."""

from typing import Any

import dagster as dg

from clay_assets.coverage import (
    CODE_VERSION,
    COVERAGE_KEY,
    PRODUCT_PREFIX,
    CoverageReport,
    read_coverage,
    update_coverage,
)
from clay_assets.defs.automation import REFRESH
from clay_assets.defs.chips import chips
from clay_assets.defs.imagery import OWNERS
from clay_assets.defs.metadata import picture
from clay_assets.defs.resources import StoreResource
from clay_assets.defs.tile_runs import logged_progress, reported_as_failure
from clay_assets.embeddings import Product
from clay_assets.pictures import Places, map_png
from clay_assets.store import Store

MAP_KEY = "coverage/coverage.png"
STATE_COLOURS = {
    "registered": "#9aa0a8",
    "planned": "#e0b341",
    "chips": "#4a9fe8",
    "embedded": "#7ae582",
}


def coverage_asset(products: list[Product]) -> dg.AssetsDefinition:
    """The coverage of all tiles, over their chips and the embeddings of `products`."""
    keys = [chips.key, *(dg.AssetKey(["embeddings", product.name]) for product in products)]

    @dg.asset(
        deps=[dg.AssetDep(key, partition_mapping=dg.AllPartitionMapping()) for key in keys],
        group_name="coverage",
        kinds={"geoparquet", "png"},
        owners=OWNERS,
        code_version=CODE_VERSION,
        automation_condition=REFRESH,
    )
    def coverage(
        context: dg.AssetExecutionContext, store: StoreResource
    ) -> dg.MaterializeResult[None]:
        """One row a tile: its dates, chips, clouds and embeddings, and where they are on a map."""
        files = store.open()
        with reported_as_failure(), logged_progress(context):
            report = update_coverage(files, run_id=context.run.run_id)
            if not (report.skipped and files.exists(MAP_KEY)):
                files.write_bytes(MAP_KEY, map_png(_places(files)))
        return dg.MaterializeResult(
            metadata=_metadata(files, report), data_version=dg.DataVersion(report.data_version)
        )

    return coverage


def _metadata(files: Store, report: CoverageReport) -> dict[str, Any]:
    return {
        "map": picture(files.read_bytes(MAP_KEY)),
        "tiles": report.tiles,
        **{f"tiles {state}": count for state, count in report.by_state.items()},
        "chips": report.chips,
        **{f"{PRODUCT_PREFIX}{name}": count for name, count in report.embeddings.items()},
        "tiles_read": report.tiles_read,
        "seconds": report.seconds,
        "skipped": report.skipped,
        "dagster/row_count": report.tiles,
        "dagster/uri": files.url(COVERAGE_KEY),
    }


def _places(files: Store) -> list[Places]:
    """The tiles by state; those that are furthest lie on top."""
    table = read_coverage(files)
    places = []
    for state, colour in STATE_COLOURS.items():
        rows = table[table["state"] == state]
        places.append(Places(state, colour, list(rows.geometry), list(rows["mgrs"])))
    return places
