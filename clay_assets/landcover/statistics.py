"""Land cover of tiles: the counts of all files that a tile lies in, added up.

The counts of each file are kept in the store. A run that was killed goes on where it stopped, and
a file that has not changed is not read again, whichever tiles are asked for.
"""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import numpy as np
import pandas as pd

from clay_assets import progress
from clay_assets.errors import NotFoundError
from clay_assets.landcover.classes import CLASS_COLUMNS, COUNT_COLUMN
from clay_assets.landcover.counting import Counts, count_classes
from clay_assets.landcover.cover_files import CoverFile
from clay_assets.landcover.tile_parts import TileParts
from clay_assets.provenance import fingerprint
from clay_assets.store import Store

CODE_VERSION = "1"
"""Raised whenever the same file gives other counts."""
_FILES_AT_ONCE = 8
_WATER = CLASS_COLUMNS.index("water")


@dataclass(frozen=True)
class Statistics:
    """Land cover of some tiles."""

    rows: pd.DataFrame
    """`mgrs`, `count` of distinct classes and pixels of each class, by `mgrs`; tiles without any
    pixel, or of nothing but water, are left out."""
    files_read: int
    """Files that were new or had changed."""
    files_kept: int
    """Files whose counts were there already."""


def statistics_of(
    store: Store, files: Sequence[CoverFile], parts: TileParts, *, overview: int
) -> Statistics:
    """Land cover of some tiles.

    Args:
        store: keeps the counts of each file.
        files: all that the tiles lie in.
        parts: boxes of the tiles.
        overview: see `count_classes`.

    Raises:
        ImageryError: a file cannot be read.
    """
    wanted = set(parts.tiles.tolist())
    totals: Counts = {}
    read = 0
    counted = _count_files(store, files, overview)
    for counts, fresh in progress.track(counted, "Counting land cover", len(files)):
        read += fresh
        for tile in counts.keys() & wanted:
            totals[tile] = totals.get(tile, np.zeros(len(CLASS_COLUMNS), np.int64)) + counts[tile]
    return Statistics(_table(totals), read, len(files) - read)


def counts_key(file: CoverFile) -> str:
    """Where the counts of a file lie in the store."""
    return f"samples/land_cover/{file.name}.json"


def _table(totals: Counts) -> pd.DataFrame:
    rows = [
        {"mgrs": tile, COUNT_COLUMN: int((pixels > 0).sum())}
        | {column: int(value) for column, value in zip(CLASS_COLUMNS, pixels, strict=True)}
        for tile, pixels in sorted(totals.items())
        if np.delete(pixels, _WATER).any()
    ]
    return pd.DataFrame(rows, columns=["mgrs", COUNT_COLUMN, *CLASS_COLUMNS])


def _count_files(
    store: Store, files: Sequence[CoverFile], overview: int
) -> Iterator[tuple[Counts, bool]]:
    """Counts of each file as they come, and whether it was read for them."""
    pool = ThreadPoolExecutor(_FILES_AT_ONCE)
    try:
        futures = [pool.submit(_count_file, store, file, overview) for file in files]
        for future in as_completed(futures):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _count_file(store: Store, file: CoverFile, overview: int) -> tuple[Counts, bool]:
    inputs = fingerprint(CODE_VERSION, file.href, file.version, overview)
    kept = _kept(store, file, inputs)
    if kept is not None:
        return kept, False
    counts = count_classes(file.href, overview=overview)
    content = {"inputs": inputs, "counts": {tile: c.tolist() for tile, c in counts.items()}}
    store.write_bytes(counts_key(file), json.dumps(content).encode())
    return counts, True


def _kept(store: Store, file: CoverFile, inputs: str) -> Counts | None:
    try:
        content = json.loads(store.read_bytes(counts_key(file)))
    except NotFoundError:
        return None
    if content["inputs"] != inputs:
        return None
    return {tile: np.array(counts, np.int64) for tile, counts in content["counts"].items()}
