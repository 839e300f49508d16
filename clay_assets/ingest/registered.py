"""From what is registered of a tile to its recipe, also when its imagery has gone."""

import time

from clay_assets import __version__
from clay_assets.ingest.grid import Grid, PixelWindow
from clay_assets.ingest.imagery import find_imagery
from clay_assets.ingest.plan import CODE_VERSION, TileReport, plan_tile
from clay_assets.ingest.recipe import Recipe, read_recipe_if_any, write_recipe
from clay_assets.mgrs import TILE_SIDE_M, tile_box
from clay_assets.provenance import fingerprint
from clay_assets.store import Store
from clay_assets.tile_sources import TileSource

_PIXEL_M = 10


def plan_registered(
    store: Store,
    source: TileSource,
    *,
    max_dates: int,
    max_cloud_pct: float,
    max_nodata_pct: float,
    seed: int = 42,
    run_id: str,
) -> TileReport:
    """Find the imagery of a tile and write its recipe, `plan_tile` says how.

    Imagery that was withdrawn leaves a recipe without dates: chips, embeddings and rows of the
    tile go with the next steps.

    Raises:
        ClayAssetsError: as `find_imagery` and `plan_tile`.
    """
    if source.withdrawn:
        return _plan_nothing(store, source, run_id)
    found = find_imagery(source.location, source.mgrs, dates=source.dates, items=source.items)
    return plan_tile(
        store,
        found,
        subset=source.subset,
        dates=source.dates,
        items=source.items,
        max_dates=max_dates,
        max_cloud_pct=max_cloud_pct,
        max_nodata_pct=max_nodata_pct,
        seed=seed,
        run_id=run_id,
    )


def _plan_nothing(store: Store, source: TileSource, run_id: str) -> TileReport:
    started = time.monotonic()
    inputs = fingerprint(CODE_VERSION, source.mgrs, source.location, "withdrawn")
    recipe = read_recipe_if_any(store, source.mgrs)
    skipped = recipe is not None and recipe.inputs == inputs
    if recipe is None or not skipped:
        recipe = _empty_recipe(source, inputs, run_id)
        write_recipe(store, recipe, [])
    return TileReport.of(recipe, skipped=skipped, seconds=time.monotonic() - started)


def _empty_recipe(source: TileSource, inputs: str, run_id: str) -> Recipe:
    box, side = tile_box(source.mgrs), TILE_SIDE_M // _PIXEL_M
    return Recipe(
        mgrs=source.mgrs,
        location=source.location,
        grid=Grid(box.epsg, box.west, box.north, _PIXEL_M, side, side),
        window=PixelWindow(0, 0, side, side),
        bands=(),
        dates=(),
        chips=(),
        choices=(),
        data_version=fingerprint([]),
        inputs=inputs,
        run_id=run_id,
        package_version=__version__,
    )
