"""What imagery there is: of which tiles, and for one tile which scenes or ready chips."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pystac

from clay_assets.errors import ImageryError, InvalidValueError, NotFoundError
from clay_assets.ingest import ready_chips
from clay_assets.ingest.catalogues import Catalogue, NamedCatalogue, StaticCatalogue
from clay_assets.ingest.collections import assets_of, sensor_of, unknown_collections
from clay_assets.ingest.dates import parse_dates
from clay_assets.ingest.listings import Listing
from clay_assets.ingest.locations import open_location
from clay_assets.ingest.raster_files import etag_of
from clay_assets.ingest.ready_chips import ReadyChip
from clay_assets.ingest.scenes import tile_of_scene, updated
from clay_assets.ingest.stac_files import local_path
from clay_assets.mgrs import parse_tile
from clay_assets.provenance import fingerprint

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
        location: as for `open_location`.

    Raises:
        ImageryError: it cannot be read or does not answer.
        InvalidValueError: a STAC API, which has too many.
        NotFoundError: there is nothing.
    """
    found = open_location(location)
    tiles = ready_chips.list_tile_names(found) if isinstance(found, Listing) else found.tiles()
    if not tiles:
        raise NotFoundError(f"{location} has no Sentinel-2 scenes{_why(found)}")
    return tiles


def find_imagery(
    location: str, tile: str, *, dates: tuple[str, ...] = (), items: tuple[str, ...] = ()
) -> TileImagery:
    """The imagery of one tile.

    Args:
        location: as for `open_location`.
        tile: MGRS tile id.
        dates: `YYYY-MM-DD` days and `YYYY-MM-DD/YYYY-MM-DD` ranges; empty for any.
        items: ids of the items that are to be used, whatever `dates` says; empty for any. Of a
            sensor of which none is named there may be any.

    Raises:
        ImageryError: it cannot be read or does not answer.
        InvalidValueError: a date or the items make no sense.
        NotFoundError: there is none of that tile, or no item of a name.
        TileError: not a tile that exists.
    """
    mgrs, ranges = parse_tile(tile), parse_dates(dates)
    place, found = str(local_path(location) or location), open_location(location, mgrs)
    if isinstance(found, Listing):
        if items:
            raise InvalidValueError(
                f"{location} holds ready chips, which are not chosen by item; leave the items out, "
                f"got {', '.join(items)}"
            )
        chips = tuple(ready_chips.list_chips(found, mgrs))
        version = fingerprint([(chip.href, chip.etag) for chip in chips])
        return TileImagery(mgrs, place, (), None, chips, version)
    if items:
        found = _only_named(location, found, mgrs, items)
    scenes = tuple(found.optical(mgrs, () if items else ranges))
    if not scenes:
        raise NotFoundError(
            f"{location} has no Sentinel-2 scenes of tile {mgrs}"
            f"{' of ' + ', '.join(dates) if dates else ''}{_why(_whole(found, location))}"
        )
    version = _fingerprint(found.with_companions(scenes), found.etags)
    return TileImagery(mgrs, place, scenes, found, (), version)


def _only_named(
    location: str, catalogue: Catalogue, tile: str, ids: tuple[str, ...]
) -> NamedCatalogue:
    found = {item.id: item for item in catalogue.named(ids)}
    missing = [id_ for id_ in ids if id_ not in found]
    if missing:
        raise NotFoundError(
            f"{location} has no item {', '.join(missing)}{_around(catalogue, tile)}; check the ids"
        )
    items = tuple(found[id_] for id_ in dict.fromkeys(ids))
    if unknown := unknown_collections(items):
        raise ImageryError(f"items of {location} cannot be read: {unknown}")
    scenes = [item for item in items if sensor_of(item) == "optical"]
    elsewhere = [item for item in scenes if tile_of_scene(item) != tile]
    if elsewhere:
        raise InvalidValueError(
            f"item {elsewhere[0].id} is of tile {tile_of_scene(elsewhere[0])}; name items of {tile}"
        )
    if not scenes:
        raise InvalidValueError(
            f"none of the items {', '.join(ids)} is a Sentinel-2 scene; name at least one"
        )
    return NamedCatalogue(catalogue, items)


def _around(catalogue: Catalogue, tile: str) -> str:
    """A geoparquet file or a bucket is read around the tile alone."""
    return f" around tile {tile}" if isinstance(catalogue, StaticCatalogue) else ""


def _fingerprint(items: list[pystac.Item], known: dict[str, str]) -> str:
    """Of what the catalogue says about the items, and of their files where those can be asked.

    An item or file at fault is no error here: `plan_tile` rejects it and takes the next.
    """
    files = [(item.id, *file) for item in items for file in _files_of(item)]
    with ThreadPoolExecutor(_LOOKUPS_AT_ONCE) as pool:
        etags = pool.map(lambda href: known.get(href) or _etag_of(href), [f[-1] for f in files])
        versions = [(*file, etag) for file, etag in zip(files, etags, strict=True)]
    return fingerprint(sorted((item.id, updated(item)) for item in items), sorted(versions))


def _files_of(item: pystac.Item) -> list[tuple[str, str]]:
    sensor = sensor_of(item)
    try:
        assets = assets_of(item, sensor) if sensor else {}
    except ImageryError:
        return []
    return [(band, asset.href) for band, asset in assets.items()]


def _etag_of(href: str) -> str:
    try:
        return etag_of(href)
    except ImageryError:
        return "missing"


def _whole(found: Catalogue, location: str) -> Catalogue | Listing:
    """A catalogue with all its tiles; tables and buckets are read around the wanted one."""
    return open_location(location) if isinstance(found, StaticCatalogue) else found


def _why(found: Catalogue | Listing) -> str:
    """What there is instead of the scenes that are not found."""
    if not isinstance(found, StaticCatalogue):
        return ""
    tiles, unknown = found.tiles(), unknown_collections(found.items)
    there = f"it has {', '.join(tiles[:5])}" if tiles else "it has no Sentinel-2 scenes at all"
    return f"; {there}" + (f": {unknown}" if unknown else "")
