"""A small STAC API over HTTP: item search by collection, place and time, in pages of two."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pystac
import shapely.geometry

PAGE = 2
GEOJSON = "application/geo+json"
CONFORMANCE = [
    "https://api.stacspec.org/v1.0.0/core",
    "https://api.stacspec.org/v1.0.0/collections",
    "https://api.stacspec.org/v1.0.0/item-search",
]


@contextmanager
def serving(items: list[pystac.Item], searches: list[dict]) -> Iterator[str]:
    """URL of an API that has these items; each search that is made is added to `searches`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/collections":
                return self._answer({"collections": _collections(items), "links": []})
            if self.path == "/":
                return self._answer(_landing_page(url))
            return self.send_error(404)

        def do_POST(self):
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            searches.append(query)
            found = [item for item in items if _matches(item, query)]
            start = int(query.get("token", 0))
            page = {
                "type": "FeatureCollection",
                "features": [item.to_dict() for item in found[start : start + PAGE]],
                "links": [],
            }
            if start + PAGE < len(found):
                body = query | {"token": start + PAGE}
                page["links"] = [
                    {"rel": "next", "href": f"{url}/search", "method": "POST", "body": body}
                ]
            return self._answer(page)

        def _answer(self, content):
            data = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _landing_page(url):
    links = [
        {"rel": "self", "href": url},
        {"rel": "root", "href": url},
        {"rel": "data", "href": f"{url}/collections"},
        {"rel": "search", "href": f"{url}/search", "type": GEOJSON, "method": "POST"},
    ]
    return {
        "type": "Catalog",
        "id": "api",
        "description": "Tiny scenes.",
        "stac_version": "1.0.0",
        "conformsTo": CONFORMANCE,
        "links": links,
    }


def _collections(items):
    extent = pystac.Extent(
        pystac.SpatialExtent([[-180, -90, 180, 90]]), pystac.TemporalExtent([[None, None]])
    )
    ids = sorted({item.collection_id for item in items})
    return [pystac.Collection(id_, id_, extent).to_dict() for id_ in ids]


def _matches(item, query):
    if item.collection_id not in query["collections"]:
        return False
    if not shapely.geometry.shape(query["intersects"]).intersects(
        shapely.geometry.shape(item.geometry)
    ):
        return False
    if not query.get("datetime"):
        return True
    start, end = (datetime.fromisoformat(text) for text in query["datetime"].split("/"))
    return start <= item.datetime <= end
