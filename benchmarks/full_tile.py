"""Imagery of a whole tile for benchmarks/chips.py: a synthetic landscape, mirrored side by side.

It is stored as Earth Search stores Sentinel-2: tiles of 1024 pixels, deflated with predictor 2.
"""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pystac
import rasterio
import shapely.geometry
from affine import Affine
from rasterio.io import DatasetReader

from clay_assets.ingest.footprint import footprint_wgs84
from clay_assets.synthetic import generate

BLOCK_PX = 1024
DEM_MARGIN_DEG = 0.1
PREDICTORS = {"uint16": 2, "uint8": 1, "float32": 3, "int16": 2}


def full_tile(folder: Path, *, side_px: int, times: int, dates: int) -> Path:
    """Catalogue of a square of `times` by `times` landscapes of `side_px` pixels; kept if there."""
    catalogue = folder / "catalog.json"
    if catalogue.exists():
        return catalogue
    small = folder / "landscape"
    source = generate(small, size_px=side_px, dates=dates, offset_px=(0, 0))
    items = [
        _enlarged(item, folder, times)
        for item in pystac.Catalog.from_file(source).get_items(recursive=True)
    ]
    shutil.rmtree(small)
    whole = pystac.Catalog("full-tile", "A synthetic landscape over a whole tile.")
    whole.add_items(items)
    whole.normalize_hrefs(str(folder))
    for item in items:
        item.make_asset_hrefs_relative()
    whole.save(pystac.CatalogType.SELF_CONTAINED)
    return catalogue


def _enlarged(item: pystac.Item, folder: Path, times: int) -> pystac.Item:
    properties = {key: value for key, value in item.properties.items() if key[:5] != "proj:"}
    larger = pystac.Item(item.id, None, None, item.datetime or datetime.now(UTC), properties)
    larger.collection_id = item.collection_id
    for name, asset in item.assets.items():
        path = folder / item.id / f"{name}.tif"
        with rasterio.open(asset.get_absolute_href()) as dataset:
            bounds, epsg = _mirror(dataset, path, times)
        larger.add_asset(name, pystac.Asset(str(path)))
    footprint = footprint_wgs84(bounds, epsg)
    larger.geometry = shapely.geometry.mapping(footprint)
    larger.bbox = list(footprint.bounds)
    return larger


def _mirror(
    dataset: DatasetReader, path: Path, times: int
) -> tuple[tuple[float, float, float, float], int]:
    """Write a raster mirrored side by side and one below the other; its bounds and EPSG code."""
    epsg, transform = dataset.crs.to_epsg(), dataset.transform
    if dataset.crs.is_geographic:  # heights must reach beyond the tile's slanted sides
        transform = Affine.translation(-DEM_MARGIN_DEG, DEM_MARGIN_DEG) * transform
        times += 1
    pixels = _tiled(dataset.read(1), times)
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        dtype=pixels.dtype,
        count=1,
        height=pixels.shape[0],
        width=pixels.shape[1],
        crs=dataset.crs,
        transform=transform,
        nodata=dataset.nodata,
        tiled=True,
        blockxsize=BLOCK_PX,
        blockysize=BLOCK_PX,
        compress="deflate",
        predictor=PREDICTORS[str(pixels.dtype)],
        num_threads=2,
    ) as larger:
        larger.write(pixels, 1)
        west, south, east, north = larger.bounds
    return (west, south, east, north), epsg


def _tiled(pixels: npt.NDArray[np.generic], times: int) -> npt.NDArray[np.generic]:
    row = np.hstack([pixels[:, :: 1 - 2 * (index % 2)] for index in range(times)])
    return np.vstack([row[:: 1 - 2 * (index % 2)] for index in range(times)])
