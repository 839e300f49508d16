"""From a seed to a folder of imagery with its catalogue."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from clay_assets import progress
from clay_assets.bands import SENTINEL2_BANDS
from clay_assets.errors import InvalidValueError
from clay_assets.provenance import fingerprint
from clay_assets.synthetic.area import DEFAULT_TILE, PIXEL_M, Area
from clay_assets.synthetic.catalogue import CATALOGUE_NAME, EPOCH, ItemSpec, write_catalogue
from clay_assets.synthetic.elevation import DemCell, dem_cells, render_dem
from clay_assets.synthetic.ground import ground_of, land_cover_of
from clay_assets.synthetic.noise import Window
from clay_assets.synthetic.optical import FINE_BANDS, MARGIN_PX, render_optical
from clay_assets.synthetic.radar import render_radar
from clay_assets.synthetic.rasters import RasterSpec, write_block, writing_cogs
from clay_assets.synthetic.scenes import DEFAULT_SCENES, Scene, scene_of
from clay_assets.synthetic.surface import surface_of
from clay_assets.synthetic.world import world_of

CODE_VERSION = 1
"""Raised whenever a pixel changes for the same parameters."""
LAND_COVER_NAME = "land_cover.tif"
THREADS = 2


def generate(
    folder: Path,
    *,
    tile: str = DEFAULT_TILE,
    seed: int = 0,
    size_px: int = 3072,
    offset_px: tuple[int, int] | None = None,
    dates: int | Sequence[str] = 3,
    cloud_cover_pct: float | None = None,
    block_px: int = 512,
) -> Path:
    """Write a synthetic landscape as Sentinel-2, Sentinel-1 and elevation files with a catalogue.

    Files already there for the same parameters are kept.

    Args:
        folder: where to write; made if missing.
        tile: MGRS tile whose grid is used.
        seed: of the landscape and its weather.
        size_px: side of the window in 10 m pixels.
        offset_px: (column, row) of its corner in the tile; around a varied place by default.
        dates: how many of the default dates, or dates `YYYY-MM-DD`.
        cloud_cover_pct: of every date; by default each has its own.
        block_px: side of the blocks computed at a time; changes memory and speed, no pixel.

    Returns:
        Path of `catalog.json`. `land_cover.tif` beside it has the true classes as ESA WorldCover
        codes.

    Raises:
        InvalidValueError: the window, a date or a number is not allowed.
        TileError: not a tile that exists.
    """
    area = Area.of(tile, seed=seed, size_px=size_px, offset_px=offset_px)
    scenes = [scene_of(area.tile, day, cloud) for day, cloud in _days(dates, cloud_cover_pct)]
    items: list[ItemSpec] = []
    for scene in scenes:
        optical, radar = _optical_item(area, scene), _radar_item(area, scene)
        _write_scene(folder, area, scene, optical, radar, block_px)
        items += [optical, radar]
    for cell in dem_cells(area):
        item = _dem_item(area, cell)
        _write_dem(folder, area, cell, item, block_px)
        items.append(item)
    _write_land_cover(folder, area, block_px)
    title = f"Synthetic landscape on the grid of MGRS tile {area.tile}, seed {seed}"
    return write_catalogue(folder, items, title)


def _days(dates: int | Sequence[str], cloud_cover_pct: float | None) -> list[tuple[str, float]]:
    if isinstance(dates, int):
        if not 1 <= dates <= len(DEFAULT_SCENES):
            raise InvalidValueError(
                f"dates must be 1 to {len(DEFAULT_SCENES)} or a list of dates, got {dates}"
            )
        days = list(DEFAULT_SCENES[:dates])
    else:
        covers = [cover for _, cover in DEFAULT_SCENES]
        days = [(day, covers[i % len(covers)]) for i, day in enumerate(dates)]
    if cloud_cover_pct is not None:
        days = [(day, cloud_cover_pct) for day, _ in days]
    return days


def _grid(area: Area, pixel_m: int) -> tuple[Affine, int]:
    west, _, _, north = area.bounds
    return Affine(pixel_m, 0, west, 0, -pixel_m, north), area.size_px * PIXEL_M // pixel_m


def _optical_item(area: Area, scene: Scene) -> ItemSpec:
    assets = {}
    for name in (*SENTINEL2_BANDS, "SCL"):
        transform, side = _grid(area, 10 if name in FINE_BANDS else 20)
        kind = "uint8" if name == "SCL" else "uint16"
        resampling = "mode" if name == "SCL" else "average"
        assets[name] = RasterSpec(
            area.epsg, transform, side, side, kind, 0, name, overview_resampling=resampling
        )
    tag = fingerprint(CODE_VERSION, _key(area), str(scene.day), scene.cloud_cover_pct)[:8]
    stamp = f"{scene.time:%Y%m%dT%H%M%S}"
    return ItemSpec(
        "sentinel-2-l2a",
        f"S2A_MSIL2A_{stamp}_T{area.tile}_synthetic-{tag}",
        scene.time,
        {
            "platform": "Sentinel-2A",
            "s2:mgrs_tile": area.tile,
            "s2:processing_baseline": scene.baseline,
            "s2:nodata_pixel_percentage": 0.0,
            "sat:orbit_state": "descending",
            "eo:cloud_cover": scene.cloud_cover_pct,
        },
        assets,
    )


def _radar_item(area: Area, scene: Scene) -> ItemSpec:
    transform, side = _grid(area, 10)
    time = scene.time + timedelta(days=1, hours=7)
    tag = fingerprint(CODE_VERSION, _key(area), str(scene.day))[:8]
    return ItemSpec(
        "sentinel-1-rtc",
        f"S1A_IW_GRDH_1SDV_{time:%Y%m%dT%H%M%S}_rtc_synthetic-{tag}",
        time,
        {"platform": "SENTINEL-1A", "sat:orbit_state": "ascending"},
        {
            band: RasterSpec(area.epsg, transform, side, side, "float32", -32768, band)
            for band in ("vh", "vv")
        },
    )


def _dem_item(area: Area, cell: DemCell) -> ItemSpec:
    tag = fingerprint(CODE_VERSION, _key(area), cell.name)[:8]
    window = cell.window
    return ItemSpec(
        "cop-dem-glo-30",
        f"{cell.name}_synthetic-{tag}",
        EPOCH,
        {"platform": "TanDEM-X", "gsd": 30},
        {
            "data": RasterSpec(
                4326, cell.transform, window.width, window.height, "float32", None, "dem"
            )
        },
    )


def _key(area: Area) -> list[str | int]:
    return [area.tile, area.seed, area.x, area.y, area.size_px]


def _blocks(width: int, height: int, block_px: int) -> Iterator[Window]:
    for y in range(0, height, block_px):
        for x in range(0, width, block_px):
            yield Window(x, y, min(block_px, width - x), min(block_px, height - y))


def _write_scene(
    folder: Path, area: Area, scene: Scene, optical: ItemSpec, radar: ItemSpec, block_px: int
) -> None:
    files = {optical.file(folder, name): (name, spec) for name, spec in optical.assets.items()} | {
        radar.file(folder, name): (name, spec) for name, spec in radar.assets.items()
    }
    if all(path.is_file() for path in files):
        return

    world = world_of(area.tile, area.seed)

    def render(block: Window) -> tuple[Window, dict[str, NDArray[np.generic]]]:
        ground = ground_of(world, block.moved(area.x, area.y).grown(MARGIN_PX))
        shares = surface_of(world.seed, ground, scene.season)
        layers = render_optical(world.seed, ground, shares, scene)
        return block, layers | render_radar(world.seed, ground, shares, str(scene.day))

    blocks = list(_blocks(area.size_px, area.size_px, block_px))
    with (
        writing_cogs({path: spec for path, (_, spec) in files.items()}) as datasets,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        step = f"Rendering {scene.day} of {area.tile}"
        for block, layers in progress.track(pool.map(render, blocks), step, len(blocks)):
            for path, (name, spec) in files.items():
                factor = area.size_px // spec.width
                write_block(datasets[path], layers[name], block.x // factor, block.y // factor)


def _write_dem(folder: Path, area: Area, cell: DemCell, item: ItemSpec, block_px: int) -> None:
    path = item.file(folder, "data")
    if path.is_file():
        return
    with writing_cogs({path: item.assets["data"]}) as datasets:
        for block in _blocks(cell.window.width, cell.window.height, block_px):
            heights = render_dem(area, cell, block)
            write_block(datasets[path], heights, block.x, block.y)


def _write_land_cover(folder: Path, area: Area, block_px: int) -> None:
    path = folder / LAND_COVER_NAME
    transform, side = _grid(area, 10)
    spec = RasterSpec(area.epsg, transform, side, side, "uint8", 0, "land_cover", "mode")
    world = world_of(area.tile, area.seed)
    with writing_cogs({path: spec}) as datasets:
        for block in _blocks(side, side, block_px):
            ground = ground_of(world, block.moved(area.x, area.y))
            write_block(datasets[path], land_cover_of(ground), block.x, block.y)


__all__ = ["CATALOGUE_NAME", "generate"]
