"""Tiles and chips: which scenes make up a tile, and the squares cut from them."""

import dagster as dg

from clay_assets import chips as cutting
from clay_assets import ingest
from clay_assets.defs.imagery import OWNERS, imagery
from clay_assets.defs.metadata import columns, picture
from clay_assets.defs.partitions import mgrs_tiles
from clay_assets.defs.resources import StoreResource
from clay_assets.defs.tile_runs import TILES_A_RUN, Outcome, materialize_tiles
from clay_assets.pictures import chip_sheet_png, quicklook_png
from clay_assets.tile_sources import read_source

SHEET_CHIPS = 16


class SceneLimits(dg.Config):  # type: ignore[misc]
    """Which scenes are good enough, and how many dates a tile gets."""

    max_dates: int = 3
    max_cloud_pct: float = 50.0
    max_nodata_pct: float = 20.0


@dg.asset(
    partitions_def=mgrs_tiles,
    deps=[imagery],
    group_name="chips",
    kinds={"stac", "parquet"},
    owners=OWNERS,
    code_version=ingest.CODE_VERSION,
    backfill_policy=dg.BackfillPolicy.multi_run(TILES_A_RUN),
)
def tiles(
    context: dg.AssetExecutionContext, config: SceneLimits, store: StoreResource
) -> dg.MaterializeResult[None]:
    """The scenes chosen for one MGRS tile and the one grid they are read on; no pixels."""
    files = store.open()

    def plan(tile: str) -> Outcome:
        source = read_source(files, tile)
        found = ingest.find_imagery(source.location, tile, dates=source.dates)
        report = ingest.plan_tile(
            files,
            found,
            subset=source.subset,
            dates=source.dates,
            max_dates=config.max_dates,
            max_cloud_pct=config.max_cloud_pct,
            max_nodata_pct=config.max_nodata_pct,
            run_id=context.run.run_id,
        )
        rgb = ingest.read_overview(files, tile)
        return Outcome(
            report.data_version,
            {
                "quicklook": picture(quicklook_png(rgb)),
                "skipped": report.skipped,
            },
            {"imagery": found.fingerprint},
        )

    return materialize_tiles(context, plan)


@dg.asset(
    partitions_def=mgrs_tiles,
    deps=[tiles],
    group_name="chips",
    kinds={"geotiff", "geoparquet"},
    owners=OWNERS,
    code_version=cutting.CODE_VERSION,
    backfill_policy=dg.BackfillPolicy.multi_run(TILES_A_RUN),
)
def chips(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult[None]:
    """Square chips of one MGRS tile with all its bands, and their manifest."""
    files = store.open()

    def cut(tile: str) -> Outcome:
        chip_size = read_source(files, tile).chip_size
        report = cutting.cut_tile(files, tile, chip_size=chip_size, run_id=context.run.run_id)
        return Outcome(report.data_version, _chips_metadata(files, tile, report))

    return materialize_tiles(context, cut)
