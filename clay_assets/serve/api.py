"""The addresses under `/api`."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from clay_assets import __version__
from clay_assets.embeddings import Product
from clay_assets.errors import NotFoundError
from clay_assets.search import Hits, Query, trace
from clay_assets.serve.answers import (
    ENGINES,
    SearchBody,
    SearchParameters,
    SearchRequest,
    answer,
)
from clay_assets.serve.asking import Indexes, one_per_place
from clay_assets.serve.catalogue import Catalogue, ProductChips
from clay_assets.serve.thumbnails import Thumbnails, ThumbnailSize
from clay_assets.serve.way_back import way_back
from clay_assets.store import Store

IMMUTABLE = "public, max-age=31536000, immutable"
IfNoneMatch = Annotated[str | None, Header()]


@dataclass(frozen=True)
class Service:
    """What the API answers from."""

    store: Store
    """Where the assets' files lie."""
    products: Mapping[str, Product]
    """Declared products by name, the default one first."""
    indexes: Indexes
    """The search indexes."""
    catalogue: Catalogue
    """The chips of each product."""
    thumbnails: Thumbnails
    """Their pictures."""
    dagster_url: str | None
    """Where the Dagster UI is, for links to runs; None for no links."""

    def chips(self, product: str | None) -> ProductChips:
        """Chips of a declared product, of the first one by default.

        Raises:
            NotFoundError: there is no such product.
        """
        name = product or next(iter(self.products))
        if name not in self.products:
            raise NotFoundError(
                f"there is no product {name!r}; declared are {', '.join(self.products)}"
            )
        return self.catalogue.of(name)

    def search(self, request: SearchRequest, vector: list[float] | None = None) -> dict[str, Any]:
        """The answer to a search as GeoJSON.

        Raises:
            ClayAssetsError: it cannot be answered.
        """
        started = time.perf_counter()
        chips = self.chips(request.product)
        query = request.query(chips.product, request.k, vector)

        def ask(query: Query) -> Hits:
            return self.indexes.search(request.engine, query)

        hits = one_per_place(ask, query, chips) if request.one_per_place else ask(query)
        return answer(hits, request, chips, time.perf_counter() - started)

    def describe(self, product: Product) -> dict[str, Any]:
        """A product and how much there is of it."""
        chips = self.catalogue.of(product.name)
        return {
            "name": product.name,
            "checkpoint": product.checkpoint,
            "level": product.level,
            "chips": len(chips.chips),
            "places": len(chips.places),
            "dates": chips.dates,
            "tiles": list(chips.tiles),
            "bbox": chips.bounds_wgs84,
            "version": chips.version,
        }


def api_routes(service: Service) -> APIRouter:
    """The routes, answering from `service`."""
    routes = APIRouter()

    @routes.get("/healthz")
    def healthz() -> dict[str, str]:
        """Whether the server answers."""
        return {"status": "ok", "version": __version__}

    @routes.get("/api/products")
    def products() -> dict[str, Any]:
        """Products that can be searched, engines, and where Dagster is."""
        return {
            "products": [service.describe(product) for product in service.products.values()],
            "engines": ENGINES,
            "dagster_url": service.dagster_url,
        }

    @routes.get("/api/footprints")
    def footprints(product: str | None = None, if_none_match: IfNoneMatch = None) -> Response:
        """Places of a product as GeoJSON, each with its chips by date."""
        chips = service.chips(product)
        headers = {"etag": f'"{chips.version}"', "cache-control": "no-cache"}
        if if_none_match == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(chips.geojson, media_type="application/geo+json", headers=headers)

    @routes.get("/api/search")
    def search(parameters: SearchParameters) -> dict[str, Any]:
        """The chips most like an example, best first, as GeoJSON."""
        return service.search(parameters)

    @routes.post("/api/search")
    def search_by_body(body: SearchBody) -> dict[str, Any]:
        """The same with a JSON body, which may bring its own vector."""
        return service.search(body, body.vector)

    _add_chip_routes(routes, service)
    return routes


def _add_chip_routes(routes: APIRouter, service: Service) -> None:
    @routes.get("/api/chips/{chip_id}/thumbnail.png")
    def thumbnail(
        chip_id: str,
        size: ThumbnailSize = ThumbnailSize.MEDIUM,
        v: str = "",
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        """A true-colour picture; `v`, the chip's hash, lets browsers keep it for ever."""
        chips = service.catalogue.holder(chip_id, service.products)
        listed = chips.chip(chip_id)
        tag = hashlib.sha256(f"{listed.content_hash} {size}".encode()).hexdigest()[:16]
        is_current = v == listed.content_hash
        headers = {"etag": f'"{tag}"', "cache-control": IMMUTABLE if is_current else "no-cache"}
        if if_none_match == headers["etag"]:
            return Response(status_code=304, headers=headers)
        picture = service.thumbnails.png(listed, chips.tiles[listed.mgrs], size)
        return Response(picture, media_type="image/png", headers=headers)

    @routes.get("/api/chips/{product}/{chip_id}")
    def chip(product: str, chip_id: str) -> dict[str, Any]:
        """A chip, its other dates, and its way back to scenes, checkpoint and runs."""
        chips = service.chips(product)
        listed = chips.chip(chip_id)
        place = chips.places[listed.place]
        centre = place.footprint.centroid
        return {
            "chip_id": chip_id,
            "product": chips.product,
            "mgrs": listed.mgrs,
            "date": listed.date,
            "cloud_share": listed.cloud_share,
            "hash": listed.content_hash,
            "source_url": listed.source_url,
            "place": listed.place,
            "centre": [round(centre.x, 6), round(centre.y, 6)],
            "dates": [{"chip_id": other.chip_id, "date": other.date} for other in place.chips],
            "way_back": way_back(trace(service.store, chips.product, chip_id)),
        }
