"""The addresses that find chips: by fields, by a picture, and as a file."""

import json
from datetime import date as Date
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Body, File, Form, Response, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import ValidationError
from shapely.geometry import mapping

from clay_assets.errors import InvalidValueError
from clay_assets.serve.answers import MEDIA_TYPES, Format
from clay_assets.serve.documents import GeoJsonResponse
from clay_assets.serve.failures import words_of
from clay_assets.serve.hit_documents import HitCollection, PictureHitCollection
from clay_assets.serve.requests import (
    EXAMPLES,
    ExportParameters,
    SearchBody,
    SearchFields,
    SearchParameters,
)
from clay_assets.serve.service import Service

if TYPE_CHECKING:
    from clay_assets.search.picture_query import PictureVector

HITS: dict[int | str, dict[str, Any]] = {200: {"model": HitCollection}}
FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The hits as a file, sent while it is written.",
        "content": {
            MEDIA_TYPES["geojson"]: {"schema": {"$ref": "#/components/schemas/HitCollection"}},
            "text/csv": {"schema": {"type": "string"}},
            MEDIA_TYPES["parquet"]: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
PICTURE_REQUEST = '{"bbox": [10.9, 47.2, 11.6, 47.7], "since": "2024-06-01"}'
JsonBody = Annotated[SearchBody, Body(openapi_examples=EXAMPLES)]


def add_search_routes(routes: APIRouter, service: Service) -> None:
    """Add them to `routes`, answering from `service`."""

    @routes.get("/api/search", response_class=GeoJsonResponse, responses=HITS)
    def search(parameters: SearchParameters) -> Response:
        """The rows most like some examples, best first, as GeoJSON."""
        return _whole(service, parameters)

    @routes.post("/api/search", response_class=GeoJsonResponse, responses=HITS)
    def search_by_body(body: JsonBody) -> Response:
        """The same with a JSON body, which may bring its own vector and a GeoJSON polygon."""
        return _whole(service, body)

    @routes.get("/api/export", response_class=StreamingResponse, responses=FILES)
    def export(parameters: ExportParameters) -> Response:
        """The answer to a search as a file: GeoJSON, CSV or GeoParquet."""
        return _file(service, parameters, parameters.format)

    @routes.post("/api/export", response_class=StreamingResponse, responses=FILES)
    def export_by_body(body: JsonBody, format: Format = "geojson") -> Response:
        """The same with a JSON body."""
        return _file(service, body, format)


def add_upload_routes(routes: APIRouter, service: Service) -> None:
    """Add the search by a picture to `routes`, answering from `service`."""

    @routes.post(
        "/api/search/image",
        response_class=GeoJsonResponse,
        responses={200: {"model": PictureHitCollection}},
    )
    def search_by_picture(
        file: Annotated[UploadFile, File(description="A GeoTIFF, PNG, JPEG or WebP.")],
        product: Annotated[str | None, Form(examples=["clay"])] = None,
        k: Annotated[int | None, Form(description="Most hits; default 12.", examples=[24])] = None,
        lonlat: Annotated[
            str | None,
            Form(description="lon,lat of its middle, where the file has none.", examples=["11,47"]),
        ] = None,
        date: Annotated[
            Date | None, Form(description="Day it was taken.", examples=["2024-08-08"])
        ] = None,
        bands: Annotated[
            str | None,
            Form(
                description="Its bands in order, where the file has no names.",
                examples=["B04 B03 B02"],
            ),
        ] = None,
        request: Annotated[
            str, Form(description="Other fields of a search as JSON.", examples=[PICTURE_REQUEST])
        ] = "{}",
    ) -> Response:
        """The rows most like a picture, which the product's encoder embeds on the fly."""
        from clay_assets.search.picture_query import embed_picture  # imports torch

        given = {"product": product, "k": k}
        asked = _fields(request, {key: said for key, said in given.items() if said is not None})
        name = service.product(asked.product).name
        place = _fields("{}", {"lonlat": lonlat}).lonlat
        asked.query(name, lonlat=place, vector=(1.0,))  # checks every field before the work
        settings = service.settings
        picture = embed_picture(
            service.store,
            service.product(name),
            file.file.read(),
            lonlat=place,
            date=date,
            bands=(bands or "").replace(",", " ").split(),
            device=settings.device,
            precision=settings.precision,
        )
        vector = [float(number) for number in picture.vector]
        answer = service.search(asked, {"vector": vector, "picture": _said(picture)}, vector=vector)
        return GeoJsonResponse(b"".join(answer.geojson()))


def _said(picture: "PictureVector") -> dict[str, Any]:
    footprint = picture.footprint
    return {
        "lonlat": picture.lonlat,
        "date": picture.date,
        "bands": picture.bands,
        "footprint": None if footprint is None else mapping(footprint),
        "note": picture.note,
    }


def _fields(request: str, form: dict[str, Any]) -> SearchBody:
    """The fields that come with a picture: those of JSON text, then those of the form.

    Raises:
        InvalidValueError: the text is no JSON object, or something is no field.
    """
    try:
        said = json.loads(request)
        return SearchBody.model_validate(said | form if isinstance(said, dict) else said)
    except ValidationError as error:
        raise InvalidValueError(
            f"request is not the fields of a search: {words_of(error)}"
        ) from error
    except ValueError as error:
        raise InvalidValueError(
            f"request must be a JSON object, got {request!r}: {error}"
        ) from error


def _whole(service: Service, request: SearchFields) -> Response:
    return GeoJsonResponse(b"".join(service.search(request).geojson()))


def _file(service: Service, request: SearchFields, kind: Format) -> Response:
    answer = service.search(request)  # what can fail fails here, before the file begins
    name = f"{answer.chips.product}_hits.{kind}"
    return StreamingResponse(
        answer.write(kind),
        media_type=MEDIA_TYPES[kind],
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )
