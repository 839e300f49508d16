"""The addresses under `/api/labels`: label sets, read and written whole."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Path, Response

from clay_assets.search.label_sets import (
    NAME_PATTERN,
    delete_labels,
    list_labels,
    parse_labels,
    read_labels_and_etag,
    write_labels,
)
from clay_assets.serve.documents import GeoJsonResponse
from clay_assets.serve.label_documents import LabelCollection, LabelList
from clay_assets.serve.service import Service

Name = Annotated[
    str,
    # The pattern is told, not enforced: the room's own words say more.
    Path(examples=["farms"], json_schema_extra={"pattern": NAME_PATTERN}),
]
IfMatch = Annotated[
    str | None, Header(description="Only in the place of this version, by its etag.")
]
IfNoneMatch = Annotated[str | None, Header(description="A version that is known already.")]
COLLECTION: dict[int | str, dict[str, Any]] = {200: {"model": LabelCollection}}


def add_label_routes(routes: APIRouter, service: Service) -> None:
    """Add them to `routes`, answering from `service`."""

    @routes.get("/api/labels", response_model=LabelList)
    def labels() -> dict[str, Any]:
        """All label sets: name, product, how many labels, etag."""
        return {
            "labels": [
                {
                    "name": kept.name,
                    "product": kept.product,
                    "features": kept.count,
                    "etag": f'"{kept.etag}"',
                }
                for kept in list_labels(service.store)
            ]
        }

    @routes.get(
        "/api/labels/{name}",
        response_class=GeoJsonResponse,
        responses=COLLECTION | {304: {"description": "As known."}},
    )
    def label_set(name: Name, if_none_match: IfNoneMatch = None) -> Response:
        """A label set as GeoJSON; its etag lets it be saved again."""
        found, etag = read_labels_and_etag(service.store, name)
        headers = {"etag": f'"{etag}"', "cache-control": "no-cache"}
        if _tag(if_none_match) == etag:
            return Response(status_code=304, headers=headers)
        return GeoJsonResponse(found.to_geojson(), headers=headers)

    @routes.put("/api/labels/{name}", response_class=GeoJsonResponse, responses=COLLECTION)
    def save_label_set(
        name: Name,
        body: Annotated[LabelCollection, Body(media_type=GeoJsonResponse.media_type)],
        if_match: IfMatch = None,
    ) -> Response:
        """Keep a label set: a new one, or with `If-Match` in the place of the version read.

        Any other version in the store stays, and the answer is 412.
        """
        found = parse_labels(name, body.model_dump(by_alias=True))
        service.product(found.product)
        etag = write_labels(service.store, found, over=_tag(if_match))
        return GeoJsonResponse(found.to_geojson(), headers={"etag": f'"{etag}"'})

    @routes.delete("/api/labels/{name}", status_code=204)
    def delete_label_set(name: Name, if_match: IfMatch = None) -> None:
        """Delete a label set, with `If-Match` only that version."""
        delete_labels(service.store, name, etag=_tag(if_match))


def _tag(header: str | None) -> str | None:
    """The etag of a header, without quotes; gzip makes it a weak one, which is the same here."""
    return None if header is None else re.sub(r'^(W/)?"(.*)"$', r"\2", header.strip())
