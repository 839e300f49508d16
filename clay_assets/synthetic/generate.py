"""From a seed to a folder of imagery with its catalogue."""

import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import rasterio
from numpy.typing import NDArray

from clay_assets import progress
from clay_assets.errors import InvalidValueError
from clay_assets.synthetic.area import DEFAULT_TILE, Area
from clay_assets.synthetic.catalogue import write_catalogue
from clay_assets.synthetic.elevation import dem_cells, render_dem
from clay_assets.synthetic.ground import Ground, ground_of, land_cover_of
from clay_assets.synthetic.items import (
    ItemSpec,
    dem_item,
    land_cover_raster,
    optical_item,
    radar_item,
)
from clay_assets.synthetic.light import View, view_of
from clay_assets.synthetic.noise import Window
from clay_assets.synthetic.optical import MARGIN_PX, render_optical, without_margin
from clay_assets.synthetic.radar import render_radar
from clay_assets.synthetic.rasters import RasterSpec, write_block, writing_cogs
from clay_assets.synthetic.scenes import DEFAULT_SCENES, Scene, scene_of
from clay_assets.synthetic.surface import surface_of
from clay_assets.synthetic.world import World, world_of

LAND_COVER_NAME = "land_cover.tif"
DEFAULT_SIZE_PX = 3072
_THREADS = 2

T = TypeVar("T")
Layers = Mapping[Path, NDArray[np.generic]]


def generate(
    folder: Path,
    *,
    tile: str = DEFAULT_TILE,
    seed: int = 0,
    size_px: int = DEFAULT_SIZE_PX,
    offset_px: tuple[int, int] | None = None,
    dates: int | Sequence[str] = 3,
    cloud_cover_pct: float | None = None,
    block_px: int = 512,
) -> Path:
    """Write a synthetic landscape as Sentinel-2, Sentinel-1 and elevation files with a catalogue.

    What is already there for the same parameters is kept.

    Args:
        folder: where to write; made if missing.
        tile: MGRS tile whose grid is used; the landscape on it is invented.
        seed: of the landscape and its weather.
        size_px: side of the window in 10 m pixels.
        offset_px: (column, row) of its corner in the tile; by default around a varied place.
        dates: how many of the default dates, or dates `YYYY-MM-DD`.
        cloud_cover_pct: aimed at on every date; by default each has its own.
        block_px: side of the blocks computed at a time; changes memory and speed, no pixel.

    Returns:
        Path of `catalog.json`. `land_cover.tif` beside it has the true classes as ESA WorldCover
        codes.

    Raises:
        InvalidValueError: the window, a date or a number is not allowed.
        TileError: not a tile that exists.
    """
    if block_px < 2 or block_px % 2:
        raise InvalidValueError(f"block_px must be even and positive, got {block_px}")
    area = Area.of(tile, seed=seed, size_px=size_px, offset_px=offset_px)
    scenes = [scene_of(area.tile, day, cloud) for day, cloud in _days(dates, cloud_cover_pct)]
    items = _write_ground(folder, area, scenes, block_px) + _write_dem(folder, area, block_px)
    _remove_others(folder, items)
    title = f"Synthetic landscape on the grid of MGRS tile {area.tile}, seed {seed}"
    return write_catalogue(folder, items, title)


def _days(dates: int | Sequence[str], cloud_cover_pct: float | None) -> list[tuple[str, float]]:
    if isinstance(dates, int):
        if not 1 <= dates <= len(DEFAULT_SCENES):
            raise InvalidValueError(
                f"dates must be 1 to {len(DEFAULT_SCENES)} or a list of dates, got {dates}"
            )
        dates = [day for day, _ in DEFAULT_SCENES[:dates]]
    usual = [cover for _, cover in DEFAULT_SCENES]
    return [
        (day, usual[index % len(usual)] if cloud_cover_pct is None else cloud_cover_pct)
        for index, day in enumerate(dates)
    ]


def _write_ground(
    folder: Path, area: Area, scenes: Sequence[Scene], block_px: int
) -> list[ItemSpec]:
    """Write what is missing of both sensors and the land cover, in one pass over the ground."""
    specs: dict[Path, RasterSpec] = {}
    renderers: list[Callable[[Ground], Layers]] = []
    items: list[ItemSpec] = []
    world = world_of(area.tile, area.seed)
    for scene in scenes:
        optical, radar = optical_item(area, scene), radar_item(area, scene)
        items += [optical, radar]
        if not (optical.complete(folder) and radar.complete(folder)):
            specs |= _files(folder, optical) | _files(folder, radar)
            renderers.append(_scene_renderer(folder, view_of(world, scene), optical, radar))
    truth, spec = folder / LAND_COVER_NAME, land_cover_raster(area)
    if not _has_tags(truth, spec):
        specs[truth] = spec
        renderers.append(lambda ground: {truth: without_margin(land_cover_of(ground))})
    if renderers:
        _write_blocks(world, area, specs, renderers, block_px)
    return items


def _scene_renderer(
    folder: Path, view: View, optical: ItemSpec, radar: ItemSpec
) -> Callable[[Ground], Layers]:
    def render(ground: Ground) -> Layers:
        seed, scene = view.world.seed, view.scene
        shares = surface_of(seed, ground, scene)
        bands = render_optical(view, ground, shares)
        echoes = render_radar(seed, ground, shares, radar.time.date().isoformat())
        layers: dict[Path, NDArray[np.generic]] = {}
        layers |= {optical.path(folder, name): values for name, values in bands.items()}
        layers |= {radar.path(folder, name): values for name, values in echoes.items()}
        return layers

    return render


def _write_blocks(
    world: World,
    area: Area,
    specs: Mapping[Path, RasterSpec],
    renderers: Sequence[Callable[[Ground], Layers]],
    block_px: int,
) -> None:
    def render(block: Window) -> tuple[Window, list[Layers]]:
        ground = ground_of(world, block.moved(area.x, area.y).grown(MARGIN_PX))
        return block, [renderer(ground) for renderer in renderers]

    blocks = list(_blocks(area.size_px, area.size_px, block_px))
    step = f"Rendering the synthetic landscape of {area.tile}"
    with writing_cogs(specs) as datasets, ThreadPoolExecutor(_THREADS) as pool:
        rendered_blocks = _ahead(pool, render, blocks)
        for block, rendered in progress.track(rendered_blocks, step, len(blocks)):
            for path, values in (layer for layers in rendered for layer in layers.items()):
                factor = block.width // values.shape[1]
                write_block(datasets[path], values, block.x // factor, block.y // factor)


def _ahead(
    pool: ThreadPoolExecutor, function: Callable[[Window], T], blocks: Sequence[Window]
) -> Iterator[T]:
    """Results in order, a few blocks computed ahead, so that memory stays the same."""
    waiting: deque[Future[T]] = deque()
    for block in blocks:
        waiting.append(pool.submit(function, block))
        if len(waiting) > 2 * _THREADS:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _write_dem(folder: Path, area: Area, block_px: int) -> list[ItemSpec]:
    items = []
    for cell in dem_cells(area):
        item = dem_item(area, cell)
        items.append(item)
        if item.complete(folder):
            continue
        blocks = list(_blocks(cell.window.width, cell.window.height, block_px))
        with writing_cogs(_files(folder, item)) as datasets:
            for block in progress.track(blocks, f"Rendering heights of {cell.name}", len(blocks)):
                heights = render_dem(area, cell, block)
                write_block(datasets[item.path(folder, "data")], heights, block.x, block.y)
    return items


def _files(folder: Path, item: ItemSpec) -> dict[Path, RasterSpec]:
    return {item.path(folder, name): raster for name, raster in item.rasters.items()}


def _blocks(width: int, height: int, block_px: int) -> Iterator[Window]:
    for y in range(0, height, block_px):
        for x in range(0, width, block_px):
            yield Window(x, y, min(block_px, width - x), min(block_px, height - y))


def _has_tags(path: Path, spec: RasterSpec) -> bool:
    """Whether a file is there and was made for the same landscape."""
    if not path.is_file():
        return False
    with rasterio.open(path) as dataset:
        found: dict[str, str] = dataset.tags()
    return spec.tags.items() <= found.items()


def _remove_others(folder: Path, items: Sequence[ItemSpec]) -> None:
    """Remove what an earlier call with other parameters left."""
    keep = {item.item_id for item in items}
    for collection in {item.collection for item in items}:
        for path in (folder / collection).iterdir():
            if path.is_dir() and "_synthetic-" in path.name and path.name not in keep:
                shutil.rmtree(path)
