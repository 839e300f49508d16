"""Raster files of scenes: where they lie, what they say of themselves, and opening them."""

import math
import re
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader

from clay_assets.errors import ImageryError, NotFoundError, UnreachableError
from clay_assets.ingest.asking import without_query
from clay_assets.ingest.footprint import centre_wgs84
from clay_assets.ingest.grid import Grid
from clay_assets.ingest.signing import is_signable, signed, signed_anew
from clay_assets.remote import gdal_options
from clay_assets.store import Store

_TRIES = 3
_PAUSE_S = 1.0
_ASKED_AGAIN = re.compile("reset|timed out")
_STATUS = re.compile(r"HTTP (?:response|error) code\s*:\s*(\d{3})")
_ADVICE = {
    "403": "it may not be read, or its token has expired: fetch the item anew",
    "404": "it is gone: fetch the item anew, or remove it from the imagery",
}


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
    """To be added to every pixel with data, after `factor`."""
    factor: float = 1.0
    """To multiply every pixel with."""
    decibels: bool = False
    """Whether pixels are dB, of which the linear power is wanted."""

    def converted(self, pixels: npt.NDArray[Any], dtype: str) -> npt.NDArray[Any]:
        """Pixels as a chip has them, of pixels as the file has them.

        Args:
            pixels: of any shape; nothing is NaN or, for integers, 0.
            dtype: `uint8`, `uint16` or `float32`.

        Returns:
            The same shape in `dtype`. Nothing stays nothing; in integers all else is at least 1.
        """
        values = pixels if self.factor == 1 else pixels * np.float64(self.factor)
        if self.decibels:
            values = 10 ** (values / 10)
        if dtype == "float32" or (values is pixels and not self.shift_dn):
            return values.astype(dtype, copy=False)
        nothing = (pixels == 0) | np.isnan(pixels)
        whole = np.rint(np.where(nothing, 0, values)) + self.shift_dn
        return np.where(nothing, 0, whole.clip(1, np.iinfo(dtype).max)).astype(dtype)


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
        return centre_wgs84(self.grid.bounds, self.grid.epsg)


def read_header(href: str) -> RasterHeader:
    """The header of a raster.

    Raises:
        ImageryError: it cannot be opened, or has no EPSG code or no square north-up pixels.
    """
    with closing(open_raster(href)) as dataset:
        epsg, transform = epsg_of(dataset, href), dataset.transform
        if transform.b or transform.d or not math.isclose(transform.e, -transform.a):
            raise ImageryError(
                f"{href} has no square north-up pixels ({transform.a:g} x {-transform.e:g}); warp "
                "it with gdalwarp"
            )
        size = dataset.width, dataset.height
        grid = Grid(epsg, transform.c, transform.f, transform.a, *size)
        descriptions = tuple(text or "" for text in dataset.descriptions)
        return RasterHeader(grid, dataset.nodata, descriptions, dataset.tags().get("date"))


def epsg_of(dataset: DatasetReader, href: str) -> int:
    """EPSG code of an open raster; `href` is what errors call it.

    Raises:
        ImageryError: it has none.
    """
    epsg = dataset.crs.to_epsg() if dataset.crs else None
    if epsg is None:
        found = "a CRS without an EPSG code" if dataset.crs else "no CRS"
        raise ImageryError(
            f"{href} has {found}; imagery has a CRS with an EPSG code: set it with "
            "`gdal_edit.py -a_srs EPSG:CODE FILE`"
        )
    return int(epsg)


def open_raster(href: str) -> DatasetReader:
    """An open raster, to be closed by the caller.

    A file that comes broken off is fetched again, and a token that is refused replaced once.

    Args:
        href: path or URL; the Planetary Computer's may be without a token.

    Raises:
        ImageryError: it cannot be opened; an UnreachableError where it may be later.
    """
    url, left = signed(href), _TRIES
    while True:
        left -= 1
        try:
            with rasterio.Env(**gdal_options()):
                return rasterio.open(url)
        except RasterioError as error:
            refused = _status_of(error) == "403" and is_signable(href)
            if not left or not (refused or broke_off(href, error)):
                kind = UnreachableError if may_pass(href, error) else ImageryError
                raise kind(unreadable_raster(href, error)) from error
            if refused:
                url, left = signed_anew(href), 1
            else:
                time.sleep(_PAUSE_S)


def broke_off(href: str, error: Exception) -> bool:
    """Whether a file that GDAL fails on may have come broken off, so that to fetch it again helps.

    GDAL asks again by itself where a server is busy, or a connection is reset or times out.
    """
    reason = _reason(error)
    return "://" in href and not _status_of(error) and not _ASKED_AGAIN.search(reason)


def may_pass(href: str, error: Exception) -> bool:
    """Whether GDAL fails on the way to a file, and not on the file itself."""
    status = _status_of(error)
    return "://" in href and (status not in _ADVICE if status else "CURL" in _reason(error))


def unreadable_raster(href: str, error: Exception) -> str:
    """What to tell of a file that GDAL fails on."""
    status, reason = _status_of(error), _reason(error)
    if "://" not in href or not (status or "CURL" in reason):
        advice = "it may be truncated: fetch it again, or remove its item from the imagery"
        reason = f"as a raster: {reason}"
    else:
        advice = _ADVICE.get(status, "run again later")
        reason = f"because the server answered {status}" if status else f"because of a {reason}"
    return f"{without_query(href)} cannot be read {reason}; {advice}"


def _status_of(error: Exception) -> str:
    """HTTP status in an error of GDAL; empty where there is none."""
    found = _STATUS.search(_reason(error))
    return found[1] if found else ""


def _reason(error: Exception) -> str:
    return without_query(str(error.__cause__ or error)).splitlines()[0]


def _missing(href: str) -> str:
    return f"{href} is named by an item but does not exist; mend the item or fetch the file"
