from dataclasses import replace

import pytest
import shapely
import shapely.geometry
from hypothesis import given
from hypothesis import strategies as st

from clay_assets.errors import InvalidValueError
from clay_assets.ingest.footprint import footprint_wgs84
from clay_assets.ingest.grid import (
    Grid,
    PixelWindow,
    footprint_on_grid,
    metres_per_unit,
    window_of_subset,
)

TILE = Grid(32632, 300_000, 6_500_040, 10, 10_980, 10_980)
grids = st.builds(
    Grid,
    epsg=st.just(32632),
    west=st.integers(100_000, 800_000),
    north=st.integers(0, 9_000_000),
    pixel_size=st.sampled_from([10, 20, 60, 100]),
    width=st.integers(1, 11_000),
    height=st.integers(1, 11_000),
)


@given(grids, st.data())
def test_a_window_has_the_pixel_corners_of_the_whole(grid, data):
    row = data.draw(st.integers(0, grid.height - 1))
    col = data.draw(st.integers(0, grid.width - 1))
    window = grid.window(row, col, grid.height - row, grid.width - col)
    assert window.transform @ (0, 0) == grid.transform @ (col, row)
    assert window.bounds[1:3] == (grid.bounds[1], grid.bounds[2])


@given(grids, st.integers(1, 600))
def test_a_coarser_grid_covers_the_same_ground_within_a_pixel(grid, max_px):
    coarse = grid.coarser(max_px)
    assert max(coarse.width, coarse.height) <= max(max_px, 1)
    assert coarse.pixel_size >= grid.pixel_size
    for found, wanted in zip(coarse.bounds, grid.bounds, strict=True):
        assert found == pytest.approx(wanted, abs=coarse.pixel_size)


@given(grids, st.data())
def test_a_subset_within_the_grid_is_taken_as_it_is(grid, data):
    x0 = data.draw(st.integers(0, grid.width - 1))
    y0 = data.draw(st.integers(0, grid.height - 1))
    x1 = data.draw(st.integers(x0 + 1, grid.width))
    y1 = data.draw(st.integers(y0 + 1, grid.height))
    assert window_of_subset(grid, (x0, y0, x1, y1)) == PixelWindow(y0, x0, y1 - y0, x1 - x0)


def test_no_subset_means_all():
    assert window_of_subset(TILE, None) == PixelWindow(0, 0, 10_980, 10_980)


@pytest.mark.parametrize(
    "subset", [(0, 0, 0, 10), (5, 0, 4, 10), (-1, 0, 10, 10), (0, 0, 10_981, 10), (0, 9, 10, 9)]
)
def test_a_subset_outside_of_the_grid_is_refused(subset):
    text = ",".join(map(str, subset))
    with pytest.raises(InvalidValueError, match=rf"within the tile's 10980x10980 .* got {text}$"):
        window_of_subset(TILE, subset)


def test_a_footprint_comes_back_onto_the_grid_it_came_from():
    around = shapely.geometry.mapping(footprint_wgs84(TILE.bounds, TILE.epsg))
    found = footprint_on_grid(around, TILE)
    share = found.intersection(shapely.box(*TILE.bounds)).area / shapely.box(*TILE.bounds).area
    assert share == pytest.approx(1, abs=3e-3)  # straight edges in degrees bulge in UTM


def test_a_footprint_across_the_antimeridian_is_whole_on_the_grid():
    grid = Grid(32701, 130_000, 8_140_000, 10, 10_980, 10_980)  # Taveuni, Fiji
    footprint = footprint_wgs84(grid.bounds, grid.epsg)
    assert footprint.geom_type == "MultiPolygon"
    found = footprint_on_grid(shapely.geometry.mapping(footprint), grid)
    assert found.intersection(shapely.box(*grid.bounds)).area == pytest.approx(
        shapely.box(*grid.bounds).area, rel=3e-3
    )


def test_a_footprint_on_the_other_side_of_the_globe_covers_nothing():
    far = shapely.geometry.mapping(shapely.box(-175, -10, -170, -5))
    assert not footprint_on_grid(far, TILE).intersects(shapely.box(*TILE.bounds))


def test_ground_sampling_distance_is_in_metres():
    assert TILE.gsd_m == 10
    degrees = replace(TILE, epsg=4326, pixel_size=1 / 3600)
    assert degrees.gsd_m == pytest.approx(30.92, abs=0.01)  # m, one arc second
    assert metres_per_unit(2263) == pytest.approx(0.3048, abs=1e-4)  # m, US survey foot
