from io import BytesIO

import numpy as np
import pytest
import shapely
from PIL import Image
from pyproj import Transformer

from clay_assets.chips import Chip, write_chip
from clay_assets.errors import ChipError, InvalidValueError
from clay_assets.serve import map_tiles
from clay_assets.serve.catalogue import ListedChip, Place, ProductChips
from clay_assets.serve.map_tiles import MapTile, chips_of, map_tile_png
from clay_assets.store import Store

RGB = ("B02", "B03", "B04")
SIDE_M = 2560.0
EPSG = 32632
CORNER = (600_000.0, 5_200_000.0)
LAND = (400.0, 900.0, 1400.0)  # blue, green, red
DAYS = ("2024-05-01", "2024-08-01")


def add_place(
    store: Store, number: int, values: dict[str, tuple[float, ...]], *, epsg=EPSG, corner=CORNER
) -> Place:
    """A place of 256 pixels, east of the one before, with a chip of one colour a day."""
    west, south = corner[0] + SIDE_M * number, corner[1]
    bounds = (west, south, west + SIDE_M, south + SIDE_M)
    chips = []
    for cloud_share, (day, colour) in enumerate(values.items()):
        name = f"chip_{epsg}_{number}_{day}"
        pixels = np.repeat(np.asarray(colour, np.float32), 256 * 256).reshape(3, 256, 256)
        write_chip(store, f"{name}.tif", Chip(name, pixels, RGB, day, epsg, bounds, {}))
        listed = ListedChip(name, "32TPT", day, cloud_share / 10, name, f"{name}.tif", number)
        chips.append(listed)
    to_degrees = Transformer.from_crs(epsg, 4326, always_xy=True).transform
    return Place(
        number, shapely.transform(shapely.box(*bounds), to_degrees, interleaved=False), tuple(chips)
    )


def product_of(*places: Place) -> ProductChips:
    chips = {chip.chip_id: chip for place in places for chip in place.chips}
    return ProductChips("clay", "1", chips, places, {"32TPT": tuple(chips.values())})


def tile_over(place: Place, z: int) -> MapTile:
    middle = place.footprint.centroid
    tile = map_tiles.WEB_MERCATOR.tile(middle.x, middle.y, z)
    return MapTile(tile.z, tile.x, tile.y)


def draw(store: Store, chips: ProductChips, tile: MapTile, date: str = "clearest") -> np.ndarray:
    """(256, 256, 4) red, green, blue, alpha."""
    png = map_tile_png(store, chips, chips_of(chips, tile, date), tile, 256)
    return np.asarray(Image.open(BytesIO(png)).convert("RGBA"))


def pixel_at(picture: np.ndarray, tile: MapTile, lon: float, lat: float) -> np.ndarray:
    x, y = map_tiles.WEB_MERCATOR.xy(lon, lat)
    west, south, east, north = map_tiles.WEB_MERCATOR.xy_bounds(
        map_tiles.Tile(tile.x, tile.y, tile.z)
    )
    col, row = 256 * (x - west) / (east - west), 256 * (north - y) / (north - south)
    return picture[int(row), int(col)]


@pytest.fixture
def two_places(store: Store) -> ProductChips:
    return product_of(
        add_place(store, 0, {DAYS[0]: LAND, DAYS[1]: (1400.0, 900.0, 400.0)}),
        add_place(store, 1, {DAYS[0]: LAND}),
    )


@pytest.mark.parametrize("z", [9, 12, 14])  # from a small copy, and whole
def test_a_chip_is_drawn_where_its_footprint_lies_and_nowhere_else(store, two_places, z):
    place = two_places.places[0]
    tile = tile_over(place, z)
    picture = draw(store, two_places, tile)
    red, green, blue, alpha = pixel_at(
        picture, tile, place.footprint.centroid.x, place.footprint.centroid.y
    )
    assert red > green > blue
    assert alpha == 255
    west, south, east, north = tile.bounds_wgs84
    ground = shapely.union_all([one.footprint for one in two_places.places])
    share = shapely.box(west, south, east, north).intersection(ground).area / (
        (east - west) * (north - south)
    )
    assert (picture[..., 3] > 0).mean() == pytest.approx(share, abs=0.02 if z > 9 else 0.002)


def test_no_seam_shows_between_two_chips(store, two_places):
    west, east = (place.footprint for place in two_places.places)
    border = west.intersection(east.buffer(1e-9)).centroid
    tile = tile_over(two_places.places[0], 13)
    tile = MapTile(13, *map_tiles.WEB_MERCATOR.tile(border.x, border.y, 13)[:2])
    picture = draw(store, two_places, tile)
    inside = pixel_at(picture, tile, border.x, border.y)
    assert inside[3] == 255
    assert np.ptp(picture[picture[..., 3] == 255].astype(int), axis=0).max() <= 1


def test_a_day_shows_the_places_that_have_it(store, two_places):
    tile = tile_over(two_places.places[0], 11)
    assert len(chips_of(two_places, tile, "clearest")) == 2
    [chip] = chips_of(two_places, tile, DAYS[1])
    assert chip.date == DAYS[1]
    middle = two_places.places[0].footprint.centroid
    red, _, blue, _ = pixel_at(draw(store, two_places, tile, DAYS[1]), tile, middle.x, middle.y)
    assert blue > red


def test_a_tile_without_chips_is_transparent(store, two_places):
    assert draw(store, two_places, MapTile(11, 0, 0)).max() == 0


def test_a_footprint_across_the_antimeridian_is_drawn_on_both_sides(store):
    corner = (Transformer.from_crs(4326, 32660, always_xy=True).transform(180, 0.5)[0], 50_000.0)
    place = add_place(store, 0, {DAYS[0]: LAND}, epsg=32660, corner=(corner[0] - 1280, corner[1]))
    west = place.footprint.intersection(shapely.box(0, -1, 180, 1))
    x0, y0, _, y1 = west.bounds
    halves = shapely.MultiPolygon([west, shapely.box(-180, y0, -180 + (180 - x0), y1)])
    chips = product_of(Place(0, halves, place.chips))
    middle = place.footprint.centroid.y
    for lon in (179.995, -179.995):
        tile = MapTile(11, *map_tiles.WEB_MERCATOR.tile(lon, middle, 11)[:2])
        assert pixel_at(draw(store, chips, tile), tile, lon, middle)[3] == 255, lon


def test_a_damaged_chip_leaves_a_hole(store, two_places):
    west, east = two_places.places
    store.write_bytes("chip_32632_1_2024-05-01.tif", b"no raster")
    tile = MapTile(11, *map_tiles.WEB_MERCATOR.tile(*east.footprint.centroid.coords[0], 11)[:2])
    picture = draw(store, two_places, tile)
    assert pixel_at(picture, tile, *west.footprint.centroid.coords[0])[3] == 255
    assert pixel_at(picture, tile, *east.footprint.centroid.coords[0])[3] == 0
    alone = product_of(Place(0, east.footprint, east.chips))
    with pytest.raises(ChipError, match=r"chip_32632_1_2024-05-01\.tif"):
        draw(store, alone, tile)


def test_tiles_that_do_not_exist_are_refused(two_places):
    with pytest.raises(InvalidValueError, match="z of a map tile must be 0 to 22, got 23"):
        MapTile(23, 0, 0)
    with pytest.raises(InvalidValueError, match="y of a map tile at z 2 must be 0 to 3, got 4"):
        MapTile(2, 0, 4)


def test_a_day_that_does_not_occur_is_refused(two_places):
    with pytest.raises(
        InvalidValueError, match=r"2 days of product clay, 2024-05-01, 2024-08-01; got 'today'"
    ):
        chips_of(two_places, MapTile(0, 0, 0), "today")


def test_too_many_chips_for_one_tile_are_refused(two_places, monkeypatch):
    monkeypatch.setattr(map_tiles, "MOST_CHIPS", 1)
    with pytest.raises(InvalidValueError, match="0/0/0 would hold 2 chips, at most 1 are drawn"):
        chips_of(two_places, MapTile(0, 0, 0), "clearest")


def test_tiles_are_served_and_kept_by_version(client, installation):
    product = client.get("/api/products").json()["products"][0]
    west, south, east, north = product["bbox"]
    tile = map_tiles.WEB_MERCATOR.tile((west + east) / 2, (south + north) / 2, 12)
    path = f"/api/map_tiles/{product['name']}/{tile.z}/{tile.x}/{tile.y}.png"
    answer = client.get(path, params={"v": product["version"], "size": 512})
    assert answer.headers["content-type"] == "image/png"
    assert "immutable" in answer.headers["cache-control"]
    assert Image.open(BytesIO(answer.content)).size == (512, 512)
    plain = client.get(path)
    assert plain.headers["cache-control"] == "no-cache"
    again = client.get(path, headers={"if-none-match": plain.headers["etag"]})
    assert again.status_code == 304
    later = client.get(path, params={"date": product["dates"][-1]})
    assert later.headers["etag"] != plain.headers["etag"]
    assert "date must be clearest" in client.get(path, params={"date": "today"}).json()["error"]
