"""What hits look like, for the documentation."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from clay_assets.serve.documents import GEOMETRY, example
from clay_assets.serve.geometry import Area
from clay_assets.serve.requests import CHIP_ID


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


_QUERY = f"{CHIP_ID}/7/2"
_HIT = CHIP_ID.replace("0012", "0345")
_HITS: dict[str, Any] = {
    "type": "FeatureCollection",
    "product": "clay_patches",
    "engine": "duckdb",
    "exact": False,
    "how": "sketch",
    "expected_recall": 0.998,
    "seconds": 0.0121,
    "request": {"chip_id": _QUERY, "k": 1},
    "query_chips": [_QUERY],
    "stale_tiles": [],
    "next_offset": 1,
    "features": [
        {
            "type": "Feature",
            "id": 1,
            "geometry": GEOMETRY,
            "properties": {
                "rank": 1,
                "id": f"{_HIT}/3/11",
                "chip_id": _HIT,
                "patch_row": 3,
                "patch_col": 11,
                "score": 0.9731,
                "mgrs": "32TPT",
                "date": "2024-08-08",
                "cloud_share": 0.02,
                "source_url": f"s3://clay/chips/32TPT/{_HIT}.tif",
                "place": 344,
                "hash": "9f86d081884c7d65",
            },
        }
    ],
}


class HitCollection(BaseModel):
    """Hits as GeoJSON, best first, and how they were found."""

    model_config = example(**_HITS)

    type: Literal["FeatureCollection"]
    product: str
    engine: str
    exact: bool = Field(description="Whether every row that passes the filters was scored.")
    how: str = Field(description="exact, sketch or hnsw: what chose the rows that were scored.")
    expected_recall: float | None = Field(
        description="Share of the true nearest, as measured when the index was built; 1 when "
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

    model_config = example(
        **_HITS,
        vector=[0.012, -0.034],
        picture={
            "lonlat": [11.2, 47.4],
            "date": "2024-08-08",
            "bands": ["B04", "B03", "B02"],
            "footprint": GEOMETRY,
            "note": "resampled from 5 m to 10 m",
        },
    )

    vector: list[float] = Field(description="Its embedding, to search on with.")
    picture: PictureSaid
