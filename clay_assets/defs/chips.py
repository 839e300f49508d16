"""Tiles and chips: which scenes make up a tile, and the squares cut from them."""

import dagster as dg

from clay_assets import chips as cutting
from clay_assets import ingest
from clay_assets.defs.automation import FOLLOW
from clay_assets.defs.imagery import OWNERS, imagery
from clay_assets.defs.partitions import mgrs_tiles
from clay_assets.defs.resources import StoreResource
from clay_assets.defs.tile_metadata import chips_metadata, tile_metadata
from clay_assets.defs.tile_runs import TILES_A_RUN, Outcome, materialize_tiles
from clay_assets.tile_sources import read_source


class SceneLimits(dg.Config):
    """Which scenes are good enough, and how many dates a tile gets.

    A tile whose source names dates or items gets those; else each of `max_dates` calendar years
    gives its least cloudy scene, the years in an order shuffled by `seed` and the tile's id.
    """

    max_dates: int = 3
    max_cloud_pct: float = 50.0
    max_nodata_pct: float = 20.0
    seed: int = 42


@dg.asset(
    partitions_def=mgrs_tiles,
    deps=[imagery],
    group_name="chips",
    kinds={"stac", "parquet"},
    owners=OWNERS,
    code_version=ingest.CODE_VERSION,
    automation_condition=FOLLOW,
    backfill_policy=dg.BackfillPolicy.multi_run(TILES_A_RUN),
)
def tiles(
    context: dg.AssetExecutionContext, config: SceneLimits, store: StoreResource
) -> dg.MaterializeResult[None]:
    """The scenes chosen for one MGRS tile and the one grid they are read on; no pixels."""
    files = store.open()

    def plan(tile: str) -> Outcome:
        report = ingest.plan_registered(
            files,
            read_source(files, tile),
            max_dates=config.max_dates,
            max_cloud_pct=config.max_cloud_pct,
            max_nodata_pct=config.max_nodata_pct,
            seed=config.seed,
            run_id=context.run.run_id,
        )
        return Outcome(report.data_version, tile_metadata(files, report))

    return materialize_tiles(context, plan)


@dg.asset(
    partitions_def=mgrs_tiles,
    deps=[tiles],
    group_name="chips",
    kinds={"geotiff", "geoparquet"},
    owners=OWNERS,
    code_version=cutting.CODE_VERSION,
    automation_condition=FOLLOW,
    backfill_policy=dg.BackfillPolicy.multi_run(TILES_A_RUN),
)
def chips(context: dg.AssetExecutionContext, store: StoreResource) -> dg.MaterializeResult[None]:
    """Square chips of one MGRS tile with all its bands, and their manifest."""
    files = store.open()

    def cut(tile: str) -> Outcome:
        chip_size = read_source(files, tile).chip_size
        report = cutting.cut_tile(files, tile, chip_size=chip_size, run_id=context.run.run_id)
        return Outcome(report.data_version, chips_metadata(files, report))

    return materialize_tiles(context, cut)
