"""Scenes where longitude jumps and where UTM zones are wide: the antimeridian, Norway, Svalbard."""

from datetime import UTC, datetime

import numpy as np
import pystac
import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st
from pyproj import Transformer

from clay_assets.ingest.api_catalogue import ApiCatalogue
from clay_assets.ingest.companions import radar_for
from clay_assets.ingest.footprint import footprint_wgs84
from clay_assets.ingest.grid import Grid, footprint_on_grid
from clay_assets.ingest.scenes import footprint_of, overlap, tile_of_scene
from clay_assets.mgrs import tile_box
from clay_assets.tiling import zone_tiles
from clay_assets_tests.stac_server import serving

AWKWARD = [
    str(name)
    for zone in (1, 60, 31, 32, 33, 35, 37)
    for southern in (False, True)
    for name in zone_tiles(zone, southern=southern).names
]
SHARE = (
    0.97  # edges that are straight in degrees are not on the grid; at 82 degrees 2 % lie between
)


def grid_of(tile):
    box = tile_box(tile)
    return Grid(box.epsg, box.west, box.north, 10, 10_980, 10_980)


def footprint(tile):
    grid = grid_of(tile)
    return footprint_wgs84(grid.bounds, grid.epsg)


def uncut(tile):
    """The footprint as a catalogue gives it that does not know of the antimeridian."""
    west, south, east, north = grid_of(tile).bounds
    corners = [east, east, west, west], [south, north, north, south]
    to_wgs84 = Transformer.from_crs(tile_box(tile).epsg, "OGC:CRS84", always_xy=True)
    return shapely.Polygon(list(zip(*to_wgs84.transform(*corners), strict=True)))


def item(shape, item_id="scene", hour=10):
    when = datetime(2021, 5, 10, hour, tzinfo=UTC)
    geometry = shapely.geometry.mapping(shape)
    return pystac.Item(
        item_id, geometry, list(shape.bounds), when, {"sat:orbit_state": "ascending"}
    )


@given(st.sampled_from(AWKWARD))
@example("01KAB")
@example("60KZF")
@example("01XDJ")
@example("60CWV")
@example("32VKM")
@example("31VEG")
@example("33XWG")
@example("37XDG")
def test_a_footprint_lies_on_the_grid_it_was_made_of(tile):
    grid = grid_of(tile)
    whole = shapely.box(*grid.bounds)
    for shape in (footprint(tile), uncut(tile)):
        on_grid = footprint_on_grid(shapely.geometry.mapping(shape), grid)
        assert on_grid.intersection(whole).area / whole.area > SHARE, tile
        assert on_grid.area / whole.area < 2 - SHARE, tile


@given(st.sampled_from(AWKWARD), st.floats(0.05, 0.95), st.floats(0.05, 0.95))
@example("01KAB", 0.1, 0.5)
@example("60KZF", 0.9, 0.5)
def test_a_footprint_holds_the_places_of_its_tile(tile, across, up):
    west, south, east, north = grid_of(tile).bounds
    x, y = west + across * (east - west), south + up * (north - south)
    lon, lat = Transformer.from_crs(tile_box(tile).epsg, "OGC:CRS84", always_xy=True).transform(
        x, y
    )
    for shape in (footprint(tile), uncut(tile)):
        assert footprint_of(item(shape)).contains(shapely.Point(lon, lat)), tile


@pytest.mark.parametrize(
    ("tile", "neighbour", "far"),
    [
        ("01KAB", "60KZF", "30KXF"),
        ("01KAB", "60KYF", "31KBA"),
        ("32VKM", "31VFG", "01VCG"),
        ("33XWG", "33XVG", "60XWG"),
    ],
)
def test_scenes_overlap_those_beside_them_and_no_others(tile, neighbour, far):
    for one, other in ((footprint, uncut), (uncut, footprint), (uncut, uncut)):
        assert overlap(item(one(tile)), item(other(neighbour))) == (
            footprint_of(item(one(tile))).intersects(footprint_of(item(footprint(neighbour))))
        )
        assert not overlap(item(one(tile)), item(other(far)))


@pytest.mark.parametrize("tile", ["01KAB", "60KXF", "01WCP", "60CWU", "32VKM", "33XWG", "31XEG"])
def test_the_tile_of_a_scene_is_told_by_its_middle(tile):
    assert tile_of_scene(item(uncut(tile))) == tile_of_scene(item(footprint(tile)))


@pytest.mark.parametrize("tile", ["01KAB", "60KYG", "32VKM", "33XWG"])
def test_radar_covers_a_tile_wherever_it_lies(tile):
    west, south, east, north = grid_of(tile).bounds
    middle = (west + east) / 2
    halves = []
    for number, (first, last) in enumerate(((west - 9_000, middle), (middle, east + 9_000))):
        bounds = (first, south - 9_000, last, north + 9_000)
        shape = footprint_wgs84(bounds, tile_box(tile).epsg)
        halves.append(item(shape, f"S1_{number}", hour=11 + number))
    cover = radar_for(item(uncut(tile)), halves, grid_of(tile))
    assert [scene.id for scene in cover.taken] == ["S1_0", "S1_1"]
    assert cover.share == pytest.approx(1, abs=0.005)


def test_awkward_tiles_are_many():
    assert len(AWKWARD) > 5_000
    assert np.unique(AWKWARD).size == len(AWKWARD)


def test_an_api_is_asked_for_both_sides_of_the_antimeridian():
    scene, beside = item(uncut("01KAB"), "S2"), item(footprint("60KZF"), "S1")
    across = item(footprint("31KBA"), "S1 across the globe")
    scene.collection_id = "sentinel-2-l2a"
    beside.collection_id = across.collection_id = "sentinel-1-rtc"
    with serving([scene, beside, across]) as url:
        found = ApiCatalogue.open(url).companions(scene, "radar")
    assert [radar.id for radar in found] == ["S1"]
