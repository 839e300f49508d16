"""What a search over HTTP asks for: the same fields as parameters of GET and as JSON of POST.

Values are checked by `Query`, so that every way to ask has the same limits and words; the limits
that the schema tells are only told.
"""

from typing import Annotated, Any

from fastapi import Query as QueryParameters
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from clay_assets.errors import SearchError
from clay_assets.search import Query
from clay_assets.search.query import MAX_EXAMPLES, MAX_EXCLUDED, MAX_K, MODES
from clay_assets.serve.answers import Format
from clay_assets.serve.asking import Engine
from clay_assets.serve.geometry import Area, Bbox, Circle, LonLat, Ring

CHIP_ID = "claytile_32TPT_20240808_v02_0012"
_DAY: JsonDict = {"format": "date"}


class SearchFields(BaseModel):
    """What every search may say."""

    model_config = ConfigDict(extra="forbid")

    product: str | None = Field(
        None, description="Embedding product; default the first one.", examples=["clay"]
    )
    engine: Engine = Field("duckdb", description="Which index answers.")
    k: int = Field(
        12,
        description="Most hits; with offset at most 25,000.",
        examples=[24],
        json_schema_extra={"minimum": 1, "maximum": MAX_K},
    )
    offset: int = Field(
        0,
        description="Hits to pass over: `next_offset` of the answer before.",
        examples=[24],
        json_schema_extra={"minimum": 0, "maximum": MAX_K - 1},
    )
    mode: str = Field(
        "max",
        description="How several examples make one score.",
        json_schema_extra={"enum": list(MODES)},
    )
    chip_id: str | None = Field(
        None,
        description="Rows like this chip; in a product of level patch `chip_id/row/col`.",
        examples=[CHIP_ID],
    )
    lonlat: LonLat | None = Field(
        None,
        description="Rows like the one here: lon,lat in degrees.",
        examples=[[11.2, 47.4]],
    )
    positives: list[str] = Field(
        [],
        description="More rows that hits should look like, ids.",
        examples=[[CHIP_ID]],
        json_schema_extra={"maxItems": MAX_EXAMPLES},
    )
    negatives: list[str] = Field(
        [],
        description="Rows that hits should not look like, ids.",
        examples=[[CHIP_ID]],
        json_schema_extra={"maxItems": MAX_EXAMPLES},
    )
    excluded: list[str] = Field(
        [],
        description="Rows that are never hits, ids.",
        examples=[[CHIP_ID]],
        json_schema_extra={"maxItems": MAX_EXCLUDED},
    )
    bbox: Bbox | None = Field(
        None,
        description="Only here: west,south,east,north in degrees; west > east crosses 180.",
        examples=[[10.9, 47.2, 11.6, 47.7]],
    )
    circle: Circle | None = Field(
        None,
        description="Only within a circle: lon,lat,radius in metres.",
        examples=[[11.2, 47.4, 10_000]],
    )
    since: str | None = Field(
        None,
        description="Not before this day, YYYY-MM-DD.",
        examples=["2024-06-01"],
        json_schema_extra=_DAY,
    )
    until: str | None = Field(
        None,
        description="Not after this day, YYYY-MM-DD.",
        examples=["2024-08-31"],
        json_schema_extra=_DAY,
    )
    mgrs: str | None = Field(None, description="Only in this tile.", examples=["32TPT"])
    max_cloud_share: float | None = Field(
        None,
        description="Most cloud, 0 to 1.",
        examples=[0.1],
        json_schema_extra={"minimum": 0, "maximum": 1},
    )
    min_score: float | None = Field(None, description="Least score.", examples=[0.8])
    include_query: bool = Field(False, description="Whether the examples may be hits.")
    one_per_place: bool = Field(
        False,
        description="Only the best date of each place, and none of the places of the examples.",
    )
    exact: bool = Field(False, description="Score every row, however many there are.")

    def query(self, product: str, **more: Any) -> Query:  # noqa: ANN401
        """The query in `product`; `more` sets fields that this request cannot say.

        Raises:
            SearchError: a value is outside what is allowed.
            TileError: `mgrs` is no tile.
        """
        said: dict[str, Any] = {
            "k": self.k,
            "offset": self.offset,
            "mode": self.mode,
            "chip_id": self.chip_id,
            "lonlat": self.lonlat,
            "positives": tuple(self.positives),
            "negatives": tuple(self.negatives),
            "excluded": tuple(self.excluded),
            "bbox_wgs84": self.bbox,
            "area": self.area_wgs84(),
            "circle": self.circle,
            "dates": (self.since, self.until) if self.since or self.until else None,
            "mgrs": self.mgrs,
            "max_cloud_share": self.max_cloud_share,
            "min_score": self.min_score,
            "include_query": self.include_query,
        }
        return Query(product, **said | more)

    def area_wgs84(self) -> dict[str, Any] | None:
        """The polygon as GeoJSON; None for everywhere."""
        return None


class SearchRequest(SearchFields):
    """A search as parameters of an address."""

    area: Ring | None = Field(
        None,
        description="Only in this polygon: lon,lat,lon,lat,... of one ring in degrees.",
        examples=[[10.9, 47.2, 11.6, 47.2, 11.2, 47.7]],
        json_schema_extra={"minItems": 6},
    )

    def area_wgs84(self) -> dict[str, Any] | None:
        """The polygon as GeoJSON; None for everywhere."""
        if self.area is None:
            return None
        if len(self.area) < 6 or len(self.area) % 2:
            raise SearchError(
                "area must be lon,lat of 3 or more corners, so an even number of numbers from 6 "
                f"on, got {len(self.area)}"
            )
        ring = list(zip(self.area[::2], self.area[1::2], strict=True))
        closed = ring if ring[0] == ring[-1] else [*ring, ring[0]]
        return {"type": "Polygon", "coordinates": [closed]}


class ExportRequest(SearchRequest):
    """A search as parameters of an address, and the kind of file that is wanted."""

    format: Format = Field("geojson", description="Kind of file.")


class SearchBody(SearchFields):
    """A search as JSON, which may also bring its own vector."""

    vector: list[float] | None = Field(
        None, description="Rows like this embedding, as long as the product's."
    )
    area: Area | None = Field(None, description="Only in this GeoJSON polygon, degrees.")

    def query(self, product: str, **more: Any) -> Query:  # noqa: ANN401
        """The query in `product`, with its vector.

        Raises:
            SearchError: a value is outside what is allowed.
            TileError: `mgrs` is no tile.
        """
        return super().query(product, **{"vector": self.vector} | more)

    def area_wgs84(self) -> dict[str, Any] | None:
        """The polygon as GeoJSON; None for everywhere."""
        return None if self.area is None else self.area.model_dump()


SearchParameters = Annotated[SearchRequest, QueryParameters()]
ExportParameters = Annotated[ExportRequest, QueryParameters()]
EXAMPLES = {
    "a chip": {"value": {"product": "clay", "chip_id": CHIP_ID, "k": 24}},
    "positives and negatives": {
        "value": {
            "positives": [CHIP_ID, CHIP_ID.replace("0012", "0013")],
            "negatives": [CHIP_ID.replace("0012", "0077")],
            "since": "2024-06-01",
            "max_cloud_share": 0.1,
        }
    },
    "in a polygon": {
        "value": {
            "lonlat": [11.2, 47.4],
            "area": {
                "type": "Polygon",
                "coordinates": [[[10.9, 47.2], [11.6, 47.2], [11.2, 47.7], [10.9, 47.2]]],
            },
        }
    },
}
"""Of bodies, for the documentation."""
