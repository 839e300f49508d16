"""Tiles whose imagery a sensor has found to be new, changed or gone: where it lies from now on."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from clay_assets.ingest.sweep import TileChange
from clay_assets.store import Store
from clay_assets.tile_sources import TileSource, read_source_if_any, write_source

_WRITE_AT_ONCE = 16


def register_changes(
    store: Store, location: str, changes: Sequence[TileChange]
) -> tuple[TileChange, ...]:
    """Register the source of each tile; one that a person took from elsewhere is left alone.

    Args:
        store: where sources are kept.
        location: what is watched.
        changes: tiles that have changed there.

    Returns:
        The changes that are of interest.

    Raises:
        StoreError: a source cannot be written.
    """

    def register(change: TileChange) -> bool:
        known = read_source_if_any(store, change.mgrs)
        if known is None and change.objects:
            write_source(store, TileSource(change.mgrs, location))
            return True
        if known is None or known.location != location:
            return False
        write_source(store, replace(known, withdrawn=change.objects == 0))
        return True

    with ThreadPoolExecutor(_WRITE_AT_ONCE) as pool:
        of_interest = list(pool.map(register, changes))
    return tuple(c for c, is_ours in zip(changes, of_interest, strict=True) if is_ours)
