"""A circle's H3 hexagons, each with the score of the best row that lies there.

The view of VectorGeo: the query is the place in the circle's middle, and so many of the circle's
hexagons are shown as a share of its area says.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import geopandas
import h3
import shapely

from clay_assets.errors import InvalidValueError
from clay_assets.ingest.antimeridian import cut_at_antimeridian
from clay_assets.search import Hits, Query
from clay_assets.search.query import MAX_K
from clay_assets.search.shapes import parse_circle
from clay_assets.serve.catalogue import ProductChips

RESOLUTIONS = range(16)
SIZE_OF_NOTHING = 7
"""Resolution while a product has no chips; it is VectorGeo's."""
MOST_CELLS = 20_000
"""In one circle; with more, they could not be told apart on a map."""
_HITS_A_CELL = 3  # to begin with; several dates and rows share a cell
_EARTH_KM2 = 510_065_600.0


@dataclass(frozen=True)
class CellSearch:
    """Which hexagons of a circle look like its middle?"""

    lon: float
    """Of the middle, degrees."""
    lat: float
    """Of the middle, degrees."""
    radius_m: float
    """On the ground."""
    resolution: int
    """H3 resolution of the hexagons, 0 to 15."""
    coverage: float = 0.2
    """Share of the circle that hexagons may cover, over 0, to 1."""

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            SearchError: the circle is none on the globe.
            InvalidValueError: coverage or resolution is outside what is allowed, or there would be
                too many hexagons.
        """
        parse_circle((self.lon, self.lat, self.radius_m))
        if not 0 < self.coverage <= 1:
            raise InvalidValueError(f"coverage must be over 0, to 1, got {self.coverage}")
        if self.resolution not in RESOLUTIONS:
            raise InvalidValueError(f"resolution must be 0 to 15, got {self.resolution}")
        within = self.area_km2 / self.cell_area_km2
        if within > MOST_CELLS:
            raise InvalidValueError(
                f"a circle of {self.radius_m:g} m holds about {within:,.0f} hexagons of resolution "
                f"{self.resolution}, at most {MOST_CELLS:,} are searched; choose a smaller circle "
                "or a lower resolution"
            )

    @property
    def area_km2(self) -> float:
        """Of the circle."""
        return min(math.pi * (self.radius_m / 1000) ** 2, _EARTH_KM2)

    @property
    def cell_area_km2(self) -> float:
        """Mean area of a hexagon of that resolution."""
        return float(h3.average_hexagon_area(self.resolution, unit="km^2"))

    @property
    def limit(self) -> int:
        """Most hexagons shown: the circle's area by a hexagon's, times the share, rounded up.

        >>> CellSearch(0, 0, 40_000, resolution=7, coverage=0.2).limit
        195
        """
        return math.ceil(self.area_km2 / self.cell_area_km2 * self.coverage)


@dataclass(frozen=True)
class Cells:
    """The hexagons found, best first."""

    frame: geopandas.GeoDataFrame
    """Columns cell (H3 index), score, and all of the best row's own in `Hits.frame`; geometry is
    the hexagon in OGC:CRS84."""
    hits: Hits
    """The answer that they come from."""


def resolution_of(chips: ProductChips) -> int:
    """Resolution whose hexagons are most nearly as large as the product's chips or patches."""
    if not chips.places:
        return SIZE_OF_NOTHING
    place = chips.places[0].footprint
    lat = math.radians(place.centroid.y)
    rows, columns = chips.grid or (1, 1)
    km2 = place.area * 111.32**2 * math.cos(lat) / (rows * columns)
    return min(
        RESOLUTIONS,
        key=lambda one: abs(math.log(h3.average_hexagon_area(one, unit="km^2") / max(km2, 1e-9))),
    )


def search_cells(search: Callable[[Query], Hits], product: str, wanted: CellSearch) -> Cells:
    """The hexagons whose best row looks most like the circle's middle.

    A row counts for the hexagon its centre lies in, and for those whose centres it covers; so
    hexagons may be larger or smaller than rows.

    Raises:
        NotFoundError: there is no row over the circle's middle.
    """
    query = Query(
        product,
        k=min(_HITS_A_CELL * wanted.limit + 64, MAX_K),
        lonlat=(wanted.lon, wanted.lat),
        circle=(wanted.lon, wanted.lat, wanted.radius_m),
        include_query=True,
    )
    cells = _cells_within(wanted)
    while True:
        hits = search(query)
        found = _best_rows(hits.frame, cells, wanted)
        if len(found) >= wanted.limit or len(hits.frame) < query.k or query.k == MAX_K:
            return Cells(_frame(found, hits), hits)
        query = replace(query, k=min(4 * query.k, MAX_K))


def _cells_within(wanted: CellSearch) -> dict[str, tuple[float, float]]:
    """Hexagons whose centre lies in the circle, with its (lon, lat)."""
    middle = (wanted.lat, wanted.lon)
    apart_m = math.sqrt(wanted.cell_area_km2) * 1000
    # Hexagons are squeezed by up to a third where H3's own faces bend.
    steps = math.ceil(1.5 * wanted.radius_m / apart_m) + 1
    ring = h3.grid_disk(h3.latlng_to_cell(*middle, wanted.resolution), steps)
    centres = {cell: h3.cell_to_latlng(cell) for cell in ring}
    return {
        cell: (lon, lat)
        for cell, (lat, lon) in centres.items()
        if h3.great_circle_distance(middle, (lat, lon), unit="m") <= wanted.radius_m
    }


def _best_rows(
    hits: geopandas.GeoDataFrame, cells: dict[str, tuple[float, float]], wanted: CellSearch
) -> dict[str, int]:
    """Hexagon to the position of its best hit, best first, `wanted.limit` at most."""
    names = list(cells)
    tree = shapely.STRtree(shapely.points(list(cells.values())) if cells else [])
    footprints = hits.geometry.to_numpy()
    rows, covered = tree.query(footprints, predicate="intersects")
    # Not the centroid: that of a footprint in two halves at the antimeridian lies far from both.
    middles = shapely.point_on_surface(footprints)
    pairs = [*zip(rows.tolist(), (names[one] for one in covered.tolist()), strict=True)]
    for row, (lon, lat) in enumerate(shapely.get_coordinates(middles).tolist()):
        pairs.append((row, h3.latlng_to_cell(lat, lon, wanted.resolution)))
    best: dict[str, int] = {}
    for row, cell in sorted(pairs):
        if cell in cells and len(best) < wanted.limit:
            best.setdefault(cell, row)
    return best


def _frame(found: dict[str, int], hits: Hits) -> geopandas.GeoDataFrame:
    rows = hits.frame.iloc[list(found.values())].reset_index(drop=True)
    hexagons = [_hexagon(cell) for cell in found]
    return rows.assign(cell=list(found)).set_geometry(
        geopandas.GeoSeries(hexagons, crs=hits.frame.crs)
    )


def _hexagon(cell: str) -> shapely.Geometry:
    ring = [(lon, lat) for lat, lon in h3.cell_to_boundary(cell)]
    return cut_at_antimeridian(shapely.Polygon(ring))
