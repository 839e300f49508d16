"""What answers look like, for the documentation: models that nothing is sent through.

Large answers are written in pieces; that they fit these models is tested.
"""

from typing import Any, Literal

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from clay_assets.serve.geometry import Area
from clay_assets.serve.requests import CHIP_ID

_SQUARE = [[[11.1, 47.3], [11.2, 47.3], [11.2, 47.4], [11.1, 47.4], [11.1, 47.3]]]
GEOMETRY = {"type": "Polygon", "coordinates": _SQUARE}


class GeoJsonResponse(Response):
    """Bytes of GeoJSON."""

    media_type = "application/geo+json"


class PngResponse(Response):
    """Bytes of a picture."""

    media_type = "image/png"


def example(**members: Any) -> ConfigDict:  # noqa: ANN401
    """Settings of a model that show an answer; without nulls, which FastAPI leaves out of them."""
    return ConfigDict(json_schema_extra={"example": members})


class Problem(BaseModel):
    """What went wrong and what to do next."""

    model_config = example(
        error="k must be 1 to 25000, got 0", next_step="Mend the query and ask again."
    )

    error: str
    next_step: str


class Health(BaseModel):
    """The server answers."""

    model_config = example(status="ok", version="0.5.0")

    status: Literal["ok"]
    version: str


class Readiness(BaseModel):
    """An index opens and holds something."""

    model_config = example(status="ready", engine="duckdb", products={"clay": 25_000})

    status: Literal["ready"]
    engine: str
    products: dict[str, int] = Field(description="Product -> rows.")


class ProductSaid(BaseModel):
    """One product and how much there is of it."""

    name: str
    checkpoint: str
    level: str
    chips: int
    places: int
    dates: list[str]
    tiles: list[str]
    bbox: tuple[float, float, float, float] | None
    grid: tuple[int, int] | None = Field(description="Rows and columns of patches; null: none.")
    version: str


class ProductList(BaseModel):
    """What can be searched, and what the page needs to know."""

    model_config = example(
        products=[
            {
                "name": "clay_patches",
                "checkpoint": "default",
                "level": "patch",
                "chips": 2_304,
                "places": 768,
                "dates": ["2024-06-19", "2024-08-08"],
                "tiles": ["32TPT"],
                "bbox": [10.9, 47.2, 11.6, 47.7],
                "grid": [16, 16],
                "version": "e2647d25a85e34d9",
            }
        ],
        engines=["duckdb", "pgvector"],
        dagster_url="http://127.0.0.1:3000",
        basemap_url="https://tiles.example/{z}/{x}/{y}.png",
    )

    products: list[ProductSaid]
    engines: list[str]
    dagster_url: str | None
    basemap_url: str | None


class PlaceChip(BaseModel):
    """One date of a place."""

    chip_id: str
    date: str
    cloud_share: float | None
    hash: str


class PlaceProperties(BaseModel):
    """A place and its chips by date."""

    place: int
    mgrs: str
    chips: list[PlaceChip]


class PlaceFeature(BaseModel):
    """A place and its footprint."""

    type: Literal["Feature"]
    id: int
    geometry: Area
    properties: PlaceProperties


class FootprintCollection(BaseModel):
    """All places of a product."""

    model_config = example(
        type="FeatureCollection",
        features=[
            {
                "type": "Feature",
                "id": 0,
                "geometry": GEOMETRY,
                "properties": {
                    "place": 0,
                    "mgrs": "32TPT",
                    "chips": [
                        {
                            "chip_id": CHIP_ID,
                            "date": "2024-08-08",
                            "cloud_share": 0.02,
                            "hash": "9f86d081884c7d65",
                        }
                    ],
                },
            }
        ],
    )

    type: Literal["FeatureCollection"]
    features: list[PlaceFeature]
