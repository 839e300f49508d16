"""What lies at a location: scenes to choose from, or files that are chips already."""

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import pystac

from clay_assets.ingest.api_catalogue import ApiCatalogue
from clay_assets.ingest.catalogues import Catalogue, StaticCatalogue
from clay_assets.ingest.item_tables import TABLE_SUFFIXES, read_item_table
from clay_assets.ingest.listings import ListedFile, Listing, list_files, list_pattern, list_place
from clay_assets.ingest.ready_chips import CHIP_SUFFIXES
from clay_assets.ingest.stac_files import local_path, read_any_json, read_items, read_json
from clay_assets.provenance import fingerprint

_CATALOGUE_NAMES = ("catalog.json", "collection.json")
_JSON_SUFFIXES = (".json", ".geojson")
_READ_AT_ONCE = 16


def open_location(location: str, tile: str | None = None) -> Catalogue | Listing:
    """The scenes at a location, or its files when they are ready chips.

    Args:
        location: a STAC API, or one collection of it; a static catalogue, collection, item,
            FeatureCollection or stac-geoparquet file (path, `s3://`, `https://`); a folder or
            `s3://` prefix of these, of loose items or of GeoTIFF chips; a GeoTIFF or local pattern.
        tile: MGRS tile that is wanted; None to learn which there are.

    Raises:
        ImageryError: it cannot be read or does not answer.
        NotFoundError: there is no such file or folder.
    """
    path, suffix = local_path(location), location.lower()
    href = str(path or location).rstrip("/")
    if path is not None and path.is_dir():
        return _folder(location, href, tile)
    if suffix.endswith(TABLE_SUFFIXES):
        return StaticCatalogue(tuple(read_item_table(href, tile)))
    if suffix.endswith(_JSON_SUFFIXES):
        return StaticCatalogue(tuple(read_items(href, read_json(href))))
    if path is not None:
        return list_pattern(location, href)
    if suffix.endswith(CHIP_SUFFIXES):
        return list_files(location, [href])
    if location.startswith(("http://", "https://")):
        return _page(href)
    return _folder(location, href, tile)


def is_catalogue(location: str) -> bool:
    """Whether a location is STAC, as far as its name tells, and not a bucket or folder.

    >>> is_catalogue("https://earth-search.aws.element84.com/v1"), is_catalogue("s3://tiles/02")
    (True, False)
    """
    return location.startswith(("http://", "https://")) or location.lower().endswith(
        _JSON_SUFFIXES + TABLE_SUFFIXES
    )


def _page(url: str) -> Catalogue:
    """A STAC API, one of its collections, or a catalogue without the suffix of a file."""
    content = read_json(url)
    links = {link.get("rel"): link.get("href") for link in content.get("links", [])}
    if "search" in links:
        return _api(url, None, fingerprint(content))
    if content.get("type") == "Collection" and "items" in links and links.get("root"):
        return _api(str(links["root"]).rstrip("/"), str(content.get("id")), fingerprint(content))
    return StaticCatalogue(tuple(read_items(url, content)))


@lru_cache(maxsize=16)
def _api(url: str, only: str | None, page: str) -> ApiCatalogue:
    """An open API, kept for as long as its page says the same: opening takes seven requests."""
    return ApiCatalogue.open(url, only)


def _folder(location: str, root: str, tile: str | None) -> Catalogue | Listing:
    place = list_place(location, root, tile)
    at_top = {Path(file.href).name: file.href for file in place.files if file.at_top}
    for name in _CATALOGUE_NAMES:
        if name in at_top:
            return StaticCatalogue(tuple(read_items(at_top[name], read_json(at_top[name]))))
    items = [] if place.tiles and tile is None else _loose_items(root, place)
    etags = {file.href: file.etag for file in place.files}
    return StaticCatalogue(tuple(items), etags) if items else place


def _loose_items(root: str, place: Listing) -> list[pystac.Item]:
    """Items of the STAC files of a folder, however deep they lie.

    An item whose files lie here wins over one of the same id that points elsewhere.
    """
    files = [file for file in place.files if file.href.lower().endswith(_JSON_SUFFIXES)]
    with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
        contents = list(pool.map(lambda file: read_any_json(file.href), files))
    found: dict[str, pystac.Item] = {}
    for file, content in zip(files, contents, strict=True):
        if not _holds_items(file, content):
            continue
        for item in read_items(file.href, content):
            if item.id not in found or _lies_in(root, item):
                found[item.id] = item
    return list(found.values())


def _holds_items(file: ListedFile, content: Any) -> bool:  # noqa: ANN401
    if not isinstance(content, dict):
        return False
    if content.get("type") == "FeatureCollection":
        return any("stac_version" in feature for feature in content.get("features", []))
    # The items of a catalogue further down are found without it.
    return "stac_version" in content and (content.get("type") == "Feature" or file.at_top)


def _lies_in(root: str, item: pystac.Item) -> bool:
    return all(asset.href.startswith(root) for asset in item.assets.values())
