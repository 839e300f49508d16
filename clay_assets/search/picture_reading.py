"""A picture that somebody shows, cut and resampled to a chip of the kind an encoder takes."""

# C band, H W size in pixels, S side of the chip in pixels

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from pyproj import Transformer
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader, MemoryFile
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from clay_assets.chips.geotiff import opened_quietly
from clay_assets.errors import ImageError, SearchError
from clay_assets.images.decoding import open_image
from clay_assets.models.picture_input import PICTURE_BANDS
from clay_assets.models.token_encoder import ChipKind
from clay_assets.search.picture_bands import choose_bands, in_units_of_chips, name_bands
from clay_assets.search.picture_warping import at_gsd

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF")
_MOST_HOLES = 0.5
"""Share of pixels without data; chips have few."""


@dataclass(frozen=True)
class Ground:
    """Where a square lies."""

    bounds: tuple[float, float, float, float]
    """West, south, east, north in its CRS."""
    epsg: int
    """EPSG code of that CRS."""


@dataclass(frozen=True)
class ShownChip:
    """A picture as a chip."""

    pixels: npt.NDArray[np.float32]
    """(C, S, S) in the units of chips, or 0 to 255 where the encoder takes colours."""
    bands: tuple[str, ...]
    """The C bands, as chips name them."""
    ground: Ground | None
    """None without a place on the globe."""
    date: str | None
    """Day that the file tells in its tag `date`."""
    notes: tuple[str, ...]
    """What was done to get there."""


def read_picture(
    data: bytes,
    kind: ChipKind,
    *,
    lonlat: tuple[float, float] | None = None,
    bands: Sequence[str] = (),
) -> ShownChip:
    """A GeoTIFF, or a PNG, JPEG or WebP, as one chip.

    Of a georeferenced picture the part around its middle, or around `lonlat`, is taken at the
    chips' ground distance; one that is smaller is mirrored at its edges. Of another the largest
    square in its middle is taken, whatever its scale.

    Args:
        data: all bytes of the file.
        kind: of the chips that the encoder was used on.
        lonlat: place in it, degrees.
        bands: names of its bands, where the file has none or wrong ones.

    Raises:
        SearchError: it cannot be read, has other bands, or does not cover the place.
    """
    try:
        if data.startswith(_TIFF):
            with MemoryFile(data) as file, opened_quietly(file, driver="GTiff") as dataset:
                return _from_raster(dataset, kind, lonlat, bands)
        if data.startswith(_PICTURES):
            return _from_colours(data, kind)
    except (RasterioError, ImageError) as error:
        raise SearchError(
            f"the picture ({len(data)} bytes) cannot be read: {error}; save it again"
        ) from error
    raise SearchError(
        f"the picture ({len(data)} bytes, beginning {data[:8]!r}) is neither a GeoTIFF nor a PNG, "
        "JPEG or WebP; convert it, as with gdal_translate"
    )


def _from_colours(data: bytes, kind: ChipKind) -> ShownChip:
    image = open_image(data, "the picture").image
    chosen, names = choose_bands(PICTURE_BANDS, "uint8", kind.bands)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    size = (kind.size_px, kind.size_px)
    square = image.resize(size, box=(left, top, left + side, top + side), reducing_gap=3.0)
    pixels = np.asarray(square).transpose(2, 0, 1)[chosen].astype(np.float32)  # (C, S, S)
    pixels, note = in_units_of_chips(pixels, names, "uint8")
    notes = _told(note, _scaled(image.width, image.height, kind))
    return ShownChip(pixels, names, None, None, notes)


def _from_raster(
    dataset: DatasetReader,
    kind: ChipKind,
    lonlat: tuple[float, float] | None,
    told: Sequence[str],
) -> ShownChip:
    dtype = dataset.dtypes[0]
    is_alpha = [colour == ColorInterp.alpha for colour in dataset.colorinterp]
    names = name_bands(dataset.descriptions, dtype, told)
    known = ["alpha" if alpha else name for name, alpha in zip(names, is_alpha, strict=True)]
    chosen, bands = choose_bands(known, dtype, kind.bands)
    wanted = [index + 1 for index in chosen]
    if dataset.crs is None or dataset.transform.is_identity:
        found = _whole(dataset, wanted, kind)
    else:
        with at_gsd(dataset, kind.gsd_m) as (source, epsg):
            found = _around(source, epsg, wanted, kind, lonlat)
    pixels, note = in_units_of_chips(found.pixels, bands, dtype)
    date = dataset.tags().get("date")
    return replace(found, pixels=pixels, bands=bands, date=date, notes=(*found.notes, *_told(note)))


def _around(
    source: DatasetReader,
    epsg: int,
    wanted: Sequence[int],
    kind: ChipKind,
    lonlat: tuple[float, float] | None,
) -> ShownChip:
    """The square of a raster of the right ground distance around a place, or its middle."""
    size = kind.size_px
    col, row = source.width / 2, source.height / 2
    if lonlat is not None:
        # always_xy: otherwise PROJ gives lat, lon
        place = Transformer.from_crs("OGC:CRS84", epsg, always_xy=True).transform(*lonlat)
        col, row = ~source.transform @ place
        if not (0 <= col <= source.width and 0 <= row <= source.height):
            west, south, east, north = source.bounds
            raise SearchError(
                f"lonlat {lonlat[0]}, {lonlat[1]} is outside the picture, which covers west "
                f"{west:g}, south {south:g}, east {east:g}, north {north:g} in EPSG:{epsg}; "
                "leave lonlat out"
            )
    first_col, width = _span(col, source.width, size)
    first_row, height = _span(row, source.height, size)
    window = Window(first_col, first_row, width, height)
    pixels, share = _read(source, wanted, window)
    above, left = (size - height) // 2, (size - width) // 2
    edges = ((0, 0), (above, size - height - above), (left, size - width - left))
    pixels = np.pad(pixels, edges, mode="symmetric")
    corner = source.transform @ (first_col - left, first_row - above)
    bounds = rasterio.transform.array_bounds(
        size, size, Affine.translation(*corner) @ _scale_of(source.transform)
    )
    notes = []
    if (height, width) != (size, size):
        notes.append(f"mirrored at its edges, {height} x {width} of {size} pixels are its own")
    elif (source.height, source.width) != (size, size):
        notes.append(f"a part of {size} x {size} of {source.height} x {source.width} pixels")
    if share:
        notes.append(f"{share:.0%} without data count as 0")
    if isinstance(source, WarpedVRT):
        notes.append(f"resampled to {kind.gsd_m:g} m")
    return ShownChip(pixels, (), Ground(bounds, epsg), None, tuple(notes))


def _whole(dataset: DatasetReader, wanted: Sequence[int], kind: ChipKind) -> ShownChip:
    """The largest square in the middle of a raster without a place on the ground."""
    side = min(dataset.width, dataset.height)
    window = Window((dataset.width - side) // 2, (dataset.height - side) // 2, side, side)
    pixels, _ = _read(dataset, wanted, window, kind.size_px)
    notes = _told(_scaled(dataset.width, dataset.height, kind))
    return ShownChip(pixels, (), None, None, notes)


def _read(
    source: DatasetReader, wanted: Sequence[int], window: Window, size_px: int | None = None
) -> tuple[npt.NDArray[np.float32], float]:
    """Pixels of a window with 0 where there are no data, and the share of those.

    Raises:
        SearchError: most are without data.
    """
    side = round(window.width) if size_px is None else size_px
    shape = (round(window.height), side) if size_px is None else (side, side)
    resampling = Resampling.average if side < window.width else Resampling.bilinear
    pixels: npt.NDArray[np.float32] = source.read(
        wanted,
        window=window,
        out_shape=(len(wanted), *shape),
        out_dtype="float32",
        resampling=resampling,
    )
    has_data = source.dataset_mask(window=window, out_shape=shape) > 0
    holes = ~(has_data & np.isfinite(pixels).all(axis=0))
    share = float(holes.mean())
    if share > _MOST_HOLES:
        raise SearchError(
            f"{share:.0%} of the part of the picture that would be embedded is without data; at "
            f"most {_MOST_HOLES:.0%} may be: cut it, or give lonlat of a place in it with data"
        )
    pixels[:, holes] = 0
    return pixels, share


def _span(centre: float, length: int, size: int) -> tuple[int, int]:
    """First pixel and number of pixels of a piece around a place, within a side.

    >>> _span(50, 100, 20), _span(98.2, 100, 20), _span(3, 6, 20)
    ((40, 20), (80, 20), (0, 6))
    """
    if length <= size:
        return 0, length
    return min(max(round(centre - size / 2), 0), length - size), size


def _scale_of(transform: Affine) -> Affine:
    return Affine.scale(transform.a, transform.e)


def _scaled(width: int, height: int, kind: ChipKind) -> str:
    side = kind.size_px * kind.gsd_m
    return f"{width} x {height} pixels of no known scale, taken as {side:g} m" if side else ""


def _told(*notes: str) -> tuple[str, ...]:
    return tuple(note for note in notes if note)
