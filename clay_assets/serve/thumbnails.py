"""Small true-colour pictures of chips and of their patches, kept in memory.

All chips of a tile are stretched alike, so that they fit together on the map and can be compared
in the gallery; dates too, so that snow is brighter than grass.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from PIL import Image, ImageDraw

from clay_assets.errors import InvalidValueError
from clay_assets.pictures import true_colour
from clay_assets.serve.catalogue import ListedChip
from clay_assets.serve.chip_colours import read_rgb, tile_stretch
from clay_assets.store import Store

COMPRESS_LEVEL = 3
"""A little larger than by default, in less than half the time."""
KEPT_PICTURES = 300  # of 20 to 500 kB
SURROUNDINGS = 1.0
"""A patch is shown with so many patches around it on each side: alone it tells little."""
FRAME_SHARE = 1 / 90  # width of a patch's frame, of the picture's side


class ThumbnailSize(IntEnum):
    """Sides of a picture, in pixels; few, so that most are found in memory."""

    SMALL = 128
    MEDIUM = 256
    LARGE = 512


@dataclass(frozen=True)
class Patch:
    """Which part of a chip a patch is."""

    row: int
    """From the north, from 0."""
    col: int
    """From the west, from 0."""
    rows: int
    """Rows of patches in a chip."""
    cols: int
    """Columns of patches in a chip."""

    def __post_init__(self) -> None:
        """Check that the chip has such a patch.

        Raises:
            InvalidValueError: row or col lies outside of the chip.
        """
        for name, value, count in (("row", self.row, self.rows), ("col", self.col, self.cols)):
            if not 0 <= value < count:
                raise InvalidValueError(
                    f"patch {name} must be 0 to {count - 1}, got {value}; chips of this product "
                    f"have {self.rows} x {self.cols} patches"
                )

    def box(self, size_px: int) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the patch in a picture of its chip."""
        width, height = size_px / self.cols, size_px / self.rows
        left, top = self.col * width, self.row * height
        return left, top, left + width, top + height


@dataclass(frozen=True)
class Thumbnails:
    """Pictures of the chips of one store."""

    store: Store
    """Where keys are looked up; absolute paths and URLs are read as they are."""

    def png(
        self,
        chip: ListedChip,
        tile: Sequence[ListedChip],
        size: ThumbnailSize,
        patch: Patch | None = None,
    ) -> bytes:
        """A PNG of `size` pixels a side.

        Args:
            chip: whose picture.
            tile: all chips of its tile, to stretch it like them.
            size: of the picture.
            patch: show this one, framed, with a little of what lies around it.

        Raises:
            ChipError: the chip's file is damaged.
            NotFoundError: the chip's file is gone.
        """
        limits = tile_stretch(self.store, tile)
        # The hash is part of the key: a chip that is cut anew gets a new picture.
        return _png(self.store, chip.source_url, chip.content_hash, limits, size, patch)


@lru_cache(maxsize=KEPT_PICTURES)
def _png(
    store: Store,
    path: str,
    _hash: str,
    limits: tuple[float, float],
    size: ThumbnailSize,
    patch: Patch | None,
) -> bytes:
    colours = Image.fromarray(true_colour(read_rgb(store, path).pixels, limits=limits))
    if patch is None:
        picture = colours.resize((size, size), Image.Resampling.BOX)
    else:
        picture = _close_up(colours, patch, size)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=COMPRESS_LEVEL)
    return buffer.getvalue()


def _close_up(colours: Image.Image, patch: Patch, size: int) -> Image.Image:
    """A patch in its frame, and its surroundings as far as the chip reaches.

    At the chip's edge the view moves inwards, so the scale is the same for every patch.
    """
    left, top, right, bottom = patch.box(colours.width)
    side = min(max(right - left, bottom - top) * (1 + 2 * SURROUNDINGS), colours.width)
    x = min(max((left + right - side) / 2, 0), colours.width - side)
    y = min(max((top + bottom - side) / 2, 0), colours.width - side)
    picture = colours.resize((size, size), Image.Resampling.BICUBIC, box=(x, y, x + side, y + side))
    scale = size / side
    frame = [(left - x) * scale, (top - y) * scale, (right - x) * scale, (bottom - y) * scale]
    width = max(round(size * FRAME_SHARE), 1)
    ImageDraw.Draw(picture).rectangle(frame, outline="white", width=width)
    return picture
