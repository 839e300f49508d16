"""True colour of the chips as web tiles, `z/x/y` of the Web Mercator pyramid.

The chips under a web tile are laid side by side on their own grid and warped together, so that no
seam shows where they meet. Chips are pasted whole, or from a small copy where they look small.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from affine import Affine
from morecantile import Tile, tms
from PIL import Image
from rasterio.enums import ColorInterp
from rasterio.io import MemoryFile
from rio_tiler.models import ImageData
from rio_tiler.mosaic import mosaic_reader
from rio_tiler.reader import part

from clay_assets.errors import ClayAssetsError, InvalidValueError
from clay_assets.pictures import true_colour
from clay_assets.serve.catalogue import ListedChip, ProductChips
from clay_assets.serve.chip_colours import read_rgb, tile_stretch
from clay_assets.store import Store

CLEAREST = "clearest"
MAX_ZOOM = 22
MOST_CHIPS = 1_000
"""In one web tile; with more, each is but a few pixels wide."""
SMALL_PX = 128
KEPT_SMALL, KEPT_WHOLE = 4_000, 200  # together 350 MB
ZLEVEL = 3
"""A little larger than by default, in less than half the time."""

Colours = npt.NDArray[np.uint8]
WEB_MERCATOR = tms.get("WebMercatorQuad")


@dataclass(frozen=True)
class MapTile:
    """A web tile's address."""

    z: int
    """Zoom, 0 to `MAX_ZOOM`."""
    x: int
    """Column from the antimeridian, from 0."""
    y: int
    """Row from the north, from 0."""

    def __post_init__(self) -> None:
        """Check that there is such a tile.

        Raises:
            InvalidValueError: there is none.
        """
        if not 0 <= self.z <= MAX_ZOOM:
            raise InvalidValueError(f"z of a map tile must be 0 to {MAX_ZOOM}, got {self.z}")
        for name, value in (("x", self.x), ("y", self.y)):
            if not 0 <= value < 2**self.z:
                raise InvalidValueError(
                    f"{name} of a map tile at z {self.z} must be 0 to {2**self.z - 1}, got {value}"
                )

    @property
    def bounds_wgs84(self) -> tuple[float, float, float, float]:
        """West, south, east, north in degrees."""
        west, south, east, north = WEB_MERCATOR.bounds(Tile(self.x, self.y, self.z))
        return west, south, east, north

    def pixel_m(self, size_px: int) -> float:
        """Side of a pixel on the ground, in the tile's middle."""
        _, south, _, north = self.bounds_wgs84
        at_equator = WEB_MERCATOR.matrix(self.z).cellSize * 256 / size_px
        return float(at_equator * np.cos(np.radians((south + north) / 2)))


def chips_of(chips: ProductChips, tile: MapTile, date: str) -> list[ListedChip]:
    """The chips that a web tile shows, one a place.

    Args:
        chips: of the product.
        tile: which part of the world.
        date: `clearest`, or a day.

    Raises:
        InvalidValueError: there is no such day, or there are too many chips to draw.
    """
    if date != CLEAREST and date not in chips.dates:
        raise InvalidValueError(
            f"date must be {CLEAREST} or one of the {len(chips.dates)} days of product "
            f"{chips.product}, {_few(chips.dates)}; got {date!r}"
        )
    places = chips.places_in(tile.bounds_wgs84)
    found = [place.clearest if date == CLEAREST else place.of_date(date) for place in places]
    shown = [chip for chip in found if chip is not None]
    if len(shown) > MOST_CHIPS:
        raise InvalidValueError(
            f"map tile {tile.z}/{tile.x}/{tile.y} would hold {len(shown)} chips, at most "
            f"{MOST_CHIPS} are drawn; zoom in"
        )
    return shown


def tag_of(chips: Sequence[ListedChip], size_px: int) -> str:
    """Changes with the picture of these chips."""
    parts = [str(size_px), *(chip.content_hash for chip in chips)]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()[:16]


def map_tile_png(
    store: Store, chips: ProductChips, shown: Sequence[ListedChip], tile: MapTile, size_px: int
) -> bytes:
    """A PNG of some chips on a web tile, transparent where there is none.

    A damaged chip leaves a hole.

    Args:
        store: where the chips' files are looked up.
        chips: of the product; the chips of an MGRS tile are stretched alike.
        shown: what is drawn.
        tile: the web tile.
        size_px: side of the picture.

    Raises:
        ClayAssetsError: none of the chips can be read.
    """
    pieces = list(_pieces(store, chips, shown, tile.pixel_m(size_px)))
    if not pieces:
        return _empty_png(size_px)

    image, _ = mosaic_reader(_sheets(pieces), _warped, tile, size_px, threads=0)
    return bytes(image.render(img_format="PNG", ZLEVEL=ZLEVEL))


def _warped(sheet: Sequence["_Piece"], tile: MapTile, size_px: int) -> ImageData:
    bounds = WEB_MERCATOR.xy_bounds(Tile(tile.x, tile.y, tile.z))
    crs = WEB_MERCATOR.rasterio_crs
    with _dataset(sheet) as file, file.open() as dataset:
        return part(
            dataset,
            bounds,
            bounds_crs=crs,
            dst_crs=crs,
            height=size_px,
            width=size_px,
            indexes=(1, 2, 3),
            reproject_method="bilinear",
        )


@dataclass(frozen=True, eq=False)
class _Piece:
    """Colours of a chip, ready to be pasted."""

    colours: Colours
    """(S, S, 3)."""
    epsg: int
    bounds: tuple[float, float, float, float]

    @property
    def pixel(self) -> float:
        """Side of a pixel in the CRS."""
        west, _, east, _ = self.bounds
        return (east - west) / len(self.colours)

    def resized(self, side: int) -> "_Piece":
        """The same with so many pixels a side, each the mean of those it covers."""
        picture = Image.fromarray(self.colours).resize((side, side), Image.Resampling.BOX)
        return _Piece(np.asarray(picture), self.epsg, self.bounds)


def _pieces(
    store: Store, chips: ProductChips, shown: Sequence[ListedChip], pixel_m: float
) -> Iterator[_Piece]:
    failure, found = None, False
    for chip in shown:
        try:
            limits = tile_stretch(store, chips.tiles[chip.mgrs])
            piece = _small(store, chip.source_url, chip.content_hash, limits)
            if piece.pixel > pixel_m:
                piece = _whole(store, chip.source_url, chip.content_hash, limits)
            while 2 * piece.pixel <= pixel_m:
                piece = piece.resized(len(piece.colours) // 2)
        except ClayAssetsError as error:
            failure = error
        else:
            found = True
            yield piece
    if failure is not None and not found:
        raise failure


@lru_cache(maxsize=KEPT_SMALL)
def _small(store: Store, path: str, content_hash: str, limits: tuple[float, float]) -> _Piece:
    whole = _whole(store, path, content_hash, limits)
    return whole.resized(min(SMALL_PX, len(whole.colours)))


@lru_cache(maxsize=KEPT_WHOLE)
def _whole(store: Store, path: str, _hash: str, limits: tuple[float, float]) -> _Piece:
    rgb = read_rgb(store, path)
    return _Piece(true_colour(rgb.pixels, limits=limits), rgb.epsg, rgb.bounds)


def _sheets(pieces: Sequence[_Piece]) -> list[list[_Piece]]:
    """Pieces that share a grid."""
    grids: dict[tuple[int, float], list[_Piece]] = defaultdict(list)
    for piece in pieces:
        grids[piece.epsg, round(piece.pixel, 6)].append(piece)
    return list(grids.values())


def _dataset(sheet: Sequence[_Piece]) -> MemoryFile:
    """A raster in memory: the pieces side by side, and where there are any."""
    pixel = sheet[0].pixel
    west, south = np.min([piece.bounds for piece in sheet], axis=0)[:2]
    east, north = np.max([piece.bounds for piece in sheet], axis=0)[2:]
    height, width = round((north - south) / pixel), round((east - west) / pixel)
    canvas = np.zeros((4, height, width), np.uint8)
    for piece in sheet:
        row = round((north - piece.bounds[3]) / pixel)
        col = round((piece.bounds[0] - west) / pixel)
        view = canvas[:, row : row + len(piece.colours), col : col + len(piece.colours)]
        colours = piece.colours.transpose(2, 0, 1)[:, : view.shape[1], : view.shape[2]]
        view[:3], view[3] = colours, 255
    file = MemoryFile()
    with file.open(
        driver="GTiff", dtype="uint8", count=4, height=height, width=width,
        crs=f"EPSG:{sheet[0].epsg}", transform=Affine(pixel, 0, west, 0, -pixel, north),
    ) as dataset:  # fmt: skip
        dataset.colorinterp = [
            ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha,
        ]  # fmt: skip
        dataset.write(canvas)
    return file


@lru_cache
def _empty_png(size_px: int) -> bytes:
    image = ImageData(np.ma.MaskedArray(np.zeros((3, size_px, size_px), np.uint8), mask=True))
    return bytes(image.render(img_format="PNG"))


def _few(names: Sequence[str]) -> str:
    return f"{names[0]} to {names[-1]}" if len(names) > 5 else ", ".join(names) or "none"
