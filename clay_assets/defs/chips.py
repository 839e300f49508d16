"""Tiles and chips: which scenes make up a tile, and the squares cut from them."""

from typing import Any

import dagster as dg

from clay_assets import chips as cutting
from clay_assets import ingest
from clay_assets.defs.automation import FOLLOW
from clay_assets.defs.imagery import OWNERS, imagery
from clay_assets.defs.metadata import columns, picture
from clay_assets.defs.partitions import mgrs_tiles
from clay_assets.defs.resources import StoreResource
from clay_assets.defs.tile_runs import TILES_A_RUN, Outcome, materialize_tiles
from clay_assets.pictures import Picture, chip_sheet_png, quicklook_png, rgb_of
from clay_assets.store import Store
from clay_assets.tile_sources import read_source

SHEET_CHIPS = 12
CHOICE_COLUMNS = dg.TableSchema(
    [
        dg.TableColumn("sensor", "string"),
        dg.TableColumn("scene", "string"),
        dg.TableColumn("date", "string"),
        dg.TableColumn("chosen", "bool"),
        dg.TableColumn("reason", "string"),
    ]
)


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
        return Outcome(report.data_version, _tile_metadata(files, report))

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
        return Outcome(report.data_version, _chips_metadata(files, report))

    return materialize_tiles(context, cut)


def _tile_metadata(files: Store, report: ingest.TileReport) -> dict[str, Any]:
    fields = ("sensor", "scene", "date", "chosen", "reason")
    choices = [
        dg.TableRecord({name: getattr(choice, name) for name in fields})
        for choice in report.choices
    ]
    return _quicklook(files, report) | {
        "dates": ", ".join(report.dates),
        "bands": ", ".join(report.bands),
        "grid": str(report.grid),
        "scenes": dg.MetadataValue.table(choices, schema=CHOICE_COLUMNS),
        "ready_chips": report.ready_chips,
        "seconds": report.seconds,
        "skipped": report.skipped,
        "dagster/uri": files.url(f"tiles/{report.mgrs}/tile.parquet"),
    }


def _quicklook(files: Store, report: ingest.TileReport) -> dict[str, Any]:
    """The picture of the tile; none when its imagery has gone."""
    if not report.dates:
        return {}
    key = f"tiles/{report.mgrs}/quicklook.png"
    if not (report.skipped and files.exists(key)):
        files.write_bytes(key, quicklook_png(ingest.read_overview(files, report.mgrs)))
    return {"quicklook": picture(files.read_bytes(key))}


def _chips_metadata(files: Store, report: cutting.ChipsReport) -> dict[str, Any]:
    examples = _example_chips(files, report.mgrs)
    return ({"sheet": picture(chip_sheet_png(examples))} if examples else {}) | {
        "chips": report.chips,
        "rejected": dg.MetadataValue.json(report.rejected),
        "seconds": report.seconds,
        "skipped": report.skipped,
        "dagster/row_count": report.chips,
        "dagster/uri": files.url(cutting.manifest_key(report.mgrs)),
        "dagster/column_schema": columns(cutting.SCHEMA),
    }


def _example_chips(files: Store, tile: str) -> list[Picture]:
    """Chips spread evenly over the tile's manifest."""
    rows = cutting.read_manifest(files, tile).rows
    step = max(1, len(rows) // SHEET_CHIPS)
    pictures = []
    for row in rows.iloc[::step].head(SHEET_CHIPS).itertuples():
        chip = cutting.read_chip(files, row.path)
        title = f"{row.number:04d}  {row.date}"
        pictures.append(Picture(rgb_of(chip.pixels, chip.bands), title))
    return pictures
