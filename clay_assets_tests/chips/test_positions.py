import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clay_assets.chips.positions import Position, Positions

areas = st.builds(
    Positions,
    height=st.integers(0, 600),
    width=st.integers(0, 600),
    chip_size=st.integers(16, 700),
)


@given(areas)
def test_chips_never_overlap_and_never_stick_out(positions):
    covered = np.zeros((positions.height, positions.width), int)
    size = positions.chip_size
    for number in range(1, len(positions) + 1):
        place = positions.of(number)
        part = covered[place.row : place.row + size, place.col : place.col + size]
        assert part.shape == (size, size)
        part += 1
    assert covered.max(initial=0) <= 1
    assert covered.sum() == len(positions) * size**2


@given(areas)
def test_the_strip_left_over_is_narrower_than_a_chip(positions):
    assert 0 <= positions.height - positions.rows * positions.chip_size < positions.chip_size
    assert 0 <= positions.width - positions.columns * positions.chip_size < positions.chip_size


@given(areas)
def test_a_number_is_a_place_and_a_place_a_number(positions):
    places = [positions.of(number) for number in range(1, len(positions) + 1)]
    assert [(p.row, p.col) for p in places] == sorted({(p.row, p.col) for p in places})
    for place in places:
        row, column = place.row // positions.chip_size, place.col // positions.chip_size
        assert place.number == row * positions.columns + column + 1


@given(areas, st.integers(1, 400_000))
def test_blocks_hold_every_chip_once_and_are_small_rectangles(positions, max_pixels):
    blocks = list(positions.blocks(max_pixels))
    numbers = sorted(place.number for block in blocks for place in block)
    assert numbers == list(range(1, len(positions) + 1))
    for block in blocks:
        rows, columns = {place.row for place in block}, {place.col for place in block}
        assert len(block) == len(rows) * len(columns)
        rows_at_least = max(1, 512 // positions.chip_size)
        allowed = max(max_pixels, rows_at_least * positions.chip_size**2)
        assert len(block) * positions.chip_size**2 <= allowed


@pytest.mark.parametrize(
    ("side", "chip_size", "count"),
    [(10_980, 512, 441), (10_980, 256, 1764), (1098, 512, 4), (224, 224, 1), (224, 512, 0)],
)
def test_a_tile_has_as_many_chips_as_clays(side, chip_size, count):
    """21 x 21 and 42 x 42 in Clay's datacubes."""
    positions = Positions(side, side, chip_size)
    assert len(positions) == count
    if count:
        last = (positions.rows - 1) * chip_size
        assert positions.of(count) == Position(count, last, last)
