"""Small true-colour pictures of chips, kept in memory."""

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from clay_assets.chips import read_chip
from clay_assets.pictures import thumbnail_png
from clay_assets.serve.catalogue import ListedChip
from clay_assets.store import Store

KEPT_PICTURES = 1_000
"""At 20 to 50 kB each."""


class ThumbnailSize(IntEnum):
    """Sides of a picture, in pixels; few, so that most are found in memory."""

    SMALL = 128
    MEDIUM = 256
    LARGE = 512


@dataclass(frozen=True)
class Thumbnails:
    """Pictures of the chips of one store."""

    store: Store
    """Where keys are looked up; absolute paths and URLs are read as they are."""

    def png(self, chip: ListedChip, size: ThumbnailSize) -> bytes:
        """A PNG of `size` pixels a side.

        Raises:
            ChipError: the chip's file is damaged.
            NotFoundError: the chip's file is gone.
        """
        # The hash is part of the key: a chip that is cut anew gets a new picture.
        return _png(self.store, chip.source_url, chip.content_hash, size)


@lru_cache(maxsize=KEPT_PICTURES)
def _png(store: Store, path: str, _content_hash: str, size: int) -> bytes:
    chip = read_chip(store, path)
    return thumbnail_png(chip.pixels, chip.bands, size)
