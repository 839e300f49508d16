"""Raster files of scenes: where they lie, what they say of themselves, and opening them."""

import math
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import rasterio
from pyproj import Transformer
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from clay_assets.errors import ImageryError, NotFoundError
from clay_assets.ingest.grid import Grid
from clay_assets.ingest.signing import signed
from clay_assets.store import Store, gdal_options


@dataclass(frozen=True)
class BandSource:
    """One band of one file."""

    href: str
    """Absolute path or URL."""
    etag: str
    """Changes when the file does; empty for `https://`."""
    band: int
    """Number of the band in the file, from 1."""
    nodata: float | None
    """Pixel value of nothing."""
    shift_dn: int = 0
    """To be added to every pixel with data."""


def etag_of(href: str) -> str:
    """The etag of a local or `s3://` file; empty for others, which are not asked.

    Raises:
        ImageryError: there is no such file.
    """
    if href.startswith(("http://", "https://")):
        return ""
    folder, _, name = href.rpartition("/")
    if "://" not in href and not Path(folder).is_dir():
        raise ImageryError(_missing(href))
    try:
        return Store(folder or "/", Path()).stat(name).etag
    except NotFoundError as error:
        raise ImageryError(_missing(href)) from error


@dataclass(frozen=True)
class RasterHeader:
    """What a file says about itself before any pixel is read."""

    grid: Grid
    """Its pixels' grid."""
    nodata: float | None
    """Value it declares for nothing."""
    descriptions: tuple[str, ...]
    """One a band; empty text where the file has none."""
    date: str | None
    """Its tag `date`."""

    @property
    def centre_wgs84(self) -> tuple[float, float]:
        """(lon, lat) of its middle in degrees."""
        west, south, east, north = self.grid.bounds
        # always_xy: otherwise PROJ gives lat, lon
        to_wgs84 = Transformer.from_crs(self.grid.epsg, "OGC:CRS84", always_xy=True)
        lon, lat = to_wgs84.transform((west + east) / 2, (south + north) / 2)
        return float(lon), float(lat)


def read_header(href: str) -> RasterHeader:
    """The header of a raster.

    Raises:
        ImageryError: it cannot be opened, or has no EPSG code or no square north-up pixels.
    """
    with closing(open_raster(href)) as dataset:
        transform, crs = dataset.transform, dataset.crs
        epsg = crs.to_epsg() if crs else None
        if epsg is None:
            found = "a CRS without an EPSG code" if crs else "no CRS"
            raise ImageryError(
                f"{href} has {found}; imagery has a CRS with an EPSG code: set it with "
                "`gdal_edit.py -a_srs EPSG:CODE FILE`"
            )
        if transform.b or transform.d or not math.isclose(transform.e, -transform.a):
            raise ImageryError(
                f"{href} has no square north-up pixels ({transform.a:g} x {-transform.e:g}); warp "
                "it with gdalwarp"
            )
        size = dataset.width, dataset.height
        grid = Grid(int(epsg), transform.c, transform.f, transform.a, *size)
        descriptions = tuple(text or "" for text in dataset.descriptions)
        return RasterHeader(grid, dataset.nodata, descriptions, dataset.tags().get("date"))


def open_raster(href: str) -> DatasetReader:
    """An open raster, to be closed by the caller.

    Args:
        href: path or URL, without any token that signs it.

    Raises:
        ImageryError: it cannot be opened.
    """
    try:
        with rasterio.Env(**gdal_options()):
            return rasterio.open(signed(href))
    except RasterioError as error:
        raise ImageryError(unreadable_raster(href, error)) from error


def unreadable_raster(href: str, error: Exception) -> str:
    """What to tell of a file that GDAL fails on."""
    # The message may hold a signed URL.
    reason = str(error.__cause__ or error).replace(signed(href), href).splitlines()[0]
    return (
        f"{href} cannot be read as a raster: {reason}; it may be truncated: fetch it again, or "
        "remove its item from the imagery"
    )


def _missing(href: str) -> str:
    return f"{href} is named by an item but does not exist; mend the item or fetch the file"
