"""A real STAC API on this machine: stac-fastapi over items in memory, served by uvicorn."""

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import attr
import pystac
import shapely.geometry
import uvicorn
from stac_fastapi.api.app import StacApi
from stac_fastapi.api.models import create_get_request_model, create_post_request_model
from stac_fastapi.extensions import QueryExtension, SortExtension, TokenPaginationExtension
from stac_fastapi.types.config import ApiSettings
from stac_fastapi.types.core import BaseCoreClient
from stac_fastapi.types.errors import NotFoundError
from stac_fastapi.types.links import CollectionLinks, ItemLinks
from stac_fastapi.types.requests import get_base_url
from starlette.middleware import Middleware

START_S = 30
SORTS = "https://api.stacspec.org/v1.0.0/item-search#sort"  # stac-fastapi says 1.1.0
OPERATORS = {
    "eq": lambda found, wanted: found == wanted,
    "neq": lambda found, wanted: found != wanted,
    "lt": lambda found, wanted: found < wanted,
    "lte": lambda found, wanted: found <= wanted,
    "gt": lambda found, wanted: found > wanted,
    "gte": lambda found, wanted: found >= wanted,
    "in": lambda found, wanted: found in wanted,
    "startsWith": lambda found, wanted: found.startswith(wanted),
}
SETTINGS = ApiSettings(
    _env_file=None,
    stac_fastapi_title="Test",
    stac_fastapi_description="Items in memory.",
    stac_fastapi_landing_id="test",
    stac_fastapi_version="1",
)


@dataclass(frozen=True)
class Trouble:
    """An answer given in place of the right one."""

    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    """How long the client waits for it."""
    path: str = "/"
    """Only where the request's path starts so."""


@dataclass(frozen=True)
class Asked:
    """One request that was answered."""

    path: str
    body: dict[str, Any]


@contextmanager
def serving(
    items: Sequence[pystac.Item | dict[str, Any]],
    *,
    asked: list[Asked] | None = None,
    troubles: list[Trouble] | None = None,
    most_a_page: int = 100,
    plain: bool = False,
) -> Iterator[str]:
    """URL of an API that has these items, and any that are added to the list later.

    Args:
        items: dictionaries are served as they are, without what pystac would mend.
        asked: each request is added here.
        troubles: each is the answer to one request and then taken off the list.
        most_a_page: items on one page of a search, whatever is asked for.
        plain: without the query and sort extensions.
    """
    sorting = SortExtension(conformance_classes=[SORTS])
    extensions = [*([] if plain else [QueryExtension(), sorting]), TokenPaginationExtension()]
    api = StacApi(
        settings=SETTINGS,
        client=ItemsInMemory(items=items, most_a_page=most_a_page),
        extensions=extensions,
        search_get_request_model=create_get_request_model(extensions),
        search_post_request_model=create_post_request_model(extensions),
        middlewares=[Middleware(Doorman, asked=asked, troubles=troubles)],
    )
    with socket.create_server(("127.0.0.1", 0)) as door:
        config = uvicorn.Config(api.app, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([door],))
        thread.start()
        try:
            _wait_for(server)
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@attr.s
class ItemsInMemory(BaseCoreClient):
    """The backend: every question goes through all items."""

    items: Sequence[pystac.Item | dict[str, Any]] = attr.ib(factory=list)
    most_a_page: int = attr.ib(default=100)

    def post_search(self, search_request, **kwargs):
        body = search_request.model_dump(mode="json", exclude_none=True)
        return self._page(body, get_base_url(kwargs["request"]))

    def get_search(self, **kwargs):
        request = kwargs.pop("request")
        body = {name: value for name, value in kwargs.items() if value is not None}
        for name in ("intersects", "query"):
            if name in body:
                body[name] = json.loads(body[name])
        body["sortby"] = [_sort_field(text) for text in body.get("sortby", [])]
        return self._page(body, get_base_url(request))

    def get_item(self, item_id, collection_id, **kwargs):
        found = self._found({"ids": [item_id], "collections": [collection_id]})
        if not found:
            raise NotFoundError(f"{collection_id} has no item {item_id}")
        return _linked(found[0], get_base_url(kwargs["request"]))

    def all_collections(self, **kwargs):
        base = get_base_url(kwargs["request"])
        ids = sorted({item["collection"] for item in self._dicts()})
        return {"collections": [_collection(id_, base) for id_ in ids], "links": []}

    def get_collection(self, collection_id, **kwargs):
        if not any(item["collection"] == collection_id for item in self._dicts()):
            raise NotFoundError(f"no collection {collection_id}")
        return _collection(collection_id, get_base_url(kwargs["request"]))

    def item_collection(self, collection_id, limit=10, token=None, **kwargs):
        body = {"collections": [collection_id], "limit": limit, "token": token}
        wanted = {name: kwargs[name] for name in ("bbox", "datetime") if kwargs.get(name)}
        return self._page(body | wanted, get_base_url(kwargs["request"]))

    def _page(self, body, base):
        found = self._found(body)
        start = int(body.get("token") or 0)
        end = start + min(body.get("limit") or self.most_a_page, self.most_a_page)
        links = []
        if end < len(found):
            after = body | {"token": str(end)}
            links = [{"rel": "next", "href": f"{base}search", "method": "POST", "body": after}]
        features = [_linked(item, base) for item in found[start:end]]
        return {"type": "FeatureCollection", "features": features, "links": links}

    def _found(self, body):
        found = [item for item in self._dicts() if _matches(item, body)]
        for rule in reversed(body.get("sortby") or []):
            name = rule["field"]
            # Those without the property come last, as in PostgreSQL.
            found.sort(
                key=lambda item: _value(item, name) or "", reverse=rule["direction"] != "asc"
            )
        return found

    def _dicts(self):
        items = list(self.items)  # a test may add to it meanwhile
        return [item if isinstance(item, dict) else _as_dict(item) for item in items]


class Doorman:
    """Writes down each request, and answers some amiss."""

    def __init__(self, app, asked, troubles):
        self.app, self.asked, self.troubles = app, asked, troubles

    async def __call__(self, scope, receive, send):
        message = await receive()
        body, path = message.get("body", b""), scope["path"]
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
        if self.asked is not None:
            self.asked.append(Asked(path, json.loads(body or b"{}")))
        trouble = next((t for t in self.troubles or [] if path.startswith(t.path)), None)
        if trouble is None:
            whole = iter([{"type": "http.request", "body": body}])

            async def replay():
                return next(whole, None) or await receive()

            return await self.app(scope, replay, send)
        self.troubles.remove(trouble)
        await asyncio.sleep(trouble.wait_s)
        headers = [(name.encode(), text.encode()) for name, text in trouble.headers.items()]
        await send({"type": "http.response.start", "status": trouble.status, "headers": headers})
        return await send({"type": "http.response.body", "body": b"trouble"})


def _matches(item, body):
    if body.get("collections") and item["collection"] not in body["collections"]:
        return False
    if body.get("ids") and item["id"] not in body["ids"]:
        return False
    area = body.get("intersects") or body.get("bbox")
    if area:
        wanted = shapely.geometry.shape(area) if isinstance(area, dict) else shapely.box(*area)
        if not wanted.intersects(shapely.geometry.shape(item["geometry"])):
            return False
    if body.get("datetime") and not _within(item["properties"], body["datetime"]):
        return False
    return all(
        (found := _value(item, f"properties.{name}")) is not None
        and OPERATORS[operator](found, _comparable(wanted))
        for name, rules in (body.get("query") or {}).items()
        for operator, wanted in rules.items()
    )


def _within(properties, interval):
    first, _, last = interval.partition("/")
    begins = _comparable(properties.get("start_datetime") or properties["datetime"])
    ends = _comparable(properties.get("end_datetime") or properties["datetime"])
    return (first == ".." or ends >= _comparable(first)) and (
        (last or first) == ".." or begins <= _comparable(last or first)
    )


def _value(item, name):
    value = item
    parts = name.split(".", 1) if name.startswith("properties.") else ["properties", name]
    for part in [name] if name in item else parts:
        value = (value or {}).get(part)
    return _comparable(value)


def _comparable(value):
    """Times as times, however they are written."""
    try:
        time_ = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value
    return time_ if time_.tzinfo else time_.replace(tzinfo=UTC)


def _sort_field(text):
    return {"field": text.lstrip("+-"), "direction": "desc" if text.startswith("-") else "asc"}


def _as_dict(item):
    return item.to_dict(include_self_link=False, transform_hrefs=False)


def _linked(item, base):
    # A path would be taken for one of the server's.
    assets = {
        name: asset | {"href": re.sub("^/", "file:///", asset["href"])}
        for name, asset in item["assets"].items()
    }
    links = ItemLinks(item["collection"], base, item["id"]).create_links()
    return item | {"assets": assets, "links": links}


def _collection(id_, base):
    extent = pystac.Extent(
        pystac.SpatialExtent([[-180, -90, 180, 90]]), pystac.TemporalExtent([[None, None]])
    )
    links = CollectionLinks(id_, base).create_links()
    return pystac.Collection(id_, id_, extent).to_dict() | {"links": links}


def _wait_for(server):
    started = time.monotonic()
    while not server.started:
        if time.monotonic() - started > START_S:
            raise TimeoutError("the STAC API did not start")
        time.sleep(0.01)
