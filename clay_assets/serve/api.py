"""The addresses under `/api` that say what there is, find chips and show them."""

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Response
from fastapi import Query as QueryParameter

from clay_assets.provenance import fingerprint
from clay_assets.search import trace
from clay_assets.serve.asking import ENGINES
from clay_assets.serve.documents import (
    FootprintCollection,
    GeoJsonResponse,
    PngResponse,
    ProductList,
)
from clay_assets.serve.requests import CHIP_ID
from clay_assets.serve.service import Service
from clay_assets.serve.thumbnails import ThumbnailSize
from clay_assets.serve.way_back import way_back

IMMUTABLE = "public, max-age=31536000, immutable"
IfNoneMatch = Annotated[str | None, Header(description="A version that is known already.")]
ProductName = Annotated[
    str | None,
    QueryParameter(description="Embedding product; default the first one.", examples=["clay"]),
]
ChipId = Annotated[str, Path(examples=[CHIP_ID])]
KNOWN: dict[int | str, dict[str, Any]] = {304: {"description": "As known."}}


def add_api_routes(routes: APIRouter, service: Service) -> None:
    """Add them to `routes`, answering from `service`."""

    @routes.get("/api/products", response_model=ProductList)
    def products() -> dict[str, Any]:
        """Products that can be searched, engines, and where Dagster is."""
        return {
            "products": [service.describe(product) for product in service.products.values()],
            "engines": ENGINES,
            "dagster_url": service.dagster_url,
            "basemap_url": service.settings.api.basemap_url,
        }

    @routes.get(
        "/api/footprints",
        response_class=GeoJsonResponse,
        responses=KNOWN | {200: {"model": FootprintCollection}},
    )
    def footprints(product: ProductName = None, if_none_match: IfNoneMatch = None) -> Response:
        """Places of a product as GeoJSON, each with its chips by date."""
        chips = service.chips(product)
        headers = {"etag": f'"{chips.version}"', "cache-control": "no-cache"}
        if if_none_match == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return GeoJsonResponse(chips.geojson, headers=headers)

    _add_chip_routes(routes, service)


def _add_chip_routes(routes: APIRouter, service: Service) -> None:
    @routes.get("/api/chips/{chip_id}/thumbnail.png", response_class=PngResponse, responses=KNOWN)
    def thumbnail(
        chip_id: ChipId,
        size: ThumbnailSize = ThumbnailSize.MEDIUM,
        v: Annotated[str, QueryParameter(description="The chip's hash: then kept for ever.")] = "",
        row: Annotated[int | None, QueryParameter(description="Of a patch, with col.")] = None,
        col: Annotated[int | None, QueryParameter(description="Of a patch, with row.")] = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        """A true-colour picture of a chip, or of one of its patches with what lies around it."""
        chips = service.catalogue.holder(chip_id, service.products)
        listed = chips.chip(chip_id)
        patch = service.patch(chip_id, row, col)
        tag = fingerprint(listed.content_hash, int(size), row, col)
        is_current = v == listed.content_hash
        headers = {"etag": f'"{tag}"', "cache-control": IMMUTABLE if is_current else "no-cache"}
        if if_none_match == headers["etag"]:
            return Response(status_code=304, headers=headers)
        picture = service.thumbnails.png(listed, chips.tiles[listed.mgrs], size, patch)
        return PngResponse(picture, headers=headers)

    @routes.get("/api/chips/{product}/{row_id:path}")
    def chip(
        product: Annotated[str, Path(examples=["clay"])],
        row_id: Annotated[str, Path(description="A chip, or chip/row/col.", examples=[CHIP_ID])],
    ) -> dict[str, Any]:
        """A chip or patch, its other dates, and its way back to scenes, checkpoint and runs."""
        chips = service.chips(product)
        chip_id = row_id.partition("/")[0]
        listed = chips.chip(chip_id)
        place = chips.places[listed.place]
        centre = place.footprint.centroid
        return {
            "id": row_id,
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
            "way_back": way_back(trace(service.store, chips.product, row_id)),
        }
