import time

import geopandas
import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from clay_assets.errors import InvalidValueError
from clay_assets.ingest.area_tiles import MAX_TILES, tiles_of_area
from clay_assets.mgrs import tile_box, tile_of

EDGE_M = 30.0  # outlines of two makers differ by as much

KNOWN_PLACES = [  # ESA's grid: the tile whose 109.8 km box holds the place
    ("Bergen, zone 32 widened", 5.320675, 60.38952, "32VKN"),
    ("where MGRS says 32VJM, which ESA left to zone 31", 3.0, 60.0, "31VEG"),
    ("Longyearbyen, zone 33 widened", 15.6267, 78.2232, "33XWG"),
    ("Western Sahara", -11.5, 24.8, "29RKH"),
    ("where MGRS says 31NAA, a sliver", 0.0, 0.0, "30NZF"),
    ("Taveuni, east of the antimeridian", -179.95, -16.85, "01KAB"),
    ("Taveuni's west, zone 60", 179.0, -16.85, "60KYG"),
    ("the antimeridian itself, from the west", 180.0, -16.85, "01KAB"),
    ("Arctic edge", 25.0, 83.9, "35XMP"),
    ("Antarctic edge", -67.0, -79.9, "19CEM"),
    ("south of MGRS, where ESA goes on", -177.0, -83.2, "01CEH"),
]


@pytest.mark.parametrize(("place", "lon", "lat", "tile"), KNOWN_PLACES)
def test_a_point_is_covered_by_one_tile(place, lon, lat, tile):
    assert tiles_of_area(shapely.Point(lon, lat)) == [tile]
    assert tile in tiles_of_area(shapely.Point(lon, lat), every=True)


@given(st.floats(-180, 180), st.floats(-82.8, 84))
@example(180.0, 10.0)
@example(-180.0, -79.9)
@example(2.99999, 60.0)
@example(3.0, 60.0)
@example(9.0, 72.0)
@example(15.0, 0.0)
@example(34.0, 71.95)
@example(5.9999999995, -1e-200)
def test_each_place_lies_in_the_box_of_its_tile(lon, lat):
    (tile,) = tiles_of_area(shapely.Point(lon, lat))
    box = tile_box(tile)
    x, y = Transformer.from_crs("OGC:CRS84", box.epsg, always_xy=True).transform(lon, lat)
    assert box.west - 1 <= x <= box.east + 1, tile  # m
    assert box.south - 1 <= y <= box.north + 1, tile


@settings(max_examples=25)
@given(
    st.floats(-180, 180),
    st.floats(-80, 82),
    st.floats(0.001, 12),
    st.floats(0.001, 4),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=9),
)
@example(177.0, -19.0, 5.0, 3.0, [(0.99, 0.5)])
@example(2.0, 62.0, 8.0, 3.0, [(0.1, 0.1), (0.9, 0.9)])
def test_the_tiles_of_a_box_cover_it(west, south, width, height, places):
    area = shapely.box(west, south, west + width, min(south + height, 84))
    covering = tiles_of_area(area)
    assert set(covering) <= set(tiles_of_area(area, every=True))
    boxes = [tile_box(tile) for tile in covering]
    for across, up in places:
        lon, lat = west + across * width, south + up * (area.bounds[3] - south)
        assert any(holds(box, lon, lat) for box in boxes), (lon, lat)


def holds(box, lon, lat):
    x, y = Transformer.from_crs("OGC:CRS84", box.epsg, always_xy=True).transform(lon, lat)
    return box.west - 3 <= x <= box.east + 3 and box.south - 3 <= y <= box.north + 3


@pytest.mark.parametrize(
    "bounds",
    [
        (-10, 35, 4, 44),  # Iberia
        (4, 57, 32, 71.5),  # Norway
        (9, 74, 36, 81),  # Svalbard
        (-76, -56, -63, -50),  # Cape Horn
        (8, -3, 14, 3),  # across the equator
        (-180, -78, -160, -70),  # Ross Ice Shelf
    ],
)
def test_every_tile_that_touches_is_as_in_esas_grid(bounds, shared_imagery):
    land = geopandas.read_parquet(shared_imagery / "grid" / "sentinel-2-grid_LAND.parquet")
    land = land.set_index("tile").geometry
    land = land[land.bounds.maxx - land.bounds.minx < 180]  # those across the antimeridian
    area = shapely.box(*bounds)
    ours = set(tiles_of_area(area, every=True)) & set(land.index)
    slack_deg = EDGE_M / 111_320
    assert set(land.index[land.intersects(area.buffer(-slack_deg * 8))]) <= ours
    assert ours <= set(land.index[land.intersects(area.buffer(slack_deg * 8))])


def test_the_middle_of_each_land_tile_is_covered_by_that_tile(shared_imagery):
    land = geopandas.read_parquet(shared_imagery / "grid" / "sentinel-2-grid_LAND.parquet")
    found = set()
    for centre in land.center.iloc[::40]:
        found |= set(tiles_of_area(centre, every=True))
    assert set(land.tile.iloc[::40]) <= found


def test_an_outline_of_a_whole_continent_is_covered(shared_imagery):
    land = geopandas.read_parquet(shared_imagery / "grid" / "sentinel-2-grid_LAND.parquet")
    africa = land[land.intersects(shapely.box(-17, -35, 52, 37))]
    africa = africa[africa.bounds.maxx - africa.bounds.minx < 180]
    area = africa.union_all()
    every = set(tiles_of_area(area, every=True))
    assert set(africa.tile) <= every
    covering = set(tiles_of_area(area))
    assert covering <= every
    shared = africa[africa.tile.isin(covering)]
    assert len(shared) / len(africa) > 0.99  # the others lie within their neighbours


def test_an_area_that_is_a_square_takes_one_tile():
    to_wgs84 = Transformer.from_crs(32632, "OGC:CRS84", always_xy=True).transform
    square = shapely.segmentize(shapely.box(500_000, 5_300_000, 600_000, 5_400_000), 1_000)
    area = shapely.transform(square, to_wgs84, interleaved=False)
    assert tiles_of_area(area) == ["32UNU"]
    assert len(tiles_of_area(area, every=True)) == 9


def test_an_area_along_a_zones_edge_takes_no_tiles_beyond():
    tiles = tiles_of_area(shapely.box(12, 38, 18, 39))
    assert {tile[:2] for tile in tiles} == {"33"}


def test_an_area_across_the_antimeridian_is_whole():
    area = shapely.MultiPolygon(
        [shapely.box(179, -18, 180, -17), shapely.box(-180, -18, -179, -17)]
    )
    tiles = tiles_of_area(area)
    assert tiles == tiles_of_area(shapely.box(179, -18, 181, -17))
    assert {tile[:2] for tile in tiles} == {"01", "60"}


def test_lines_points_and_polygons_go_together():
    line = shapely.LineString([(5.3, 60.4), (10.7, 59.9)])  # Bergen to Oslo
    steps = (line.interpolate(step, normalized=True) for step in np.linspace(0, 1, 2000))
    assert tiles_of_area(line) == sorted({tile_of(place.x, place.y) for place in steps})
    both = shapely.GeometryCollection([line, shapely.Point(-11.5, 24.8)])
    assert set(tiles_of_area(both)) == {"29RKH", *tiles_of_area(line)}


def test_an_area_smaller_than_a_pixel_has_a_tile():
    place = shapely.Point(10, 50.123456)
    assert len(tiles_of_area(place.buffer(1e-9))) == 1


@pytest.mark.parametrize("every", [False, True])
def test_a_continent_takes_seconds(every):
    started = time.monotonic()
    tiles = tiles_of_area(shapely.Point(20, 5).buffer(33, quad_segs=25_000), every=every)
    assert 3_000 < len(tiles) < 5_000
    assert time.monotonic() - started < 10  # s; about 1 on a free core


class TestRefusals:
    """Each says what was found and what to do."""

    def test_nothing(self):
        with pytest.raises(InvalidValueError, match="the area is empty; give points, lines"):
            tiles_of_area(shapely.Polygon())

    def test_an_outline_that_crosses_itself(self):
        bow = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
        with pytest.raises(InvalidValueError, match=r"not valid: Self-intersection\[0\.5 0\.5\]"):
            tiles_of_area(bow)

    def test_metres(self):
        with pytest.raises(InvalidValueError, match=r"297264,6\.70045e\+06,.* is not in degrees"):
            tiles_of_area(shapely.Point(297264.4, 6700454.7))

    def test_the_pole(self):
        with pytest.raises(InvalidValueError, match="the area 10,88,20,89 lies outside of the"):
            tiles_of_area(shapely.box(10, 88, 20, 89))

    def test_the_whole_globe(self):
        with pytest.raises(InvalidValueError, match=rf"takes 5\d+ tiles, at most {MAX_TILES} are"):
            tiles_of_area(shapely.box(-180, -80, 180, 84))


def test_land_alone_is_not_too_much():
    assert MAX_TILES > 20_430


def test_numbers_of_numpy_do_not_leak():
    assert all(type(tile) is str for tile in tiles_of_area(shapely.Point(np.float64(5), 50)))
