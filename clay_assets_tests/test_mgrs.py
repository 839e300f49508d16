import pandas as pd
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pyproj import Transformer

from clay_assets.errors import TileError
from clay_assets.mgrs import TILE_SIDE_M, TileBox, parse_tile, tile_box, tile_centre_wgs84, tile_of

KNOWN_BOXES = [  # ESA's Sentinel-2 tiling grid: tile, EPSG, west, south in metres
    ("Western Sahara", "29RKH", 32629, 199980, 2690220),
    ("south-west Norway, zone 32 widened", "32VKM", 32632, 199980, 6590220),
    ("south across the equator", "30NZF", 32630, 799980, -9780),
    ("Antarctica, first zone", "01CCV", 32701, 300000, 1890220),
    ("Antarctica, last zone", "60CWS", 32760, 499980, 1090240),
    ("Svalbard, zone 33 widened", "33XWG", 32633, 499980, 8590200),
    ("Svalbard, zone 31 widened", "31XDG", 32631, 399960, 8590200),
    ("Tasman Sea", "55HFA", 32755, 600000, 5990200),
    ("beyond the zone's eastern edge", "56HKH", 32756, 199980, 6190240),
    ("Cape Horn", "19FDV", 32719, 399960, 3890200),
    ("Fiji, at the antimeridian", "01KAB", 32701, 99960, 8090200),
]

KNOWN_PLACES = [  # GEOTRANS, by way of mgrs 1.6.0
    ("Bergen, zone 32 widened", 5.320675, 60.38952, "32VKN"),
    ("where zone 32 begins", 3.0, 60.0, "32VJM"),
    ("just west of it", 2.9999, 60.0, "31VDG"),
    ("where zone 33 begins on Svalbard", 9.0, 75.0, "33XUD"),
    ("Trondheim's side of zone 32", 11.9, 63.4, "32VPR"),
    ("Longyearbyen, zone 33 widened", 15.6267, 78.2232, "33XWG"),
    ("Quito, just south of the equator", -78.4678, -0.1807, "17MQV"),
    ("where equator and meridian meet", 0.0, 0.0, "31NAA"),
    ("Greenwich", 0.0, 51.4779, "31UBT"),
    ("Washington Monument", -77.03524, 38.889468, "18SUJ"),
    ("Taveuni, east of the antimeridian", -179.95, -16.85, "01KAB"),
    ("Cape Horn", -67.27, -55.98, "19FFT"),
    ("Antarctic edge", -67.0, -79.9, "19CEM"),
    ("Arctic edge", 25.0, 83.9, "35XMP"),
]


@pytest.mark.parametrize(("place", "tile", "epsg", "west", "south"), KNOWN_BOXES)
def test_boxes_are_those_of_esas_grid(place, tile, epsg, west, south):
    assert tile_box(tile) == TileBox(epsg, west, south, west + TILE_SIDE_M, south + TILE_SIDE_M)


def test_all_boxes_are_those_of_esas_grid(shared_imagery):
    grid = pd.read_parquet(shared_imagery / "grid" / "s2_tiles_full_utm.parquet")
    for tile, epsg, west, south in grid.itertuples(index=False):
        box = tile_box(tile)
        assert (box.epsg, box.west, box.south) == (epsg, west, south), tile
    assert len(grid) == 56_686


@pytest.mark.parametrize(("place", "lon", "lat", "tile"), KNOWN_PLACES)
def test_a_place_lies_in_its_tile(place, lon, lat, tile):
    assert tile_of(lon, lat) == tile


@given(st.floats(-180, 180), st.floats(-80, 84))
@example(180.0, 10.0)
@example(-180.0, -79.9)
@example(2.99999, 60.0)
@example(3.0, 60.0)
@example(8.99999, 72.0)
@example(42.0, 84.0)
def test_the_box_of_a_places_tile_holds_the_place(lon, lat):
    assume(abs(lat) > 1e-9)
    tile = tile_of(lon, lat)
    box = tile_box(tile)
    x, y = Transformer.from_crs(4326, box.epsg, always_xy=True).transform(lon, lat)
    assert box.west - 1 <= x <= box.east + 1, tile  # m
    assert box.south - 1 <= y <= box.north + 1, tile


def test_the_centre_is_where_the_box_is():
    lon, lat = tile_centre_wgs84("32VKM")
    assert (lon, lat) == pytest.approx((4.620364, 59.870699), abs=1e-6)  # degrees, PROJ 9.5
    assert tile_of(lon, lat) == "32VKM"


@pytest.mark.parametrize(
    ("text", "tile"),
    [("32VKM", "32VKM"), (" t32vkm ", "32VKM"), ("MGRS-1CCV", "01CCV"), ("1ccv", "01CCV")],
)
def test_ids_are_read_as_catalogues_write_them(text, tile):
    assert parse_tile(text) == tile


@pytest.mark.parametrize(
    "text",
    [
        "",
        "32V",
        "00VKM",
        "61VKM",
        "32IKM",  # no band I
        "32VIM",  # no column I
        "32VKW",  # no row W
        "32VAM",  # no column A in zone 32
        "32VKM1",
        "claytile",
    ],
)
def test_tiles_that_do_not_exist_are_refused(text):
    with pytest.raises(TileError, match=f"{text!r} is not an MGRS tile; expected zone, latitude"):
        tile_box(text)


@pytest.mark.parametrize(("lon", "lat"), [(0, 84.1), (0, -80.1), (180.1, 0), (-181, 0)])
def test_places_outside_of_the_grid_are_refused(lon, lat):
    with pytest.raises(TileError, match=rf"lon {lon}, lat {lat} is outside MGRS tiles"):
        tile_of(lon, lat)
