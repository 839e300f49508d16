"""From a seed to a folder of imagery with its catalogue."""

import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
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
from clay_assets.synthetic.rasters import RasterSpec, scratch_folder, write_block, writing_cogs
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
    with scratch_folder(folder) as scratch:
        job = _Job(folder, scratch, area, block_px)
        items = _write_ground(job, scenes) + _write_dem(job)
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
    if not dates:
        raise InvalidValueError(
            f"dates must be 1 to {len(DEFAULT_SCENES)} or a list of dates, got none"
        )
    usual = [cover for _, cover in DEFAULT_SCENES]
    return [
        (day, usual[index % len(usual)] if cloud_cover_pct is None else cloud_cover_pct)
        for index, day in enumerate(dates)
    ]


@dataclass(frozen=True)
class _Job:
    """One call of `generate`."""

    folder: Path
    """Where files go."""
    scratch: Path
    """Where they are made."""
    area: Area
    """What they show."""
    block_px: int
    """Side of the blocks computed at a time."""

    def blocks(self, width: int, height: int) -> list[Window]:
        """Rectangles that cover a raster, row by row."""
        side = self.block_px
        return [
            Window(x, y, min(side, width - x), min(side, height - y))
            for y in range(0, height, side)
            for x in range(0, width, side)
        ]

    def files(self, item: ItemSpec) -> dict[Path, RasterSpec]:
        """Path of each of an item's rasters."""
        return {item.path(self.folder, name): raster for name, raster in item.rasters.items()}


def _write_ground(job: _Job, scenes: Sequence[Scene]) -> list[ItemSpec]:
    """Write what is missing of both sensors and the land cover, in one pass over the ground."""
    area = job.area
    pairs = [(scene, optical_item(area, scene), radar_item(area, scene)) for scene in scenes]
    missing = [pair for pair in pairs if not all(item.complete(job.folder) for item in pair[1:])]
    truth, truth_raster = job.folder / LAND_COVER_NAME, land_cover_raster(area)
    truth_missing = not _has_tags(truth, truth_raster)
    if missing or truth_missing:
        for _ in progress.track(range(1), f"Shaping the synthetic landscape of {area.tile}", 1):
            world = world_of(area.tile, area.seed)
        rasters: dict[Path, RasterSpec] = {}
        renderers: list[Callable[[Ground], Layers]] = []
        for scene, optical, radar in missing:
            rasters |= job.files(optical) | job.files(radar)
            renderers.append(_scene_renderer(job.folder, view_of(world, scene), optical, radar))
        if truth_missing:
            rasters[truth] = truth_raster
            renderers.append(lambda ground: {truth: without_margin(land_cover_of(ground))})
        _write_blocks(job, world, rasters, renderers)
    return [item for pair in pairs for item in pair[1:]]


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
    job: _Job,
    world: World,
    rasters: Mapping[Path, RasterSpec],
    renderers: Sequence[Callable[[Ground], Layers]],
) -> None:
    area = job.area

    def render(block: Window) -> tuple[Window, list[Layers]]:
        ground = ground_of(world, block.moved(area.x, area.y).grown(MARGIN_PX))
        return block, [renderer(ground) for renderer in renderers]

    blocks = job.blocks(area.size_px, area.size_px)
    step = f"Rendering the synthetic landscape of {area.tile}"
    with writing_cogs(rasters, job.scratch) as datasets, ThreadPoolExecutor(_THREADS) as pool:
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


def _write_dem(job: _Job) -> list[ItemSpec]:
    items = []
    for cell in dem_cells(job.area):
        item = dem_item(job.area, cell)
        items.append(item)
        if item.complete(job.folder):
            continue
        blocks = job.blocks(cell.window.width, cell.window.height)
        with writing_cogs(job.files(item), job.scratch) as datasets:
            (dataset,) = datasets.values()
            for block in progress.track(blocks, f"Rendering heights of {cell.name}", len(blocks)):
                heights = render_dem(job.area, cell, block)
                write_block(dataset, heights, block.x, block.y)
    return items


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
