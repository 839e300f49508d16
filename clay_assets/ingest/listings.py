"""What lies in a folder or an `s3://` prefix: listed once, and no further than is needed."""

from dataclasses import dataclass
from glob import glob
from pathlib import Path

from clay_assets.errors import TileError
from clay_assets.mgrs import parse_tile
from clay_assets.store import Store, StoredFile


@dataclass(frozen=True)
class ListedFile:
    """One file."""

    href: str
    """Absolute path or URL."""
    etag: str
    """Changes when the file does."""
    at_top: bool
    """Whether it lies in the place itself and not in a folder there."""


@dataclass(frozen=True)
class Listing:
    """Files of a place."""

    location: str
    """The place, as it was given."""
    tiles: tuple[str, ...]
    """MGRS tiles that have folders of their own, sorted; empty where files lie in another way."""
    files: tuple[ListedFile, ...]
    """All files; of a place with tile folders those of no tile, and of the tile that is wanted."""


def list_place(location: str, root: str, tile: str | None) -> Listing:
    """Files of a folder or prefix.

    Where it has a folder for each tile, `{MGRS}/` or `{version}/{MGRS}/`, only the folder of `tile`
    is listed besides what is of no tile, and without a tile no folder.

    Args:
        location: the place, as it was given.
        root: absolute path or URL of the folder.
        tile: MGRS tile whose files are wanted; None for the names of the tiles.
    """
    store = Store(root, Path())
    folders, here = store.entries()
    of_tile = _tile_folders(store, folders, here)
    if not of_tile:
        return Listing(location, (), tuple(_listed(store, file) for file in store.files()))
    tiles = tuple(sorted(of_tile))
    if tile is None:
        return Listing(location, tiles, tuple(_listed(store, file) for file in here))
    by_tile = {key.partition("/")[0] for keys in of_tile.values() for key in keys}
    shared = [folder for folder in folders if folder not in by_tile]
    found = [file for key in (*of_tile.get(tile, []), *shared) for file in store.files(key)]
    return Listing(location, tiles, tuple(_listed(store, file) for file in (*here, *found)))


def list_files(location: str, hrefs: list[str]) -> Listing:
    """Single files by their paths or URLs."""
    files = []
    for href in hrefs:
        folder, _, name = href.rpartition("/")
        files.append(ListedFile(href, Store(folder, Path()).stat(name).etag, True))
    return Listing(location, (), tuple(files))


def list_pattern(location: str, pattern: str) -> Listing:
    """Local files whose paths match a pattern."""
    return list_files(location, glob(pattern, recursive=True))


def _tile_folders(store: Store, folders: list[str], here: list[StoredFile]) -> dict[str, list[str]]:
    """Tile -> the keys of its folders; nothing where there are none for tiles."""
    of_tile = {tile: [folder] for folder in folders if (tile := _tile(folder))}
    if of_tile or here or _tile(Path(store.root).name):
        return of_tile
    for version in folders:
        for folder in store.folders(version):
            if tile := _tile(folder):
                of_tile.setdefault(tile, []).append(f"{version}/{folder}")
    return of_tile


def _tile(name: str) -> str | None:
    try:
        return parse_tile(name)
    except TileError:
        return None


def _listed(store: Store, file: StoredFile) -> ListedFile:
    return ListedFile(store.url(file.key), file.etag, "/" not in file.key)
