"""Chips that exist already: a folder, an `s3://` prefix or single GeoTIFFs."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from clay_assets.errors import NotFoundError, TileError
from clay_assets.ingest.chip_names import parse_chip_name
from clay_assets.ingest.raster_files import read_header
from clay_assets.ingest.stac_files import local_path
from clay_assets.mgrs import parse_tile, tile_of
from clay_assets.store import Store

CHIP_SUFFIXES = (".tif", ".tiff")
_OPEN_AT_ONCE = 16


@dataclass(frozen=True)
class ReadyChip:
    """A chip that somebody else has cut."""

    href: str
    """Absolute path or URL."""
    etag: str
    """Changes when the file does."""


def list_tile_names(location: str) -> list[str]:
    """MGRS tiles of the chips at a location, sorted.

    Raises:
        ImageryError: a file without a tile in its name cannot be opened.
        NotFoundError: there are no chips.
    """
    tiles = _tile_folders(location)
    return sorted(tiles) if tiles else sorted(_by_tile(location))


def list_chips(location: str, tile: str) -> list[ReadyChip]:
    """The chips of one tile, sorted by href.

    Raises:
        ImageryError: a file without a tile in its name cannot be opened.
        NotFoundError: there are none.
    """
    folders = _tile_folders(location)
    if folders:
        found = _list(folders[tile]) if tile in folders else []
        tiles: Sequence[str] = sorted(folders)
    else:
        by_tile = _by_tile(location)
        found, tiles = by_tile.get(tile, []), sorted(by_tile)
    if not found:
        others = f" and {len(tiles) - 5} others" if len(tiles) > 5 else ""
        raise NotFoundError(
            f"{location} has no chips of tile {tile}; it has {', '.join(tiles[:5])}{others}"
        )
    return sorted(found, key=lambda chip: chip.href)


def _tile_folders(location: str) -> dict[str, str]:
    """Tile -> its folder, where a bucket keeps one folder a tile, as Clay's do; else nothing."""
    path = local_path(location)
    if location.lower().endswith(CHIP_SUFFIXES) or (path is not None and not path.is_dir()):
        return {}
    root = str(path or location).rstrip("/")
    try:
        return {parse_tile(name): f"{root}/{name}" for name in Store(root, Path()).folders()}
    except TileError:
        return {}


def _by_tile(location: str) -> dict[str, list[ReadyChip]]:
    chips = _list(location)
    with ThreadPoolExecutor(_OPEN_AT_ONCE) as pool:
        tiles = list(pool.map(_tile_of_chip, chips))
    grouped: dict[str, list[ReadyChip]] = {}
    for tile, chip in zip(tiles, chips, strict=True):
        grouped.setdefault(tile, []).append(chip)
    return grouped


def _list(location: str) -> list[ReadyChip]:
    """All GeoTIFFs of a folder, prefix, pattern or single file."""
    path = local_path(location)
    if path is not None and not path.is_dir():
        chips = [_single(name) for name in glob(str(path), recursive=True)]
    elif location.lower().endswith(CHIP_SUFFIXES):
        chips = [_single(location)]
    else:
        store = Store(str(path or location), Path())
        chips = [
            ReadyChip(store.url(file.key), file.etag)
            for file in store.files()
            if file.key.lower().endswith(CHIP_SUFFIXES)
        ]
    if not chips:
        raise NotFoundError(
            f"{location} holds no imagery; expected a STAC API, catalogue or item, or GeoTIFF chips"
        )
    return chips


def _single(href: str) -> ReadyChip:
    folder, _, name = href.rpartition("/")
    return ReadyChip(href, Store(folder, Path()).stat(name).etag)


def _tile_of_chip(chip: ReadyChip) -> str:
    """As its name says, else the tile around its middle."""
    named = parse_chip_name(Path(chip.href).stem)
    if named:
        return parse_tile(named.mgrs)
    return tile_of(*read_header(chip.href).centre_wgs84)
