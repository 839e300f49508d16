import math

import geopandas
import h3
import numpy as np
import pytest
import shapely
from pyproj import Geod

from clay_assets.errors import InvalidValueError, SearchError
from clay_assets.search import Hits, Query
from clay_assets.serve.catalogue import Place, ProductChips
from clay_assets.serve.cells import CellSearch, resolution_of, search_cells

LON, LAT = 11.2, 47.4
SIDE = 0.05  # degrees


def made_rows(count: int, *, seed: int = 0) -> geopandas.GeoDataFrame:
    """Squares side by side around a place, two dates each, best first."""
    rng = np.random.default_rng(seed)
    offsets = range(-count // 2, count // 2)
    squares = [
        shapely.box(LON + SIDE * x, LAT + SIDE * y, LON + SIDE * (x + 1), LAT + SIDE * (y + 1))
        for x in offsets
        for y in offsets
        for _ in range(2)
    ]
    scores = np.sort(rng.uniform(0, 1, len(squares)))[::-1]
    rng.shuffle(squares)
    ids = [f"chip_{number}" for number in range(len(squares))]
    columns = {"id": ids, "chip_id": ids, "score": scores}
    return geopandas.GeoDataFrame(columns, geometry=squares, crs="OGC:CRS84")


def answering(rows: geopandas.GeoDataFrame):
    """A search that answers with the first of some rows, and keeps what it was asked."""
    asked: list[Query] = []

    def search(query: Query) -> Hits:
        asked.append(query)
        return Hits(rows.iloc[: query.k], "duckdb", "exact", (), 1.0)

    return search, asked


# VectorGeo's own setting: 40 km, resolution 7 of 5.161 km² a cell, 20 %.
def test_the_limit_is_the_share_of_the_circle_by_a_mean_hexagon():
    wanted = CellSearch(LON, LAT, 40_000, 7, 0.2)
    assert wanted.limit == math.ceil(math.pi * 40**2 / 5.161293 * 0.2) == 195
    assert CellSearch(LON, LAT, 40_000, 7, 1).limit == 974
    assert CellSearch(LON, LAT, 100, 7, 0.1).limit == 1  # rounded up


def test_a_hexagon_has_the_score_of_its_best_row():
    rows = made_rows(8)
    search, _ = answering(rows)
    wanted = CellSearch(LON, LAT, 12_000, 7, 1)
    found = search_cells(search, "clay", wanted).frame
    assert len(found) > 50
    for cell, score in zip(found["cell"], found["score"], strict=True):
        lat, lon = h3.cell_to_latlng(cell)
        middles = rows.geometry.representative_point()
        inside = [h3.latlng_to_cell(point.y, point.x, 7) == cell for point in middles]
        counts = rows.geometry.intersects(shapely.Point(lon, lat)) | np.array(inside)
        assert score == rows.loc[counts, "score"].max()


def test_only_hexagons_whose_centre_lies_in_the_circle_are_found():
    search, _ = answering(made_rows(8))
    found = search_cells(search, "clay", CellSearch(LON, LAT, 9_000, 7, 1)).frame
    geod = Geod(ellps="WGS84")
    for cell, hexagon in zip(found["cell"], found.geometry, strict=True):
        lat, lon = h3.cell_to_latlng(cell)
        assert geod.inv(LON, LAT, lon, lat)[2] <= 9_000 * 1.005  # H3 measures on a sphere
        assert hexagon.contains(shapely.Point(lon, lat))
    assert len(found) == pytest.approx(math.pi * 9**2 / 5.161, rel=0.15)


def test_coverage_keeps_the_best():
    search, _ = answering(made_rows(8))
    whole = search_cells(search, "clay", CellSearch(LON, LAT, 12_000, 7, 1)).frame
    part = search_cells(search, "clay", CellSearch(LON, LAT, 12_000, 7, 0.2)).frame
    assert len(part) == CellSearch(LON, LAT, 12_000, 7, 0.2).limit
    assert list(part["cell"]) == list(whole["cell"][: len(part)])


def test_more_rows_are_asked_for_until_there_are_enough_hexagons():
    # Many dates of one place fill no second hexagon.
    here = made_rows(8)
    many = geopandas.pd.concat([here.iloc[[0] * 3000], here]).assign(score=0.5)
    search, asked = answering(many)
    found = search_cells(search, "clay", CellSearch(LON, LAT, 12_000, 7, 1)).frame
    assert len(found) > 50
    assert [query.k for query in asked] == [
        328,
        1312,
        5248,
    ]  # 3 * 88 hexagons + 64, then 4 times as many
    assert all(query.include_query for query in asked)
    assert asked[0].circle == (LON, LAT, 12_000)


def test_hexagons_across_the_antimeridian_are_cut_there():
    square = shapely.MultiPolygon(
        [shapely.box(179.9, 0, 180, 0.2), shapely.box(-180, 0, -179.9, 0.2)]
    )
    columns = {"id": ["a"], "chip_id": ["a"], "score": [1.0]}
    rows = geopandas.GeoDataFrame(columns, geometry=[square], crs="OGC:CRS84")
    search, _ = answering(rows)
    found = search_cells(search, "clay", CellSearch(180, 0.1, 20_000, 6, 1)).frame
    assert len(found) > 2
    assert {hexagon.geom_type for hexagon in found.geometry} == {"Polygon", "MultiPolygon"}
    assert max(hexagon.area for hexagon in found.geometry) < 0.01  # degrees


@pytest.mark.parametrize(
    ("km", "grid", "resolution"),
    [(5.12, None, 6), (5.12, (16, 16), 9), (3.2, None, 7)],  # 26, 0.1 and 10 km²
)
def test_hexagons_are_by_default_about_as_large_as_rows(km, grid, resolution):
    height = km / 111.32
    width = height / math.cos(math.radians(LAT))
    footprint = shapely.box(LON, LAT, LON + width, LAT + height)
    chips = ProductChips("clay", "1", {}, (Place(0, footprint, ()),), {}, grid)
    assert resolution_of(chips) == resolution


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"coverage": 0}, InvalidValueError, "coverage must be over 0, to 1, got 0"),
        ({"coverage": 1.1}, InvalidValueError, "coverage must be over 0, to 1, got 1.1"),
        ({"resolution": 16}, InvalidValueError, "resolution must be 0 to 15, got 16"),
        ({"resolution": 10}, InvalidValueError, "10000 m holds about 20,878 hexagons of resol"),
        ({"radius_m": 0}, SearchError, "radius above 0"),
        ({"lat": 91}, SearchError, "latitude -90 to 90"),
    ],
)
def test_what_cannot_be_searched_is_named(changes, error, words):
    fields = {"lon": LON, "lat": LAT, "radius_m": 10_000, "resolution": 7, "coverage": 0.2}
    with pytest.raises(error, match=words):
        CellSearch(**fields | changes)


def test_cells_are_served_as_geojson_with_their_rule(client):
    [product, *_] = client.get("/api/products").json()["products"]
    west, south, east, north = product["bbox"]
    place = {"lon": (west + east) / 2, "lat": (south + north) / 2, "radius_m": 2500}
    answer = client.get("/api/cells", params={**place, "coverage": 1}).json()
    assert answer["limit"] == math.ceil(answer["area_km2"] / answer["cell_area_km2"])
    assert 0 < len(answer["features"]) <= answer["limit"]
    scores = [feature["properties"]["score"] for feature in answer["features"]]
    assert scores == sorted(scores, reverse=True)
    shades = [feature["properties"]["shade"] for feature in answer["features"]]
    assert (shades[0], shades[-1]) == (1, 0)
    fewer = client.get("/api/cells", params={**place, "coverage": 0.1}).json()
    assert len(fewer["features"]) < len(answer["features"])
    far = client.get("/api/cells", params={**place, "lon": 100, "lat": 10})
    assert far.status_code == 404
    assert "covers lon 100" in far.json()["error"]
