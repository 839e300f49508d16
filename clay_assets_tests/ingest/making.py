"""Tiny scenes whose every pixel tells where it is."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
import pystac
import rasterio
import shapely.geometry
from affine import Affine

from clay_assets.ingest.footprint import footprint_wgs84

EPSG = 32632
WEST, NORTH = 199_980.0, 6_700_020.0  # upper left corner of 32VKM
SIDE = 64  # pixels of 10 m
FINE = ("B02", "B03", "B04", "B08")
COARSE = ("B05", "B06", "B07", "B8A", "B11", "B12")
EARTH_SEARCH = {
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B05": "rededge1",
    "B06": "rededge2",
    "B07": "rededge3",
    "B08": "nir",
    "B8A": "nir08",
    "B11": "swir16",
    "B12": "swir22",
    "SCL": "scl",
}


@dataclass(frozen=True)
class Place:
    """Upper left corner, pixel and size of a raster."""

    west: float = WEST
    north: float = NORTH
    pixel: float = 10.0
    shape: tuple[int, int] = (SIDE, SIDE)
    epsg: int | None = EPSG

    @property
    def transform(self):
        return Affine(self.pixel, 0, self.west, 0, -self.pixel, self.north)

    @property
    def bounds(self):
        height, width = self.shape
        east = self.west + width * self.pixel
        return self.west, self.north - height * self.pixel, east, self.north


def write_raster(path: Path, bands, place=Place(), *, nodata=None, descriptions=None, tags=None):
    """A GeoTIFF of (C, H, W) or (H, W) pixels."""
    pixels = np.atleast_3d(bands.T).T if bands.ndim == 2 else bands
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        dtype=pixels.dtype,
        count=len(pixels),
        height=place.shape[0],
        width=place.shape[1],
        crs=f"EPSG:{place.epsg}" if place.epsg else None,
        transform=place.transform,
        nodata=nodata,
    ) as dataset:
        dataset.write(pixels)
        if descriptions:
            dataset.descriptions = descriptions
        dataset.update_tags(**tags or {})
    return path


def count_up(shape, first=1, dtype="uint16"):
    """Pixels numbered row by row; over again, before uint16 runs out and becomes 0."""
    number = np.arange(shape[0] * shape[1]).reshape(shape)
    return (first + (number % 60_000 if dtype == "uint16" else number)).astype(dtype)


def optical(
    folder: Path, day="2021-05-10", *, cloud=5.0, names=None, side=SIDE, classes=None, **properties
):
    """A Sentinel-2 item with its files: band b starts at 100 b, 20 m bands at half the size."""
    item_id = f"S2A_{day.replace('-', '')}_{cloud:g}"
    place, coarse = Place(shape=(side, side)), Place(pixel=20, shape=(side // 2, side // 2))
    item = _item(item_id, f"{day}T10:50:31", place, "sentinel-2-l2a")
    item.properties |= {
        "s2:mgrs_tile": "32VKM",
        "eo:cloud_cover": cloud,
        "s2:nodata_pixel_percentage": 0.0,
    } | properties
    for number, band in enumerate(FINE + COARSE):
        where = place if band in FINE else coarse
        path = folder / item_id / f"{band}.tif"
        write_raster(path, count_up(where.shape, 1 + 100 * number), where, nodata=0)
        item.add_asset((names or {}).get(band, band), pystac.Asset(str(path)))
    path = folder / item_id / "SCL.tif"
    scl = np.full(coarse.shape, 4, "uint8") if classes is None else classes
    write_raster(path, scl, coarse, nodata=0)
    item.add_asset((names or {}).get("SCL", "SCL"), pystac.Asset(str(path)))
    return item


def radar(
    folder: Path, time="2021-05-11T17:00:00", *, orbit="ascending", columns=(0, SIDE), value=0.1
):
    """A Sentinel-1 item that covers some columns of the tile."""
    first, last = columns
    place = Place(west=WEST + 10 * first, shape=(SIDE, last - first))
    item = _item(f"S1A_{time.replace(':', '')}_{orbit}", time, place, "sentinel-1-rtc")
    item.properties["sat:orbit_state"] = orbit
    for band, factor in (("vh", 1), ("vv", 10)):
        path = folder / item.id / f"{band}.tif"
        pixels = np.full(place.shape, factor * value, "float32")
        write_raster(path, pixels, place, nodata=-32768)
        item.add_asset(band, pystac.Asset(str(path)))
    return item


def elevation(folder: Path):
    """A DEM item of 1 arc second around the tile, numbered row by row."""
    place = Place(west=3.5, north=60.4, pixel=1 / 3600, shape=(360, 720), epsg=4326)
    path = folder / "dem" / "data.tif"
    write_raster(path, count_up(place.shape, dtype="float32"), place)
    item = _item("DEM_N60_E003", "2021-04-22T00:00:00", place, "cop-dem-glo-30")
    item.add_asset("data", pystac.Asset(str(path)))
    return item


def save_catalogue(folder: Path, items) -> Path:
    """A static catalogue of some items, asset hrefs relative."""
    catalogue = pystac.Catalog("test", "Tiny scenes.")
    catalogue.add_items(items)
    catalogue.normalize_hrefs(str(folder))
    for item in items:
        item.make_asset_hrefs_relative()
    catalogue.save(pystac.CatalogType.SELF_CONTAINED)
    return folder / "catalog.json"


def _item(item_id, time, place: Place, collection):
    footprint = footprint_wgs84(place.bounds, place.epsg)
    item = pystac.Item(
        item_id,
        shapely.geometry.mapping(footprint),
        list(footprint.bounds),
        datetime.fromisoformat(time).replace(tzinfo=UTC),
        {},
    )
    item.collection_id = collection
    return item


def tile_names(count: int) -> list[str]:
    """So many MGRS tiles that exist, sorted."""
    letters = "CDEFGHJKLMNPQRSTUVWX"
    rows = "ABCDEFGHJKLMNPQRSTUV"
    names = (
        f"{zone:02d}{band}{column}{row}"
        for zone in range(1, 61)
        for band in letters
        for column in ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")[zone % 3][2:6]
        for row in rows[:4]
    )
    return sorted(islice(names, count))
