import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from clay_assets.errors import InvalidValueError
from clay_assets.training.splitting import MARGIN, TRAIN, VALIDATION, split_by_place

SIDE = 5120.0  # metres


def area(
    places: list[tuple[int, int]],
    tile: str = "32VKM",
    *,
    shift_m: float = 0.0,
    dates: int = 1,
) -> geopandas.GeoDataFrame:
    """Chips at (row, column) places; degrees are metres / 100,000, which keeps what touches."""
    boxes = [
        (shift_m + col * SIDE, -SIDE * (row + 1), shift_m + (col + 1) * SIDE, -SIDE * row)
        for row, col in places * dates
    ]
    west, south, east, north = (np.array(edge, dtype=float) for edge in zip(*boxes, strict=True))
    geometry = shapely.box(west / 1e5, south / 1e5, east / 1e5, north / 1e5)
    columns = {"west": west, "south": south, "east": east, "north": north}
    return geopandas.GeoDataFrame(
        {"mgrs": tile, "epsg": 32632, **columns}, geometry=geometry, crs="OGC:CRS84"
    )


def joined(*areas: geopandas.GeoDataFrame) -> geopandas.GeoDataFrame:
    return pd.concat(areas, ignore_index=True)


def full(rows: int, columns: int) -> list[tuple[int, int]]:
    return [(row, column) for row in range(rows) for column in range(columns)]


def assert_apart(chips: geopandas.GeoDataFrame, parts: np.ndarray) -> None:
    validation = shapely.union_all(chips.geometry[parts == VALIDATION].to_numpy())
    training = shapely.union_all(chips.geometry[parts == TRAIN].to_numpy())
    if not validation.is_empty:
        assert validation.distance(training) > 0.5 * SIDE / 1e5


@given(
    places=st.sets(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1).map(sorted),
    tile=st.sampled_from(["32VKM", "29RKH", "32TPT", "33UXP"]),
    share=st.floats(0, 0.5),
)
@settings(deadline=None)
def test_no_training_chip_touches_a_validation_chip(places, tile, share):
    chips = area(places, tile, dates=2)
    parts = split_by_place(chips, validation_share=share)
    assert (parts == TRAIN).any()
    assert_apart(chips, parts)


def test_all_dates_of_a_place_are_in_one_part():
    parts = split_by_place(area(full(6, 6), dates=3), validation_share=0.2)
    assert (parts.reshape(3, 36) == parts[:36]).all()


def test_one_line_of_six_validates_and_the_next_is_left_out():
    parts = split_by_place(area(full(6, 6)), validation_share=0.2).tolist()
    assert [parts.count(part) for part in (VALIDATION, MARGIN, TRAIN)] == [6, 6, 24]


def test_the_side_that_validates_differs_between_tiles():
    corners = set()
    for tile in ("32VKM", "32VLM", "32VKL", "32VLL", "29RKH", "32TPT", "33UXP", "31UFU"):
        parts = split_by_place(area(full(5, 5), tile), validation_share=0.2)
        corners.add(tuple(np.flatnonzero(parts == VALIDATION)))
    assert len(corners) == 4


def test_the_parts_of_a_tile_do_not_depend_on_the_order_or_on_tiles_far_away():
    chips, other = area(full(5, 5)), area(full(5, 5), "29RKH", shift_m=1e6)
    alone = split_by_place(chips, validation_share=0.2)
    both = joined(other, chips)
    assert (split_by_place(both, validation_share=0.2)[25:] == alone).all()
    backward = split_by_place(chips.iloc[::-1], validation_share=0.2)
    assert (backward[::-1] == alone).all()


def test_chips_of_another_tile_on_the_same_ground_are_left_out():
    chips, shifted = area(full(6, 6)), area(full(6, 6), "32VLM", shift_m=0.4 * SIDE)
    both = joined(chips, shifted)
    parts = split_by_place(both, validation_share=0.2)
    assert_apart(both, parts)
    assert (parts == VALIDATION).sum() == 12


def test_an_area_of_four_chips_all_trains():
    assert (split_by_place(area(full(2, 2)), validation_share=0.2) == TRAIN).all()


def test_of_three_lone_chips_far_apart_one_validates():
    tiles = ("36MZD", "22KGU", "32VNH")
    chips = joined(*(area([(0, 0)], tile, shift_m=1e6 * i) for i, tile in enumerate(tiles)))
    parts = split_by_place(chips, validation_share=0.2).tolist()
    assert sorted(parts) == [TRAIN, TRAIN, VALIDATION]


def test_nothing_validates_when_nothing_would_be_left_to_train_on():
    tiles = ("36MZD", "22KGU", "32VNH")
    crowded = joined(*(area([(0, 0)], tile) for tile in tiles))
    assert (split_by_place(crowded, validation_share=0.2) == TRAIN).all()


@pytest.mark.parametrize("share", [-0.1, 0.6])
def test_an_impossible_share_is_refused(share: float):
    with pytest.raises(InvalidValueError, match=f"validation_share must be 0 to 0.5, got {share}"):
        split_by_place(area(full(2, 2)), validation_share=share)
