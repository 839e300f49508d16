"""Chips of a manifest, read ahead of the device, each checked to be the one that is listed."""

import os
from collections.abc import Iterator, Sequence

from clay_assets.chips import Chip, ChipRow, read_chip
from clay_assets.chips.file import hash_chip
from clay_assets.embeddings.read_ahead import read_ahead
from clay_assets.errors import ChipError
from clay_assets.store import Store

_FEWEST_THREADS, _MOST_THREADS = 4, 16
"""To hide a network's delay; and because more only fill the memory."""


def read_chips(
    store: Store, rows: Sequence[ChipRow], *, ahead: int
) -> Iterator[tuple[ChipRow, Chip]]:
    """Yield the chips of some rows in order, with at most `ahead` and some more in memory.

    Raises:
        ChipError: a file breaks the chip contract, or has changed since the manifest was written.
        NotFoundError: a file is not there.
        StoreError: a file could not be read.
    """
    threads = min(max(os.cpu_count() or 1, _FEWEST_THREADS), _MOST_THREADS)
    chips = read_ahead(rows, lambda row: _read(store, row), threads=threads, ahead=ahead + threads)
    yield from zip(rows, chips, strict=True)


def _read(store: Store, row: ChipRow) -> Chip:
    chip = read_chip(store, row.path)
    found = hash_chip(chip)
    if found != row.content_hash:
        raise ChipError(
            f"{row.path} is not the chip that the manifest of {row.mgrs} lists: its content hash "
            f"is {found}, listed is {row.content_hash}; materialise `chips` of this tile again"
        )
    return chip
