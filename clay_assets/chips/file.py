"""The chip file: a GeoTIFF of Clay's bands, named, dated and placed on the ground."""

import hashlib
from dataclasses import dataclass
from datetime import date as Date
from pathlib import Path

import numpy as np
import numpy.typing as npt
from affine import Affine
from rasterio.enums import ColorInterp
from rasterio.io import MemoryFile

from clay_assets.bands import BAND_NAMES
from clay_assets.chips.geotiff import decode_square
from clay_assets.errors import ChipError
from clay_assets.store import Store

COLOURS = {"B02": ColorInterp.blue, "B03": ColorInterp.green, "B04": ColorInterp.red}


@dataclass(frozen=True)
class Chip:
    """A square of aligned pixels of one date."""

    chip_id: str
    """The file's name without `.tif`."""
    pixels: npt.NDArray[np.float32]
    """(C, H, W) float32 in raw units: digital numbers, linear power, metres; all finite."""
    bands: tuple[str, ...]
    """Names of the C bands, some or all of `BAND_NAMES` in that order."""
    date: str
    """Day of the Sentinel-2 scene, `YYYY-MM-DD`."""
    epsg: int
    """EPSG code of the chip's CRS."""
    bounds: tuple[float, float, float, float]
    """West, south, east, north in the chip's CRS."""
    tags: dict[str, str]
    """All tags of the file."""


def read_chip(store: Store, path: str, *, limit_s: float | None = None) -> Chip:
    """The chip of a manifest's `path`: a key of `store`, an absolute path or a URL.

    Args:
        store: that the path may be a key of.
        path: as the manifest has it.
        limit_s: as of `Store.read_bytes`.

    Raises:
        ChipError: the file breaks the chip contract.
        NotFoundError: there is no such file.
        StoreError: it could not be read.
    """
    return decode_chip(read_chip_bytes(store, path, limit_s=limit_s), path)


def read_chip_bytes(store: Store, path: str, *, limit_s: float | None = None) -> bytes:
    """The undecoded file of a manifest's `path`; arguments as of `read_chip`.

    Raises:
        NotFoundError: there is no such file.
        StoreError: it could not be read.
    """
    if "://" in path or path.startswith("/"):
        folder, _, name = path.rpartition("/")
        return Store(folder or "/", store.cache).read_bytes(name, limit_s=limit_s)
    return store.read_bytes(path, limit_s=limit_s)


def decode_chip(data: bytes, name: str) -> Chip:
    """A chip from the bytes of its file; `name` is its path, for its id and for errors.

    Georeference is kept as the file says, also where Clay's own files lie half a pixel off.

    Raises:
        ChipError: the file breaks the chip contract.
    """
    raster = decode_square(data, name)
    bands = raster.descriptions
    if not any(bands) and len(bands) == len(BAND_NAMES):
        bands = BAND_NAMES
    if not bands or bands != tuple(band for band in BAND_NAMES if band in bands):
        raise ChipError(
            f"{name} has {len(bands)} bands ({', '.join(text or 'unnamed' for text in bands)}); a "
            f"chip has {', '.join(BAND_NAMES)}, or some of them in this order, named in the band "
            "descriptions"
        )
    return Chip(
        chip_id=Path(name).stem,
        pixels=raster.pixels,
        bands=bands,
        date=_checked_date(raster.tags.get("date"), name),
        epsg=raster.epsg,
        bounds=raster.bounds,
        tags=raster.tags,
    )


def write_chip(store: Store, key: str, chip: Chip) -> None:
    """Write a chip as GeoTIFF.

    Raises:
        StoreError: the disk is full or the store cannot be written.
    """
    # By way of memory: GDAL does not tell when a disk fills up while it closes a file.
    store.write_bytes(key, encode_chip(chip))


def encode_chip(chip: Chip) -> bytes:
    """The bytes of a chip's GeoTIFF; its pixel corner, not its pixel centre, lies on the bounds."""
    count, height, width = chip.pixels.shape
    west, south, east, north = chip.bounds
    transform = Affine((east - west) / width, 0, west, 0, (south - north) / height, north)
    with MemoryFile() as file:
        with file.open(
            driver="GTiff",
            dtype="float32",
            count=count,
            height=height,
            width=width,
            crs=f"EPSG:{chip.epsg}",
            transform=transform,
            # By benchmarks/chip_files.py: small, quick both ways, read anywhere.
            compress="deflate",
            zlevel=1,
            predictor=3,
            interleave="band",
            blockysize=64,
        ) as dataset:
            # Before the pixels, so that the header stays at the start of the file.
            dataset.descriptions = chip.bands
            dataset.colorinterp = [COLOURS.get(band, ColorInterp.gray) for band in chip.bands]
            dataset.update_tags(**chip.tags | {"date": chip.date})
            dataset.write(chip.pixels)
        return bytes(file.read())


def hash_chip(chip: Chip) -> str:
    """16 hex digits that change when pixels, bands, date or place of the chip change.

    The file's bytes would not do: they change with the version of GDAL.
    """
    digest = hashlib.sha256(np.ascontiguousarray(chip.pixels, dtype="<f4").data)
    digest.update(repr((chip.bands, chip.date, chip.epsg, chip.bounds)).encode())
    return digest.hexdigest()[:16]


def _checked_date(text: str | None, name: str) -> str:
    if text is None:
        raise ChipError(
            f"{name} has no tag `date`; a chip has one, YYYY-MM-DD: pass --dates YYYY-MM-DD when "
            "adding this imagery, or set the tag with `gdal_edit.py -mo date=YYYY-MM-DD FILE`"
        )
    try:
        return Date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise ChipError(f"{name} has the tag date={text!r}; expected YYYY-MM-DD") from error
