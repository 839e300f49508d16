"""Which pixel lies under which, computed twice."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st

from clay_assets.ingest.grid import Grid
from clay_assets.ingest.lookup import lookup

sizes = st.integers(1, 60)
metres = st.integers(-4_000, 4_000).map(lambda number: number * 0.125)
pixels = st.sampled_from([10.0, 20.0, 60.0, 12.5, 30.0])


def transform(west, north, pixel):
    return Affine(pixel, 0, west, 0, -pixel, north)


@given(metres, metres, pixels, sizes, sizes)
def test_each_middle_lies_in_its_source_pixel(west, north, pixel, height, width):
    """By exact fractions, one pixel at a time."""
    grid = Grid(32632, 300_000, 6_000_000, 10, 40, 30)
    place = transform(grid.west + west, grid.north + north, pixel)
    rows, cols = lookup(place, (height, width), grid)
    for axis, edge, side, count, length in (
        (rows, Fraction(north), 10, grid.height, height),
        (cols, Fraction(-west), 10, grid.width, width),
    ):
        sources = [
            floor((edge + Fraction(side * (2 * index + 1), 2)) / Fraction(pixel))
            for index in range(count)
        ]
        inside = [index for index, source in enumerate(sources) if 0 <= source < length]
        assert list(axis.sources) == [sources[index] for index in inside]
        if inside:
            assert axis.covered == slice(inside[0], inside[-1] + 1)


@given(st.integers(0, 500), st.integers(1, 50), st.sampled_from([10.0, 1 / 3600]))
def test_a_grid_that_agrees_takes_each_pixel_once(first, count, pixel):
    grid = Grid(32632, 11.7 + first * pixel, 47.3, pixel, count, count)
    _, cols = lookup(transform(11.7, 47.3, pixel), (600, 600), grid)
    assert cols.is_one_to_one
    assert cols.span == (first, first + count)


def test_a_middle_on_an_edge_belongs_to_the_pixel_after_it_in_every_window():
    """As GDAL's nearest does; half a pixel off, as Clay's own chips are."""
    grid = Grid(32632, 300_005, 6_000_005, 10, 8, 8)
    for col in range(8):
        rows, cols = lookup(transform(300_000, 6_000_010, 10), (9, 9), grid.window(0, col, 8, 1))
        assert list(cols.sources) == [col + 1]
        assert list(rows.sources) == list(range(1, 9))


@pytest.mark.parametrize(
    "place",
    [
        Affine(10, 1, 300_000, 1, -10, 6_000_000),
        Affine(10, 0, 300_000, 0, 10, 6_000_000),
        transform(300_000, 6_000_000, 5),
    ],
)
def test_rotated_and_finer_rasters_are_left_to_gdal(place):
    assert lookup(place, (9, 9), Grid(32632, 300_000, 6_000_000, 10, 4, 4)) is None


def test_a_raster_elsewhere_covers_nothing():
    rows, cols = lookup(transform(0, 0, 10), (9, 9), Grid(32632, 300_000, 6_000_000, 10, 4, 4))
    assert len(cols.sources) == 0
    assert np.zeros((4, 4))[rows.covered, cols.covered].size == 0
