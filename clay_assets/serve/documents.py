"""What answers look like, for the documentation: models that nothing is sent through.

Large answers are written in pieces; that they fit these models is tested.
"""

from typing import Any, Literal

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from clay_assets.search.label_sets import MAX_CLASS_LENGTH, MAX_LABELS
from clay_assets.serve.requests import CHIP_ID, Area

_SQUARE = [[[11.1, 47.3], [11.2, 47.3], [11.2, 47.4], [11.1, 47.4], [11.1, 47.3]]]
_GEOMETRY = {"type": "Polygon", "coordinates": _SQUARE}


class GeoJsonResponse(Response):
    """Bytes of GeoJSON."""

    media_type = "application/geo+json"


class PngResponse(Response):
    """Bytes of a picture."""

    media_type = "image/png"


def _example(**members: Any) -> ConfigDict:  # noqa: ANN401
    return ConfigDict(json_schema_extra={"example": members})


class Problem(BaseModel):
    """What went wrong and what to do next."""

    model_config = _example(
        error="k must be 1 to 25000, got 0", next_step="Mend the query and ask again."
    )

    error: str
    next_step: str


class Health(BaseModel):
    """The server answers."""

    model_config = _example(status="ok", version="0.5.0")

    status: Literal["ok"]
    version: str


class Readiness(BaseModel):
    """An index opens and holds something."""

    model_config = _example(status="ready", engine="duckdb", products={"clay": 25_000})

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

    model_config = _example(
        products=[
            {
                "name": "clay",
                "checkpoint": "default",
                "level": "mean",
                "chips": 2_304,
                "places": 768,
                "dates": ["2024-06-19", "2024-08-08"],
                "tiles": ["32TPT"],
                "bbox": [10.9, 47.2, 11.6, 47.7],
                "grid": None,
                "version": "e2647d25a85e34d9",
            }
        ],
        engines=["duckdb", "pgvector"],
        dagster_url="http://127.0.0.1:3000",
        basemap_url=None,
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

    model_config = _example(
        type="FeatureCollection",
        features=[
            {
                "type": "Feature",
                "id": 0,
                "geometry": _GEOMETRY,
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


class HitProperties(BaseModel):
    """One hit."""

    rank: int
    id: str = Field(description="The row's: of a chip, or `chip_id/row/col` of a patch.")
    chip_id: str
    patch_row: int | None
    patch_col: int | None
    score: float
    mgrs: str
    date: str = Field(json_schema_extra={"format": "date"})
    cloud_share: float | None
    source_url: str
    place: int | None = Field(description="Number among `/api/footprints`; null: unknown there.")
    hash: str = Field(description="Changes with the chip's pixels.")


class HitFeature(BaseModel):
    """One hit and its footprint."""

    type: Literal["Feature"]
    id: int
    geometry: Area
    properties: HitProperties


_HITS: dict[str, Any] = {
    "type": "FeatureCollection",
    "product": "clay",
    "engine": "duckdb",
    "exact": False,
    "how": "sketch",
    "expected_recall": 0.998,
    "seconds": 0.0121,
    "request": {"chip_id": CHIP_ID, "k": 1},
    "query_chips": [CHIP_ID],
    "stale_tiles": [],
    "next_offset": 1,
    "features": [
        {
            "type": "Feature",
            "id": 1,
            "geometry": _GEOMETRY,
            "properties": {
                "rank": 1,
                "id": CHIP_ID.replace("0012", "0345"),
                "chip_id": CHIP_ID.replace("0012", "0345"),
                "patch_row": None,
                "patch_col": None,
                "score": 0.9731,
                "mgrs": "32TPT",
                "date": "2024-08-08",
                "cloud_share": 0.02,
                "source_url": "s3://clay/chips/32TPT/" + CHIP_ID.replace("0012", "0345") + ".tif",
                "place": 344,
                "hash": "9f86d081884c7d65",
            },
        }
    ],
}


class HitCollection(BaseModel):
    """Hits as GeoJSON, best first, and how they were found."""

    model_config = _example(**_HITS)

    type: Literal["FeatureCollection"]
    product: str
    engine: str
    exact: bool = Field(description="Whether every row that passes the filters was scored.")
    how: str = Field(description="exact, sketch or hnsw: what chose the rows that were scored.")
    expected_recall: float | None = Field(
        description="Share of the true 10 nearest, as measured when the index was built; 1 when "
        "exact, null when not measured."
    )
    seconds: float
    request: dict[str, Any] = Field(description="The fields that were not left at their default.")
    query_chips: list[str] = Field(description="Rows that served as examples.")
    stale_tiles: list[str] = Field(
        description="Tiles whose files are newer than the index: build it again for them."
    )
    next_offset: int | None = Field(description="`offset` of the next page; null at the end.")
    features: list[HitFeature]


class PictureSaid(BaseModel):
    """What was made of an uploaded picture."""

    lonlat: tuple[float, float] | None
    date: str | None
    bands: list[str]
    footprint: Area | None
    note: str


class PictureHitCollection(HitCollection):
    """Hits that look like an uploaded picture."""

    model_config = _example(
        **_HITS,
        vector=[0.012, -0.034],
        picture={
            "lonlat": [11.2, 47.4],
            "date": "2024-08-08",
            "bands": ["B04", "B03", "B02"],
            "footprint": _GEOMETRY,
            "note": "resampled from 5 m to 10 m",
        },
    )

    vector: list[float] = Field(description="Its embedding, to search on with.")
    picture: PictureSaid


class LabelProperties(BaseModel):
    """What one label says; `class` is positive, negative or any short text."""

    id: str = Field(min_length=1)
    chip_id: str = Field(min_length=1)
    class_: str = Field(alias="class", min_length=1, max_length=MAX_CLASS_LENGTH)
    date: str = Field(json_schema_extra={"format": "date"})
    mgrs: str = Field(min_length=1)


class LabelFeature(BaseModel):
    """One labelled row and its footprint."""

    type: Literal["Feature"]
    geometry: Area
    properties: LabelProperties


class LabelCollection(BaseModel):
    """A label set."""

    model_config = _example(
        type="FeatureCollection",
        name="farms",
        product="clay",
        features=[
            {
                "type": "Feature",
                "geometry": _GEOMETRY,
                "properties": {
                    "id": CHIP_ID,
                    "chip_id": CHIP_ID,
                    "class": "positive",
                    "date": "2024-08-08",
                    "mgrs": "32TPT",
                },
            }
        ],
    )

    type: Literal["FeatureCollection"]
    name: str | None = None
    product: str = Field(min_length=1)
    features: list[LabelFeature] = Field(max_length=MAX_LABELS)


class LabelSetSaid(BaseModel):
    """A label set that is kept."""

    name: str
    product: str
    features: int = Field(description="How many labels.")
    etag: str


class LabelList(BaseModel):
    """All label sets."""

    model_config = _example(
        labels=[{"name": "farms", "product": "clay", "features": 12, "etag": '"2c26b46b68ffc68f"'}]
    )

    labels: list[LabelSetSaid]
