"""Windows of raster files against other readers, and what becomes of pixels without data."""

from dataclasses import replace

import numpy as np
import odc.stac
import pystac
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from rasterio.warp import Resampling, reproject

from clay_assets.errors import ImageryError
from clay_assets.ingest import raster_files, signing
from clay_assets.ingest.grid import Grid
from clay_assets.ingest.raster_files import BandSource
from clay_assets.ingest.rasters import RasterReader
from clay_assets_tests.ingest.file_server import serving_files
from clay_assets_tests.ingest.making import NORTH, WEST, Place, count_up, write_raster

SIDE = 80
EDGE_SHARE = 1e-3  # of pixels whose middle lies within a hair of a source pixel's edge
STACKS = {
    "stack_38D_378R_2_3": 32736,
    "stack_282D_485L_3_3": 32722,
    "stack_637U_59R_1_3": 32632,
}


def source_of(path, nodata=None, **facts):
    return BandSource(str(path), "", 1, nodata, **facts)


def by_pyproj(pixels, place, grid, nothing):
    """A plain second reader: the pixel under each middle, one formula for all CRS."""
    rows, cols = np.mgrid[0 : grid.height, 0 : grid.width]
    x = grid.west + (cols + 0.5) * grid.pixel_size
    y = grid.north - (rows + 0.5) * grid.pixel_size
    x, y = Transformer.from_crs(grid.epsg, place.epsg, always_xy=True).transform(x, y)
    row, col = np.floor((place.north - y) / place.pixel), np.floor((x - place.west) / place.pixel)
    inside = (row >= 0) & (row < pixels.shape[0]) & (col >= 0) & (col < pixels.shape[1])
    found = np.full(inside.shape, nothing, pixels.dtype)
    found[inside] = pixels[row[inside].astype(int), col[inside].astype(int)]
    return found


@pytest.fixture(scope="module")
def rasters(tmp_path_factory):
    """Rasters of several pixel sizes, by size."""
    folder = tmp_path_factory.mktemp("rasters")
    places = {
        pixel: Place(WEST + 0.25, NORTH - 0.25, pixel, (SIDE, SIDE))
        for pixel in (10.0, 20.0, 60.0, 12.5)
    }
    for pixel, place in places.items():
        write_raster(folder / f"{pixel}.tif", count_up(place.shape), place, nodata=0)
    return {pixel: (folder / f"{pixel}.tif", place) for pixel, place in places.items()}


offsets = st.integers(-3_000, 9_000).map(lambda number: number * 0.1)


@given(
    st.sampled_from([10.0, 20.0, 60.0, 12.5]),
    offsets,
    offsets,
    st.sampled_from([10.0, 7.3]),
    st.integers(1, 70),
    st.integers(1, 70),
)
def test_any_grid_gets_the_pixel_under_each_middle(rasters, pixel, east, south, size, rows, cols):
    path, place = rasters[pixel]
    # Tenths of a metre never make a middle lie on an edge, which may go to either side.
    grid = Grid(32632, WEST + east + 0.01, NORTH - south - 0.01, size, cols, rows)
    expected = by_pyproj(count_up(place.shape), place, grid, 0)
    found = RasterReader([source_of(path, 0)], "uint16").read(grid)
    np.testing.assert_array_equal(found, expected)
    straight = np.empty((rows, cols), "float32")
    RasterReader([source_of(path, 0)], "uint16").read_into(straight, grid)
    np.testing.assert_array_equal(straight, expected)


@pytest.mark.parametrize("name", STACKS)
@pytest.mark.parametrize("pixel", [10.0, 5.0])
def test_real_pixels_off_the_grid_are_those_of_rasterio_and_odc_geo(shared_imagery, name, pixel):
    """Their corners lie at ...301.82 m, so no Sentinel-2 grid agrees with theirs."""
    path = shared_imagery / name / "s2_l2a.tif"
    with rasterio.open(path) as dataset:
        west, north = (10 * round(edge / 10) for edge in (dataset.bounds[0], dataset.bounds[3]))
        grid = Grid(STACKS[name], west - 30, north + 30, pixel, 200, 210)
        assert dataset.crs.to_epsg() == grid.epsg
        assert dataset.bounds[0] % 10 > 0.1
        warped = np.zeros((grid.height, grid.width), "uint16")
        reproject(
            rasterio.band(dataset, 1),
            warped,
            dst_transform=grid.transform,
            dst_crs=dataset.crs,
            resampling=Resampling.nearest,
        )
    found = RasterReader([source_of(path, 0)], "uint16").read(grid)
    np.testing.assert_array_equal(found, warped)
    assert (found[:3] == 0).all()
    assert (found > 0).mean() > 0.2


@pytest.mark.filterwarnings("ignore:::odc")  # of what odc-geo uses
def test_a_real_tile_is_the_one_that_odc_stac_reads(shared_imagery):
    """29RKH, 100 m and 200 m bands, on a grid 37 m off theirs."""
    folder = shared_imagery / "s2_29RKH_20200219"
    grid = Grid(32629, 199_980 + 37, 2_800_020 - 37, 100, 700, 600)
    item = pystac.Item.from_file(str(folder / "item_local.json"))
    box = GeoBox((grid.height, grid.width), grid.transform, f"EPSG:{grid.epsg}")
    names = {"blue": "B02", "rededge1": "B05", "scl": "SCL"}
    cube = odc.stac.load([item], bands=list(names), geobox=box, resampling="nearest")
    for name, band in names.items():
        found = RasterReader([source_of(folder / f"{band}.tif", 0)], "uint16").read(grid)
        np.testing.assert_array_equal(found, cube[name].values[0])


def test_real_elevation_in_degrees_is_that_under_each_middle(shared_imagery):
    (path,) = (shared_imagery / "saotome").glob("Copernicus_DSM*.tif")
    with rasterio.open(path) as dataset:
        place = Place(dataset.bounds[0], dataset.bounds[3], 1 / 3600, dataset.shape, 4326)
        pixels = dataset.read(1)
    grid = Grid(32632, 236_000, 40_000, 10, 500, 400)
    found = RasterReader([source_of(path)], "float32").read(grid)
    expected = by_pyproj(pixels, place, grid, np.nan)
    assert (expected > 0).mean() > 0.5
    assert (found != expected).mean() < EDGE_SHARE


@pytest.mark.parametrize("dtype", ["int16", "float32"])
@pytest.mark.parametrize("epsg", [32632, 32631])
def test_nothing_becomes_nan_whatever_the_file_holds(tmp_path, dtype, epsg):
    """Elevation as whole numbers has no NaN of its own; read straight and warped."""
    pixels = count_up((SIDE, SIDE), dtype=dtype)
    pixels[30:40] = -32768
    path = write_raster(tmp_path / "a.tif", pixels, Place(shape=(SIDE, SIDE)), nodata=-32768)
    to_grid = Transformer.from_crs(32632, epsg, always_xy=True)
    x, y = to_grid.transform(WEST, NORTH)
    grid = Grid(epsg, x, y, 10, 90, 70)
    found = RasterReader([source_of(path, -32768)], "float32").read(grid)
    expected = by_pyproj(pixels.astype("float32"), Place(shape=(SIDE, SIDE)), grid, np.nan)
    expected[expected == -32768] = np.nan
    assert np.isnan(expected).mean() > 0.2
    same = np.isclose(found, expected, equal_nan=True)
    assert (~same).mean() < EDGE_SHARE


def test_a_wedge_without_data_stays_zero_when_an_offset_is_added(tmp_path):
    """A swath's slanted edge; added to what is not there, the offset would make 1000 of it."""
    pixels = np.full((SIDE, SIDE), 64_900, "uint16")
    pixels[:, :40] = 10
    wedge = np.add.outer(np.arange(SIDE), 2 * np.arange(SIDE)) < 60
    pixels[wedge] = 0
    path = write_raster(tmp_path / "a.tif", pixels, Place(shape=(SIDE, SIDE)), nodata=0)
    grid = Grid(32632, WEST, NORTH, 10, SIDE, SIDE)
    for shift, low, high in ((1000, 1010, 65_535), (-1000, 1, 63_900)):
        found = np.empty((SIDE, SIDE), "float32")
        RasterReader([source_of(path, 0, shift_dn=shift)], "uint16").read_into(found, grid)
        assert (found[wedge] == 0).all()
        assert (found[:, :40][~wedge[:, :40]] == low).all()
        assert (found[:, 40:][~wedge[:, 40:]] == high).all()


def test_the_second_file_fills_the_wedge_of_the_first(tmp_path):
    first, second = count_up((SIDE, SIDE)), count_up((SIDE, SIDE), 20_000)
    first[:, 50:] = 0
    second[:, 60:] = 0
    paths = [
        write_raster(tmp_path / name, pixels, Place(shape=(SIDE, SIDE)), nodata=0)
        for name, pixels in (("a.tif", first), ("b.tif", second))
    ]
    sources = [source_of(paths[0], 0), source_of(paths[1], 0, shift_dn=1000)]
    found = RasterReader(sources, "uint16").read(Grid(32632, WEST, NORTH, 10, SIDE, SIDE))
    np.testing.assert_array_equal(found[:, :50], first[:, :50])
    np.testing.assert_array_equal(found[:, 50:60], second[:, 50:60] + 1000)
    assert (found[:, 60:] == 0).all()


def test_radar_in_decibels_becomes_linear_power_and_nothing_stays_nothing(shared_imagery):
    path = shared_imagery / "stack_637U_59R_1_3" / "s1_rtc_db.tif"
    with rasterio.open(path) as dataset:
        decibels, bounds = dataset.read(1), dataset.bounds
    grid = Grid(32632, bounds[0] - 50, bounds[3], 10, 100, 100)
    found = RasterReader([source_of(path, decibels=True)], "float32").read(grid)
    np.testing.assert_allclose(found[:, 5:], 10 ** (decibels[:100, :95] / 10), rtol=1e-5)
    assert np.isnan(found[:, :5]).all()


def test_elevation_is_joined_across_the_antimeridian(tmp_path):
    """Taveuni in Fiji, zone 1: one file ends at 180 degrees east, the other begins west of it."""
    places = [
        Place(179.9, -16.7, 1 / 3600, (720, 360), 4326),
        Place(-180.0, -16.7, 1 / 3600, (720, 360), 4326),
    ]
    pixels = [count_up((720, 360), first, "float32") for first in (1, 1_000_001)]
    sources = [
        source_of(write_raster(tmp_path / f"{index}.tif", pixels[index], place))
        for index, place in enumerate(places)
    ]
    x, y = Transformer.from_crs(4326, 32701, always_xy=True).transform(180.0, -16.75)
    grid = Grid(32701, round(x, -1) - 2000, round(y, -1), 10, 400, 400)
    found = RasterReader(sources, "float32").read(grid)
    east, west = (
        by_pyproj(of, place, grid, np.nan) for of, place in zip(pixels, places, strict=True)
    )
    expected = np.where(np.isnan(east), west, east)
    assert 0.3 < np.isnan(east).mean() < 0.7
    assert not np.isnan(expected).any()
    assert (found != expected).mean() < EDGE_SHARE


@pytest.mark.parametrize(
    ("lon", "lat", "grid_epsg", "scene_epsg"),
    [
        ("4.0", "60.5", 32632, 32631),  # south-west Norway: zone 32 is widened
        ("9.5", "78.0", 32633, 32632),  # Svalbard: zones 32 and 34 are left out
        ("21.0", "78.0", 32635, 32634),
        ("180.0", "-16.8", 32701, 32760),  # across the antimeridian
    ],
)
def test_a_scene_of_the_neighbouring_zone_is_warped_pixel_by_pixel(
    tmp_path, lon, lat, grid_epsg, scene_epsg
):
    """Sentinel-1 of one zone over a tile of another, where zones are not six degrees wide."""
    scene_x, scene_y = Transformer.from_crs(4326, scene_epsg, always_xy=True).transform(
        float(lon), float(lat)
    )
    x, y = Transformer.from_crs(4326, grid_epsg, always_xy=True).transform(float(lon), float(lat))
    place = Place(round(scene_x) - 2000.0, round(scene_y) + 2000.0, 10, (400, 400), scene_epsg)
    pixels = count_up(place.shape, dtype="float32")
    path = write_raster(tmp_path / "vv.tif", pixels, place)
    grid = Grid(grid_epsg, round(x, -1) - 500, round(y, -1) + 500, 10, 100, 100)
    found = RasterReader([source_of(path)], "float32").read(grid)
    expected = by_pyproj(pixels, place, grid, np.nan)
    assert not np.isnan(expected).any()
    assert (found != expected).mean() < EDGE_SHARE


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A server of a tiled file of noise; nobody waits before asking again."""
    monkeypatch.setenv("GDAL_HTTP_RETRY_DELAY", "0.01")
    monkeypatch.setattr(raster_files, "_PAUSE_S", 0)
    pixels = np.random.default_rng(0).integers(1, 60_000, (256, 256), "uint16")
    with rasterio.open(
        tmp_path / "a.tif",
        "w",
        driver="GTiff",
        dtype="uint16",
        count=1,
        height=256,
        width=256,
        crs="EPSG:32632",
        transform=Place().transform,
        tiled=True,
        blockxsize=64,
        blockysize=64,
        compress="deflate",
    ) as dataset:
        dataset.write(pixels, 1)
    with serving_files(tmp_path) as server:
        yield server, pixels


TOP = Grid(32632, WEST, NORTH, 10, 256, 64)
BOTTOM = TOP.window(192, 0, 64, 256)


def opened(href):
    """A reader that has its file open already."""
    reader = RasterReader([source_of(href, 0)], "uint16")
    reader.read(TOP)
    return reader


@pytest.mark.parametrize("fault", ["cut", "reset"])
def test_an_answer_that_breaks_off_in_the_middle_is_fetched_again(served, fault):
    server, pixels = served
    reader = opened(f"{server.url}/a.tif")
    setattr(server, fault, 1)
    np.testing.assert_array_equal(reader.read(BOTTOM), pixels[192:])


@pytest.mark.parametrize(
    ("fault", "value", "message"),
    [
        ("cut", 100, r"/a\.tif cannot be read as a raster: .* it may be truncated"),
        ("reset", 100, r"/a\.tif cannot be read because of a CURL error: .* run again later"),
        ("refuse", "a.tif", r"/a\.tif cannot be read because the server answered 403; it may not"),
    ],
)
def test_a_file_that_fails_in_the_middle_for_good_is_named(served, fault, value, message):
    server, _ = served
    reader = opened(f"{server.url}/a.tif?sig=secret")
    setattr(server, fault, value)
    with pytest.raises(ImageryError, match=message) as caught:
        reader.read(BOTTOM)
    assert "secret" not in str(caught.value)


def test_a_token_that_expires_while_a_file_is_read_is_replaced(served, monkeypatch):
    """As the Planetary Computer's do after an hour: 403 in the middle of a tile."""
    server, pixels = served
    monkeypatch.setenv("GDAL_HTTP_PROXY", server.url)
    monkeypatch.setenv("PC_SDK_SAS_URL", f"{server.url}/tokens")
    monkeypatch.setattr(signing, "_tokens", {"account/container": ("sig=old", 1e12)})
    (server.folder / "container").mkdir()
    (server.folder / "a.tif").rename(server.folder / "container" / "a.tif")
    tokens = server.folder / "tokens" / "account" / "container"
    tokens.parent.mkdir(parents=True)
    tokens.write_text('{"token": "sig=fresh", "msft:expiry": "2100-01-01T00:00:00Z"}')
    reader = opened("http://account.blob.core.windows.net/container/a.tif")
    server.refuse = "sig=old"
    np.testing.assert_array_equal(reader.read(BOTTOM), pixels[192:])
    assert any("sig=fresh" in line for line in server.asked)


def test_a_file_that_is_gone_is_named_after_the_second_try(served):
    server, _ = served
    reader = opened(f"{server.url}/a.tif")
    (server.folder / "a.tif").unlink()
    with pytest.raises(ImageryError, match=r"/a\.tif cannot be read because the server answered"):
        reader.read(BOTTOM)
    again = RasterReader([replace(source_of("/nowhere/a.tif"), nodata=0)], "uint16")
    with pytest.raises(ImageryError, match=r"/nowhere/a\.tif cannot be read"):
        again.read(TOP)
