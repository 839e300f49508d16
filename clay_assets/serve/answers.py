"""What a search over HTTP asks for, and the GeoJSON it gets."""

from typing import Annotated, Any

import shapely
from fastapi import Query as QueryParameters
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from shapely.geometry import mapping

from clay_assets.search import Hits, Query
from clay_assets.serve.asking import Engine
from clay_assets.serve.catalogue import ProductChips, known_share, rounded

SCORE_DIGITS = 6


def _numbers(found: Any) -> Any:  # noqa: ANN401
    """A list of numbers from `w,s,e,n`, as a GET request writes it, or from a JSON list."""
    if isinstance(found, list) and len(found) == 1 and isinstance(found[0], str):
        found = found[0]
    return found.split(",") if isinstance(found, str) else found


Bbox = Annotated[tuple[float, float, float, float], BeforeValidator(_numbers)]
Place = Annotated[tuple[float, float], BeforeValidator(_numbers)]


class SearchRequest(BaseModel):
    """One search; the same fields as parameters of GET and as JSON of POST.

    Values are checked by `Query`, so that every way to ask has the same limits and words.
    """

    model_config = ConfigDict(extra="forbid")

    product: str | None = Field(None, description="Embedding product; default the first one.")
    engine: Engine = Field("duckdb", description="Which index answers.")
    k: int = Field(12, description="Most hits.")
    chip_id: str | None = Field(None, description="Chips like this one.")
    lonlat: Place | None = Field(None, description="Chips like the one here: lon,lat in degrees.")
    positives: list[str] = Field([], description="More chips that hits should look like.")
    negatives: list[str] = Field([], description="Chips that hits should not look like.")
    bbox: Bbox | None = Field(None, description="Only here: west,south,east,north in degrees.")
    since: str | None = Field(None, description="Not before this day, YYYY-MM-DD.")
    until: str | None = Field(None, description="Not after this day, YYYY-MM-DD.")
    mgrs: str | None = Field(None, description="Only in this tile.")
    max_cloud_share: float | None = Field(None, description="Most cloud, 0 to 1.")
    min_score: float | None = Field(None, description="Least score, -1 to 1.")
    include_query: bool = Field(False, description="Whether the examples may be hits.")
    one_per_place: bool = Field(
        False,
        description="Only the best date of each place, and none of the places of the examples.",
    )

    def query(self, product: str, k: int, vector: list[float] | None = None) -> Query:
        """The query of `k` hits in `product`.

        Raises:
            SearchError: a value is outside what is allowed.
            TileError: `mgrs` is no tile.
        """
        return Query(
            product=product,
            k=k,
            chip_id=self.chip_id,
            lonlat=self.lonlat,
            vector=vector,
            positives=tuple(self.positives),
            negatives=tuple(self.negatives),
            bbox_wgs84=self.bbox,
            dates=(self.since, self.until) if self.since or self.until else None,
            mgrs=self.mgrs,
            max_cloud_share=self.max_cloud_share,
            min_score=self.min_score,
            include_query=self.include_query,
        )


class SearchBody(SearchRequest):
    """A search as JSON, which may also bring its own vector."""

    vector: list[float] | None = Field(None, description="Chips like this embedding.")


SearchParameters = Annotated[SearchRequest, QueryParameters()]


def answer(
    hits: Hits, request: SearchRequest, chips: ProductChips, seconds: float
) -> dict[str, Any]:
    """Hits as a GeoJSON FeatureCollection, best first; its members say how they were found."""
    return {
        "type": "FeatureCollection",
        "product": chips.product,
        "engine": hits.engine,
        "exact": hits.exact,
        "seconds": round(seconds, 4),
        "request": request.model_dump(exclude_defaults=True, exclude={"vector"}),
        "query_chips": list(hits.query_chips),
        "features": [
            _feature(rank, row, footprint, chips)
            for rank, (row, footprint) in enumerate(
                zip(hits.frame.itertuples(), rounded(hits.frame.geometry), strict=True), start=1
            )
        ],
    }


def _feature(
    rank: int,
    row: Any,  # noqa: ANN401
    footprint: shapely.Geometry,
    chips: ProductChips,
) -> dict[str, Any]:
    listed = chips.chips.get(row.chip_id)  # None: the index is older than the files
    return {
        "type": "Feature",
        "id": rank,
        "geometry": mapping(footprint),
        "properties": {
            "rank": rank,
            "chip_id": row.chip_id,
            "score": round(float(row.score), SCORE_DIGITS),
            "mgrs": row.mgrs,
            "date": str(row.date)[:10],
            "cloud_share": known_share(row.cloud_share),
            "source_url": row.source_url,
            "place": listed.place if listed else None,
            "hash": listed.content_hash if listed else "",
        },
    }
