"""Which WorldCover files there are: by the ids of their 3 x 3 degree cells, or by STAC items."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
import pystac
from obstore.exceptions import BaseError
from obstore.store import HTTPStore
from pystac_client import Client
from pystac_client.exceptions import APIError
from requests.exceptions import RequestException

from clay_assets.errors import ImageryError, NotFoundError
from clay_assets.ingest.asking import TIMEOUT_S, api_io, unreachable
from clay_assets.ingest.scenes import updated
from clay_assets.ingest.stac_files import read_items, read_json
from clay_assets.landcover.tile_parts import TileParts
from clay_assets.store import Store

LOCATION = "https://esa-worldcover.s3.eu-central-1.amazonaws.com/v200/2021/map"
"""ESA's public bucket; its files need no key."""
COLLECTION = "esa-worldcover"
"""What the Planetary Computer calls WorldCover."""
FILE_NAME = "ESA_WorldCover_10m_2021_v200_{cell}_Map.tif"
CELL_DEGREES = 3
_SOUTH, _NORTH = -60, 84
"""WorldCover's first cell starts at 60 degrees south, its last ends at 84 degrees north."""
_REQUESTS_AT_ONCE = 32
_CLIENT: Any = {"allow_http": True, "timeout": "60s"}
_AGAIN: Any = {"max_retries": 4, "retry_timeout": timedelta(minutes=2)}
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")


@dataclass(frozen=True)
class CoverFile:
    """One file of WorldCover."""

    name: str
    """Its cell, `N00E006`, or the id of its STAC item; fit for a file name."""
    href: str
    """Absolute path or URL."""
    version: str
    """Changes when the file does."""


def find_files(
    location: str, parts: TileParts, *, collection: str | None = None
) -> list[CoverFile]:
    """The files that some tiles lie in, sorted by name.

    Args:
        location: a folder, `s3://` or `https://` prefix of files named as in ESA's bucket; or a
            file name with `{cell}` in it; or a STAC file (`.json`); or, with a collection, an API.
        parts: boxes of the tiles.
        collection: id of a STAC API's collection; None when `location` is no API.

    Raises:
        ImageryError: the place does not answer.
        NotFoundError: there is none.
    """
    if collection is not None or location.endswith(".json"):
        files = [_file_of(item) for item in _newest(_items(location, collection, parts))]
    else:
        files = _by_cell(location, cells_of(parts))
    if not files:
        raise NotFoundError(
            f"{location} has no WorldCover file of the {len(set(parts.tiles))} tiles asked for, "
            f"such as {_href(location, cells_of(parts)[0])}; name the folder that holds the files, "
            "a file name with {cell}, or a STAC file"
        )
    return sorted(files, key=lambda file: file.name)


def cells_of(parts: TileParts) -> list[str]:
    """Ids of the cells of 3 x 3 degrees that some tiles touch, sorted.

    A cell is named after its south-western corner.
    """
    cells = {
        f"{'N' if south >= 0 else 'S'}{abs(south):02d}{'E' if west >= 0 else 'W'}{abs(west):03d}"
        for west, south in _corners(parts)
    }
    return sorted(cells)


def _corners(parts: TileParts) -> set[tuple[int, int]]:
    """West and south of the cells."""
    step = CELL_DEGREES
    return {
        (west, south)
        for box in parts.boxes
        for west in range(int(box[0] // step) * step, -int(-box[2] // 1), step)
        for south in range(int(box[1] // step) * step, -int(-box[3] // 1), step)
        if _SOUTH <= south < _NORTH
    }


def _by_cell(location: str, cells: Sequence[str]) -> list[CoverFile]:
    """The files of those cells that have one; there is none of open sea."""
    hrefs = [_href(location, cell) for cell in cells]
    with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as pool:
        versions = list(pool.map(_version, hrefs))
    return [
        CoverFile(cell, href, version)
        for cell, href, version in zip(cells, hrefs, versions, strict=True)
        if version is not None
    ]


def _href(location: str, cell: str) -> str:
    pattern = location if "{cell}" in location else f"{location.rstrip('/')}/{FILE_NAME}"
    href = pattern.replace("{cell}", cell)
    return href if "://" in href else str(Path(href).expanduser().absolute())


def _version(href: str) -> str | None:
    """Etag of a file, or when it was last changed; None when there is no such file."""
    folder, _, name = href.rpartition("/")
    try:
        if href.startswith(("http://", "https://")):
            web = HTTPStore.from_url(folder, client_options=_CLIENT, retry_config=_AGAIN)
            meta = obstore.head(web, name)
            return str(meta["e_tag"] or meta["last_modified"])
        if "://" not in href and not Path(href).is_file():
            return None  # the store would make the folder
        return Store(folder, Path()).stat(name).etag
    except (FileNotFoundError, NotFoundError):
        return None
    except BaseError as error:
        raise unreachable(href, error) from error


def _items(location: str, collection: str | None, parts: TileParts) -> list[pystac.Item]:
    """Items of a STAC file, or those of an API that lie where the tiles do."""
    if collection is None:
        return read_items(location, read_json(location))
    west, south = parts.boxes[:, :2].min(axis=0)
    east, north = parts.boxes[:, 2:].max(axis=0)
    bbox = [float(edge) for edge in (west, south, east, north)]
    try:
        client = Client.open(location, stac_io=api_io(), timeout=TIMEOUT_S)
        return list(client.search(collections=[collection], bbox=bbox, limit=250).items())
    except (APIError, RequestException) as error:
        raise unreachable(location, error) from error


def _newest(items: Sequence[pystac.Item]) -> list[pystac.Item]:
    """The latest item of each cell: a catalogue may hold 2020 and 2021."""
    by_time = sorted(items, key=lambda item: (str(item.properties.get("start_datetime")), item.id))
    return list({_cell_of(item): item for item in by_time}.values())


def _cell_of(item: pystac.Item) -> str:
    return str(item.properties.get("esa_worldcover:product_tile") or item.id)


def _file_of(item: pystac.Item) -> CoverFile:
    if "map" not in item.assets:
        raise ImageryError(
            f"item {item.id} has no asset `map`; expected items of ESA WorldCover, got assets "
            f"{', '.join(item.assets) or 'none'}"
        )
    href = str(item.assets["map"].get_absolute_href() or item.assets["map"].href)
    version = updated(item) if href.startswith("http") else _version(href)
    if version is None:
        raise ImageryError(f"{href} is named by item {item.id} but does not exist; fetch the file")
    return CoverFile(_UNSAFE.sub("_", item.id), href, version)
