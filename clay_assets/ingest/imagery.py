"""What imagery there is: of which tiles, and for one tile which scenes or ready chips."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pystac

from clay_assets.errors import NotFoundError
from clay_assets.ingest import ready_chips
from clay_assets.ingest.catalogues import ApiCatalogue, Catalogue, StaticCatalogue
from clay_assets.ingest.collections import assets_of, sensor_of
from clay_assets.ingest.dates import parse_dates
from clay_assets.ingest.raster_files import etag_of
from clay_assets.ingest.ready_chips import ReadyChip
from clay_assets.ingest.scenes import updated
from clay_assets.ingest.stac_files import local_path, read_items, read_json
from clay_assets.mgrs import parse_tile
from clay_assets.provenance import fingerprint
from clay_assets.store import Store

_CATALOGUE_NAMES = ("catalog.json", "collection.json")
_JSON_SUFFIXES = (".json", ".geojson")
_LOOKUPS_AT_ONCE = 16


@dataclass(frozen=True)
class TileImagery:
    """The imagery of one tile: scenes, or chips that exist already."""

    mgrs: str
    """MGRS tile id."""
    location: str
    """Where it was found; a path is absolute."""
    scenes: tuple[pystac.Item, ...]
    """Its Sentinel-2 scenes."""
    catalogue: Catalogue | None
    """Where to look for the radar and elevation that go with them; None for ready chips."""
    chips: tuple[ReadyChip, ...]
    """Its ready chips."""
    fingerprint: str
    """Changes when a scene or chip comes, goes or changes."""

    @property
    def items(self) -> tuple[pystac.Item, ...] | tuple[ReadyChip, ...]:
        """The scenes or the chips."""
        return self.scenes or self.chips


def list_tiles(location: str) -> list[str]:
    """MGRS tiles that have imagery, sorted.

    Args:
        location: a STAC API, a static catalogue, collection, item or FeatureCollection (path,
            `s3://`, `https://`), or ready chips: a folder, `s3://` prefix, file or local pattern.

    Raises:
        ImageryError: it cannot be read or does not answer.
        InvalidValueError: a STAC API, which has too many.
        NotFoundError: there is nothing.
    """
    catalogue = open_catalogue(location)
    tiles = catalogue.tiles() if catalogue else ready_chips.list_tile_names(location)
    if not tiles:
        raise NotFoundError(f"{location} has no Sentinel-2 scenes")
    return tiles


def find_imagery(location: str, tile: str, *, dates: tuple[str, ...] = ()) -> TileImagery:
    """The imagery of one tile.

    Args:
        location: as for `list_tiles`.
        tile: MGRS tile id.
        dates: `YYYY-MM-DD` days and `YYYY-MM-DD/YYYY-MM-DD` ranges; empty for any.

    Raises:
        ImageryError: it cannot be read, does not answer, or names files that do not exist.
        InvalidValueError: a date makes no sense.
        NotFoundError: there is none of that tile.
        TileError: not a tile that exists.
    """
    mgrs, ranges = parse_tile(tile), parse_dates(dates)
    catalogue = open_catalogue(location)
    place = str(local_path(location) or location)
    if catalogue is None:
        chips = tuple(ready_chips.list_chips(location, mgrs))
        version = fingerprint([(chip.href, chip.etag) for chip in chips])
        return TileImagery(mgrs, place, (), None, chips, version)
    scenes = tuple(catalogue.optical(mgrs, ranges))
    if not scenes:
        raise NotFoundError(
            f"{location} has no Sentinel-2 scenes of tile {mgrs}"
            f"{' of ' + ', '.join(dates) if dates else ''}{_tiles_there(catalogue)}"
        )
    version = _fingerprint(catalogue.with_companions(scenes))
    return TileImagery(mgrs, place, scenes, catalogue, (), version)


def open_catalogue(location: str) -> Catalogue | None:
    """The scenes at a location; None when it holds ready chips.

    Raises:
        ImageryError: it cannot be read or does not answer.
        NotFoundError: there is no such file or folder.
    """
    path = local_path(location)
    if path is not None and path.is_dir():
        items = _items_of_folder(path)
        return StaticCatalogue(tuple(items)) if items is not None else None
    if location.lower().endswith(_JSON_SUFFIXES):
        href = str(path or location)
        return StaticCatalogue(tuple(read_items(href, read_json(href))))
    if "://" not in location or location.lower().endswith(ready_chips.CHIP_SUFFIXES):
        return None
    if location.startswith(("http://", "https://")):
        content = read_json(location)
        if any(link.get("rel") == "search" for link in content.get("links", [])):
            return ApiCatalogue.open(location)
        return StaticCatalogue(tuple(read_items(location, content)))
    store = Store(location, Path())
    names = [name for name in _CATALOGUE_NAMES if store.exists(name)]
    return open_catalogue(store.url(names[0])) if names else None


def _items_of_folder(folder: Path) -> list[pystac.Item] | None:
    """Items of the folder's catalogue or, without one, of its loose item files.

    A loose item whose files lie here wins over one of the same id that points elsewhere.
    """
    for name in _CATALOGUE_NAMES:
        if (folder / name).is_file():
            return read_items(str(folder / name), read_json(str(folder / name)))
    found: dict[str, pystac.Item] = {}
    for file in sorted(folder.glob("*.json")):
        content = read_json(str(file))
        if "stac_version" not in content:
            continue
        for item in read_items(str(file), content):
            if item.id not in found or _lies_here(item):
                found[item.id] = item
    return list(found.values()) or None


def _lies_here(item: pystac.Item) -> bool:
    return all(os.path.isabs(asset.href) for asset in item.assets.values())


def _fingerprint(items: list[pystac.Item]) -> str:
    """Of what the catalogue says about the items, and of their files where those can be asked."""
    files = [
        (item.id, band, asset.href)
        for item in items
        if (sensor := sensor_of(item))
        for band, asset in assets_of(item, sensor).items()
    ]
    with ThreadPoolExecutor(_LOOKUPS_AT_ONCE) as pool:
        etags = pool.map(etag_of, [href for *_, href in files])
        versions = [(*file, etag) for file, etag in zip(files, etags, strict=True)]
    return fingerprint(sorted((item.id, updated(item)) for item in items), sorted(versions))


def _tiles_there(catalogue: Catalogue) -> str:
    if not isinstance(catalogue, StaticCatalogue):
        return ""
    tiles = catalogue.tiles()
    return f"; it has {', '.join(tiles[:5])}" if tiles else "; it has no Sentinel-2 scenes at all"
