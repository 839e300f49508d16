"""Chips that exist already: a folder, an `s3://` prefix or single GeoTIFFs."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from clay_assets.errors import NotFoundError
from clay_assets.ingest.chip_names import parse_chip_name
from clay_assets.ingest.listings import Listing
from clay_assets.ingest.raster_files import read_header
from clay_assets.mgrs import parse_tile, tile_of

CHIP_SUFFIXES = (".tif", ".tiff")
_OPEN_AT_ONCE = 16


@dataclass(frozen=True)
class ReadyChip:
    """A chip that somebody else has cut."""

    href: str
    """Absolute path or URL."""
    etag: str
    """Changes when the file does."""


def list_tile_names(place: Listing) -> list[str]:
    """MGRS tiles of the chips at a place, sorted.

    Raises:
        ImageryError: a file without a tile in its name cannot be opened.
        NotFoundError: there are no chips.
    """
    return list(place.tiles) or sorted(_by_tile(place))


def list_chips(place: Listing, tile: str) -> list[ReadyChip]:
    """The chips of one tile, sorted by href.

    Raises:
        ImageryError: a file without a tile in its name cannot be opened.
        NotFoundError: there are none.
    """
    by_tile = _by_tile(place) if place.files or not place.tiles else {}
    found = by_tile.get(tile, [])
    if not found:
        tiles = place.tiles or sorted(by_tile)
        others = f" and {len(tiles) - 5} others" if len(tiles) > 5 else ""
        raise NotFoundError(
            f"{place.location} has no chips of tile {tile}; it has {', '.join(tiles[:5])}{others}"
        )
    return sorted(found, key=lambda chip: chip.href)


def _by_tile(place: Listing) -> dict[str, list[ReadyChip]]:
    chips = [
        ReadyChip(file.href, file.etag)
        for file in place.files
        if file.href.lower().endswith(CHIP_SUFFIXES)
    ]
    if not chips and not place.tiles:
        raise NotFoundError(
            f"{place.location} holds no imagery; expected a STAC API, catalogue, item or "
            "stac-geoparquet file, a folder of items, or GeoTIFF chips"
        )
    with ThreadPoolExecutor(_OPEN_AT_ONCE) as pool:
        tiles = list(pool.map(_tile_of_chip, chips))
    grouped: dict[str, list[ReadyChip]] = {}
    for tile, chip in zip(tiles, chips, strict=True):
        grouped.setdefault(tile, []).append(chip)
    return grouped


def _tile_of_chip(chip: ReadyChip) -> str:
    """As its name says, else the tile around its middle."""
    named = parse_chip_name(Path(chip.href).stem)
    if named:
        return parse_tile(named.mgrs)
    return tile_of(*read_header(chip.href).centre_wgs84)
