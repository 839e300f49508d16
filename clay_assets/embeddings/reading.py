"""Chips of many tiles, read ahead of the device, each checked to be the one that is listed."""

import os
from collections.abc import Generator, Iterable
from typing import Protocol, TypeVar

from clay_assets.chips import Chip, ChipRow, read_chip
from clay_assets.chips.file import hash_chip
from clay_assets.embeddings.read_ahead import load_ahead
from clay_assets.errors import ChipError, ClayAssetsError
from clay_assets.store import Store

_FEWEST_THREADS, _MOST_THREADS = 4, 16
"""To hide a network's delay; and because more only fill the memory."""
LIMIT_S = 30.0
"""A chip that takes longer is asked for again; `remote.RETRIES` times, then its tile fails."""


class Wanted(Protocol):
    """One chip that somebody asks for."""

    @property
    def row(self) -> ChipRow | None:
        """The chip; None for nothing, which comes back as None in its turn."""

    @property
    def is_wanted(self) -> bool:
        """Whether it still is; may turn to False while it waits to be read."""


W = TypeVar("W", bound=Wanted)


def read_chips(
    store: Store, wanted: Iterable[W], *, ahead: int
) -> Generator[tuple[W, Chip | ClayAssetsError | None]]:
    """Yield chips as they are read, with at most `ahead` and some more in memory.

    Args:
        store: where their paths lead.
        wanted: taken only as far as needed.
        ahead: chips kept ready for whoever asks.

    Yields:
        What was wanted with its chip, or None where it is not wanted any more, or the error that
        came instead: ChipError if the file breaks the chip contract or has changed since the
        manifest was written, NotFoundError if it is not there, StoreError if it cannot be read.
    """
    threads = min(max(os.cpu_count() or 1, _FEWEST_THREADS), _MOST_THREADS)

    def load(one: W) -> Chip | ClayAssetsError | None:
        if one.row is None or not one.is_wanted:
            return None
        try:
            return read_listed_chip(store, one.row)
        except ClayAssetsError as error:
            return error

    yield from load_ahead(wanted, load, threads=threads, ahead=ahead + threads)


def read_listed_chip(store: Store, row: ChipRow) -> Chip:
    """The very chip that a manifest lists.

    Raises:
        ChipError: the file breaks the chip contract, or has changed since the manifest was written.
        NotFoundError: the file is not there.
        StoreError: the file could not be read.
    """
    chip = read_chip(store, row.path, limit_s=LIMIT_S)
    found = hash_chip(chip)
    if found != row.content_hash:
        raise ChipError(
            f"{row.path} is not the chip that the manifest of {row.mgrs} lists: its content hash "
            f"is {found}, listed is {row.content_hash}; materialise `chips` of this tile again"
        )
    return chip
