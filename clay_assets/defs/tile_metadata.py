"""What the UI shows of one tile: pictures of its scenes and chips, and how cloudy they are."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import geopandas

from clay_assets import chips as cutting
from clay_assets import ingest
from clay_assets.defs.metadata import columns, picture
from clay_assets.ingest.cloud_cover import cloud_cover_by_date
from clay_assets.pictures import (
    GridPanel,
    Picture,
    chip_grid_png,
    chip_sheet_png,
    quicklook_png,
    rgb_of,
)
from clay_assets.store import Store

SHEET_CHIPS = 12
GRID_DATES = 3
CHOICE_COLUMNS = dg.TableSchema(
    [
        dg.TableColumn("sensor", "string"),
        dg.TableColumn("scene", "string"),
        dg.TableColumn("date", "string"),
        dg.TableColumn("chosen", "bool"),
        dg.TableColumn("reason", "string"),
    ]
)


def tile_metadata(files: Store, report: ingest.TileReport) -> dict[str, Any]:
    """Of the chosen scenes: a quick-look, the mean cloud cover, every choice with its reason."""
    fields = [column.name for column in CHOICE_COLUMNS.columns]
    choices = [
        dg.TableRecord({name: getattr(choice, name) for name in fields})
        for choice in report.choices
    ]
    cloud_pct = cloud_cover_by_date(files, report.mgrs)
    mean_pct = {"cloud_cover_pct": _mean(cloud_pct)} if cloud_pct else {}
    return _quicklook(files, report) | {
        "dates": ", ".join(report.dates),
        **mean_pct,
        "bands": ", ".join(report.bands),
        "grid": str(report.grid),
        "scenes": dg.MetadataValue.table(choices, schema=CHOICE_COLUMNS),
        "ready_chips": report.ready_chips,
        "seconds": report.seconds,
        "skipped": report.skipped,
        "dagster/uri": files.url(f"tiles/{report.mgrs}/tile.parquet"),
    }


def chips_metadata(files: Store, report: cutting.ChipsReport) -> dict[str, Any]:
    """Of the chips: where they lie, some of them, how cloudy they are, and why others are not."""
    rows = cutting.read_manifest(files, report.mgrs).rows
    return _chip_pictures(files, report, rows) | {
        "chips": report.chips,
        **_cloud_pct(rows),
        "rejected": dg.MetadataValue.json(report.rejected),
        "seconds": report.seconds,
        "skipped": report.skipped,
        "dagster/row_count": report.chips,
        "dagster/uri": files.url(cutting.manifest_key(report.mgrs)),
        "dagster/column_schema": columns(cutting.SCHEMA),
    }


def _quicklook(files: Store, report: ingest.TileReport) -> dict[str, Any]:
    """The picture of the tile; none when its imagery has gone."""
    if not report.dates:
        return {}
    key = f"tiles/{report.mgrs}/quicklook.png"

    def draw() -> bytes:
        return quicklook_png(ingest.read_overview(files, report.mgrs))

    return {"quicklook": _drawn(files, key, draw, anew=not report.skipped)}


def _chip_pictures(
    files: Store, report: cutting.ChipsReport, rows: geopandas.GeoDataFrame
) -> dict[str, Any]:
    """Grid and sheet of the chips; none when the tile's imagery has gone."""
    if not report.chips_by_date:
        return {}
    pictures: dict[str, Callable[[], bytes]] = {
        "chip_grid": lambda: chip_grid_png(_panels(files, report.mgrs))
    }
    if len(rows):
        pictures["sheet"] = lambda: chip_sheet_png(_example_chips(files, rows))
    return {
        name: _drawn(files, f"tiles/{report.mgrs}/{name}.png", draw, anew=not report.skipped)
        for name, draw in pictures.items()
    }


def _drawn(
    files: Store, key: str, draw: Callable[[], bytes], *, anew: bool
) -> dg.MarkdownMetadataValue:
    """A picture that is kept beside the recipe, so that an unchanged tile is not drawn again."""
    if anew or not files.exists(key):
        files.write_bytes(key, draw())
    return picture(files.read_bytes(key))


def _panels(files: Store, tile: str) -> list[GridPanel]:
    """The first dates of a tile with the places of their chips."""
    recipe = ingest.read_recipe(files, tile)
    window = recipe.window
    shown = (window.row, window.col, window.height, window.width)
    cells = cutting.grid_cells(files, tile)
    return [
        GridPanel(ingest.read_overview(files, tile, date), date, shown, cells.get(date, ()))
        for date in recipe.days[:GRID_DATES]
    ]


def _example_chips(files: Store, rows: geopandas.GeoDataFrame) -> list[Picture]:
    """Chips spread evenly over the tile's manifest."""
    step = max(1, len(rows) // SHEET_CHIPS)
    pictures = []
    for row in rows.iloc[::step].head(SHEET_CHIPS).itertuples():
        chip = cutting.read_chip(files, row.path)
        title = f"{row.number:04d}  {row.date}"
        pictures.append(Picture(rgb_of(chip.pixels, chip.bands), title))
    return pictures


def _cloud_pct(rows: geopandas.GeoDataFrame) -> dict[str, float]:
    """Mean share of the kept chips' pixels in cloud, in percent: of all, then of each date."""
    known = rows[rows["cloud_share"].notna()]
    if known.empty:
        return {}
    by_date = 100 * known.groupby("date")["cloud_share"].mean()
    of_dates = {f"cloud_pct {date}": float(value) for date, value in by_date.items()}
    return {"cloud_pct": 100 * float(known["cloud_share"].mean())} | of_dates


def _mean(values: dict[str, float]) -> float:
    return sum(values.values()) / len(values)
