"""The addresses under `/api` that say what there is, find chips and show them."""

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from clay_assets.search import trace
from clay_assets.serve.answers import SearchBody, SearchParameters
from clay_assets.serve.asking import ENGINES
from clay_assets.serve.service import Service
from clay_assets.serve.thumbnails import ThumbnailSize
from clay_assets.serve.way_back import way_back

IMMUTABLE = "public, max-age=31536000, immutable"
IfNoneMatch = Annotated[str | None, Header()]


def add_api_routes(routes: APIRouter, service: Service) -> None:
    """Add them to `routes`, answering from `service`."""

    @routes.get("/api/products")
    def products() -> dict[str, Any]:
        """Products that can be searched, engines, and where Dagster is."""
        return {
            "products": [service.describe(product) for product in service.products.values()],
            "engines": ENGINES,
            "dagster_url": service.dagster_url,
            "basemap_url": service.settings.api.basemap_url,
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
