"""STAC JSON from anywhere: a path, `s3://` or `https://`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pystac
from pystac.errors import STACError, STACTypeError
from pystac.stac_io import DefaultStacIO
from pystac_client.exceptions import APIError
from requests.exceptions import RequestException

from clay_assets import progress
from clay_assets.errors import ImageryError, NotFoundError, UnreachableError
from clay_assets.ingest.asking import api_io, unreachable
from clay_assets.store import Store


class AnywhereIO(DefaultStacIO):
    """Reads text from a path, `s3://` or `https://`; pystac's own does neither S3 nor retries."""

    def __init__(self) -> None:
        """One session for all that is read."""
        super().__init__()
        self._api = api_io()

    def read_text_from_href(self, href: str) -> str:
        """Text of a path or URL.

        Raises:
            NotFoundError: there is no such file.
            UnreachableError: a server answers with an error, or not at all.
        """
        if href.startswith("s3://"):
            folder, _, name = href.rpartition("/")
            return Store(folder, Path()).read_bytes(name).decode()
        if href.startswith(("http://", "https://")):
            try:
                return self._api.request(href)
            except (APIError, RequestException) as error:
                raise unreachable(href, error) from error
        return super().read_text_from_href(href)


def read_json(href: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        ImageryError: it does not answer, or is no JSON object.
        NotFoundError: there is no such file.
    """
    content = read_any_json(href)
    if not isinstance(content, dict):
        raise ImageryError(f"{href} is a JSON {type(content).__name__}; expected a STAC object")
    return content


def read_any_json(href: str) -> Any:  # noqa: ANN401
    """What a JSON file holds.

    Raises:
        ImageryError: it does not answer, or is no JSON.
        NotFoundError: there is no such file.
    """
    try:
        text = AnywhereIO().read_text(href)
    except FileNotFoundError as error:
        raise NotFoundError(f"{href} does not exist") from error
    try:
        return json.loads(text)
    except ValueError as error:
        raise ImageryError(f"{href} is not JSON: {error}; expected a STAC file") from error


def read_items(href: str, content: dict[str, Any]) -> list[pystac.Item]:
    """All items of a static catalogue, collection, item or FeatureCollection.

    Args:
        href: where `content` was read from; relative links start there.
        content: the JSON object.

    Raises:
        ImageryError: not STAC, or a file it links to cannot be read.
    """
    try:
        return [_absolute(item) for item in _items(href, content)]
    except (STACError, STACTypeError, KeyError, ValueError, OSError) as error:
        for cause in (error, error.__cause__):  # pystac hides it in an error of its own
            if isinstance(cause, UnreachableError):
                raise cause from None
        raise ImageryError(
            f"{href} is not STAC, or links to what is not: {type(error).__name__} {error}; "
            "expected a catalogue, collection, item or FeatureCollection of items"
        ) from error


def local_path(location: str) -> Path | None:
    """The path of a location on this machine's disk, absolute; None for a URL."""
    if location.startswith("file://"):
        return Path(unquote(urlparse(location).path))
    return None if "://" in location else Path(location).expanduser().absolute()


def _items(href: str, content: dict[str, Any]) -> Iterator[pystac.Item]:
    kind = content.get("type")
    if kind == "Feature":
        yield pystac.Item.from_dict(content, href=href)
    elif kind == "FeatureCollection":
        for feature in content["features"]:
            yield pystac.Item.from_dict(feature, href=href)
    else:
        root = (pystac.Catalog if kind == "Catalog" else pystac.Collection).from_file(
            href, stac_io=AnywhereIO()
        )
        root.set_root(root)  # a collection's own root may lie elsewhere
        yield from progress.track(root.get_items(recursive=True), f"Reading {href}")


def _absolute(item: pystac.Item) -> pystac.Item:
    item.make_asset_hrefs_absolute()
    item.remove_hierarchical_links()  # pystac would fetch a root that lies elsewhere
    return item
