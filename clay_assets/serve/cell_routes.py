"""The address `/api/cells`."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Query
from shapely.geometry import mapping

from clay_assets.search import Hits
from clay_assets.search import Query as SearchQuery
from clay_assets.serve.answers import SCORE_DIGITS
from clay_assets.serve.asking import Engine
from clay_assets.serve.catalogue import ProductChips, known_share, rounded
from clay_assets.serve.cells import Cells, CellSearch, resolution_of, search_cells
from clay_assets.serve.service import Service

Longitude = Annotated[float, Query(description="Of the circle's middle.", examples=[11.2])]
Latitude = Annotated[float, Query(description="Of the circle's middle.", examples=[47.4])]
Radius = Annotated[float, Query(description="Of the circle, in metres.", examples=[10_000])]
Coverage = Annotated[
    float, Query(description="Share of the circle that hexagons may cover, over 0, to 1.")
]
Resolution = Annotated[
    int | None,
    Query(description="H3 resolution; by default hexagons are about as large as chips."),
]
Product = Annotated[str | None, Query(description="Embedding product; default the first one.")]


def add_cell_routes(routes: APIRouter, service: Service) -> None:
    """Add the search in a circle, answered in H3 hexagons."""

    @routes.get("/api/cells")
    def cells(
        lon: Longitude,
        lat: Latitude,
        radius_m: Radius,
        coverage: Coverage = 0.2,
        resolution: Resolution = None,
        product: Product = None,
        engine: Engine = "duckdb",
    ) -> dict[str, Any]:
        """The H3 hexagons of a circle that look most like its middle, best first, as GeoJSON.

        As many as the circle's area by a hexagon's mean area, times `coverage`, rounded up.
        """
        started = time.perf_counter()
        chips = service.chips(product)
        size = resolution_of(chips) if resolution is None else resolution
        wanted = CellSearch(lon, lat, radius_m, size, coverage)

        def search(query: SearchQuery) -> Hits:
            return service.indexes.of(engine).search(query)

        found = search_cells(search, chips.product, wanted)
        return _answer(found, wanted, chips, time.perf_counter() - started)


def _answer(
    found: Cells, wanted: CellSearch, chips: ProductChips, seconds: float
) -> dict[str, Any]:
    hits = found.hits
    scores = found.frame["score"]
    least, span = scores.min(), scores.max() - scores.min()
    rows = zip(found.frame.itertuples(), rounded(found.frame.geometry), strict=True)
    return {
        "type": "FeatureCollection",
        "product": chips.product,
        "engine": hits.engine,
        "how": hits.how,
        "expected_recall": hits.expected_recall,
        "seconds": round(seconds, 4),
        "circle": {"lon": wanted.lon, "lat": wanted.lat, "radius_m": wanted.radius_m},
        "area_km2": round(wanted.area_km2, 3),
        "resolution": wanted.resolution,
        "cell_area_km2": round(wanted.cell_area_km2, 6),
        "coverage": wanted.coverage,
        "limit": wanted.limit,
        "query_chips": list(hits.query_chips),
        "features": [
            {
                "type": "Feature",
                "id": number,
                "geometry": mapping(hexagon),
                "properties": {
                    "shade": round((row.score - least) / span, 4) if span else 1.0,
                    **_properties(row, chips),
                },
            }
            for number, (row, hexagon) in enumerate(rows)
        ],
    }


def _properties(row: Any, chips: ProductChips) -> dict[str, Any]:  # noqa: ANN401
    listed = chips.chips.get(row.chip_id)  # None: the index is older than the files
    return {
        "cell": row.cell,
        "score": round(float(row.score), SCORE_DIGITS),
        "id": row.id,
        "chip_id": row.chip_id,
        "date": str(row.date)[:10],
        "mgrs": row.mgrs,
        "cloud_share": known_share(row.cloud_share),
        "place": listed.place if listed else None,
        "hash": listed.content_hash if listed else "",
    }
