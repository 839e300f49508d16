"""A shown raster at the ground distance of the chips, north-up, wherever and however it lies."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import rasterio
from pyproj import Transformer
from rasterio.enums import ColorInterp, Resampling
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.warp import calculate_default_transform

from clay_assets.errors import SearchError
from clay_assets.ingest.grid import metres_per_unit
from clay_assets.mgrs import tile_box, tile_of

_SAME_GSD = 1e-3


@contextmanager
def at_gsd(dataset: DatasetReader, gsd_m: float) -> Iterator[tuple[DatasetReader, int]]:
    """The raster north-up with pixels of `gsd_m`, and its EPSG code; itself where it is so.

    Raises:
        SearchError: its middle is no place on the globe.
    """
    lon, lat = _middle(dataset)
    epsg, transform = dataset.crs.to_epsg(), dataset.transform
    if epsg is not None and not (transform.b or transform.d) and transform.e < 0:
        pixel_m = transform.a * metres_per_unit(epsg)
        if abs(pixel_m / gsd_m - 1) < _SAME_GSD:
            yield dataset, epsg
            return
    if epsg is None or not dataset.crs.is_projected:
        epsg = tile_box(tile_of(lon, lat)).epsg
    step = gsd_m / metres_per_unit(epsg)
    target = rasterio.CRS.from_epsg(epsg)
    own, width, height = calculate_default_transform(
        dataset.crs, target, dataset.width, dataset.height, *dataset.bounds, resolution=step
    )
    is_finer = math.sqrt(abs(transform.determinant)) * _unit_m(dataset) < gsd_m
    with WarpedVRT(
        dataset,
        crs=target,
        transform=own,
        width=max(1, width),
        height=max(1, height),
        resampling=Resampling.average if is_finer else Resampling.bilinear,
        add_alpha=dataset.nodata is None and ColorInterp.alpha not in dataset.colorinterp,
    ) as warped:
        yield warped, epsg


def _middle(dataset: DatasetReader) -> tuple[float, float]:
    place = dataset.transform @ (dataset.width / 2, dataset.height / 2)
    to_degrees = Transformer.from_crs(dataset.crs.to_wkt(), "OGC:CRS84", always_xy=True)
    lon, lat = to_degrees.transform(*place)
    if not (math.isfinite(lon) and math.isfinite(lat)):
        raise SearchError(
            f"the middle of the picture, {place[0]:g}, {place[1]:g} in {dataset.crs}, is no place "
            "on the globe; set its georeference with gdal_edit.py, or leave it out and give lonlat"
        )
    return lon, lat


def _unit_m(dataset: DatasetReader) -> float:
    """Metres in one unit of a raster's CRS."""
    if dataset.crs.is_projected:
        return float(dataset.crs.linear_units_factor[1])
    return metres_per_unit(4326)
