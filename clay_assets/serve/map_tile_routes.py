"""The addresses under `/api/map_tiles`."""

from typing import Annotated, Literal

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import BeforeValidator

from clay_assets.serve.map_tiles import CLEAREST, MAX_ZOOM, MapTile, chips_of, map_tile_png, tag_of
from clay_assets.serve.service import Service

IMMUTABLE = "public, max-age=31536000, immutable"
Zoom = Annotated[int, Path(description="Zoom, as of any web map.", ge=0, le=MAX_ZOOM)]
Column = Annotated[int, Path(description="Column from the west, from 0.", ge=0)]
Row = Annotated[int, Path(description="Row from the north, from 0.", ge=0)]
DateChoice = Annotated[
    str,
    Query(
        description="`clearest` date of each place, or a day, YYYY-MM-DD.",
        examples=[CLEAREST, "2021-08-28"],
    ),
]
Side = Annotated[
    Literal[256, 512], BeforeValidator(int), Query(description="Side of the picture, in pixels.")
]


def add_map_tile_routes(routes: APIRouter, service: Service) -> None:
    """Add the web tiles of true colour."""

    @routes.get(
        "/api/map_tiles/{product}/{z}/{x}/{y}.png",
        response_class=Response,
        responses={200: {"content": {"image/png": {}}}, 304: {"description": "It is unchanged."}},
    )
    def map_tile(
        product: str,
        z: Zoom,
        x: Column,
        y: Row,
        date: DateChoice = CLEAREST,
        size: Side = 256,
        v: str = "",
        if_none_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        """True colour of the chips as a web tile, for this page, QGIS or any web map.

        `v`, the product's version, lets browsers keep the tile.
        """
        chips, tile = service.chips(product), MapTile(z, x, y)
        shown = chips_of(chips, tile, date)
        headers = {
            "etag": f'"{tag_of(shown, size)}"',
            "cache-control": IMMUTABLE if v == chips.version else "no-cache",
        }
        if if_none_match == headers["etag"]:
            return Response(status_code=304, headers=headers)
        png = map_tile_png(service.store, chips, shown, tile, size)
        return Response(png, media_type="image/png", headers=headers)
