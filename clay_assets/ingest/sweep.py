"""What has changed under a prefix that keeps one folder a tile, `{root}/{MGRS}/...`.

Object stores cannot be asked what is new, so the folders are listed again and again, some of them
at a time: unknown ones first, then the known ones in turn. That a tile has changed is told by the
keys and etags of its objects, never by a time: nothing is missed that is written late, twice or
within the same second.
"""

import json
import time
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from clay_assets.errors import TileError
from clay_assets.ingest.stac_files import local_path
from clay_assets.mgrs import parse_tile
from clay_assets.provenance import fingerprint
from clay_assets.store import Store, StoredFile

NEW_TILES = 500
"""Unknown or vanished tiles that one sweep takes at most."""
KNOWN_TILES = 200
"""Known tiles that one sweep looks at again."""
MAX_SECONDS = 20.0
"""A sweep that takes longer stops and goes on with the next."""

_LIST_AT_ONCE = 16
_SIGNATURE_DIGITS = 8


@dataclass(frozen=True)
class SweepState:
    """What is known between two sweeps."""

    signatures: dict[str, str] = field(default_factory=dict)
    """Tile folder -> short hash of its objects' keys and etags."""
    after: str = ""
    """Known tile folder that was looked at last."""
    rounds: int = 0
    """How many times all known tiles have been looked at."""

    def to_json(self) -> str:
        """As text, about 24 bytes a tile."""
        return json.dumps([self.signatures, self.after, self.rounds], separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | None) -> "SweepState":
        """From `to_json`; nothing known yet without a text."""
        return cls(*json.loads(text)) if text else cls()


@dataclass(frozen=True)
class TileChange:
    """A tile whose objects are not what they were."""

    mgrs: str
    """MGRS tile id."""
    version: str
    """Fingerprint of its objects' keys and etags."""
    objects: int
    """How many there are; 0 when all were deleted."""


@dataclass(frozen=True)
class Sweep:
    """What one sweep found."""

    changes: tuple[TileChange, ...]
    """New, changed and vanished tiles, sorted."""
    state: SweepState
    """To begin the next sweep with, once the changes are recorded."""
    listed: int
    """Tile folders that were listed."""
    objects: int
    """Objects in them."""
    strange: tuple[str, ...]
    """Folders that are named like no tile, and are ignored."""


def sweep(
    location: str,
    state: SweepState,
    *,
    new_tiles: int = NEW_TILES,
    known_tiles: int = KNOWN_TILES,
    max_seconds: float = MAX_SECONDS,
) -> Sweep:
    """Look for changes, within bounds.

    Args:
        location: folder or `s3://` prefix with one folder a tile.
        state: of the last sweep.
        new_tiles: unknown and vanished tiles to take at most.
        known_tiles: known tiles to look at again at most.
        max_seconds: after this time no further folder is listed.

    Raises:
        StoreError: it cannot be listed.
    """
    store = watched_store(location)
    folders, strange = _tile_folders(store)
    gone = sorted(state.signatures.keys() - folders)[:new_tiles]
    fresh = sorted(folders - state.signatures.keys())[: new_tiles - len(gone)]
    known = _in_turn(sorted(folders & state.signatures.keys()), state.after)[:known_tiles]
    found = _list(store, [*fresh, *known], max_seconds)
    looked_at = [folder for folder in known if folder in found]
    state = _moved_on(state, looked_at, folders)
    return _compare(state, found | {folder: [] for folder in gone}, strange)


def look_at(location: str, state: SweepState, tiles: Collection[str]) -> Sweep:
    """Look for changes of a few tiles that somebody names.

    Raises:
        StoreError: they cannot be listed.
    """
    store = watched_store(location)
    return _compare(state, _list(store, sorted(tiles), MAX_SECONDS * 2), ())


def watched_store(location: str) -> Store:
    """The folder or prefix as a store."""
    return Store(str(local_path(location) or location).rstrip("/"), Path())


def _tile_folders(store: Store) -> tuple[set[str], tuple[str, ...]]:
    """Folders named like tiles, and all others."""
    tiles, strange = set(), []
    for folder in store.folders():
        try:
            tiles.add(folder) if parse_tile(folder) == folder else strange.append(folder)
        except TileError:
            strange.append(folder)
    return tiles, tuple(strange)


def _in_turn(folders: list[str], after: str) -> list[str]:
    """All folders, from the one after the last one on, then from the start."""
    return [f for f in folders if f > after] + [f for f in folders if f <= after]


def _list(store: Store, folders: Iterable[str], max_seconds: float) -> dict[str, list[StoredFile]]:
    """The objects of each folder that was listed in time; the first ones always are."""
    until = time.monotonic() + max_seconds

    def files(folder: str) -> list[StoredFile] | None:
        return store.files(folder) if time.monotonic() < until else None

    with ThreadPoolExecutor(_LIST_AT_ONCE) as pool:
        listed = zip(folders, pool.map(files, folders), strict=True)
        return {folder: found for folder, found in listed if found is not None}


def _moved_on(state: SweepState, looked_at: list[str], folders: Collection[str]) -> SweepState:
    """The state with its place in the round."""
    if not looked_at:
        return state
    last = looked_at[-1]
    came_round = last <= state.after or last == max(folders)
    return replace(
        state, after="" if last == max(folders) else last, rounds=state.rounds + came_round
    )


def _compare(
    state: SweepState, found: dict[str, list[StoredFile]], strange: tuple[str, ...]
) -> Sweep:
    """Changes against the state, and the state with them."""
    signatures = dict(state.signatures)
    changes: list[TileChange] = []
    for tile, files in sorted(found.items()):
        version = fingerprint([(file.key, file.etag) for file in files]) if files else "withdrawn"
        signature = version[:_SIGNATURE_DIGITS]
        if not files:
            if signatures.pop(tile, None) is not None:
                changes.append(TileChange(tile, version, 0))
        elif signatures.get(tile) != signature:
            signatures[tile] = signature
            changes.append(TileChange(tile, version, len(files)))
    return Sweep(
        changes=tuple(changes),
        state=replace(state, signatures=signatures),
        listed=len(found),
        objects=sum(len(files) for files in found.values()),
        strange=strange,
    )
