"""Water finds its way out of every landscape."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clay_assets.synthetic.erosion import Drainage, drainage_of, eroded, filled
from clay_assets.synthetic.noise import Window, white_bits


def _rough(seed: int, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    height = np.random.default_rng(seed).uniform(0, 100, (rows, columns)).astype(np.float32)
    outlets = np.zeros(height.shape, bool)
    outlets[0] = True
    return height, outlets


def _drainage(surface: np.ndarray, outlets: np.ndarray) -> Drainage:
    bits = white_bits(1, Window(0, 0, surface.shape[1], surface.shape[0]))
    return drainage_of(surface, outlets, bits)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.integers(2, 25), st.integers(2, 25))
def test_every_cell_of_a_filled_surface_drains_downhill_to_an_outlet(
    seed: int, rows: int, columns: int
):
    height, outlets = _rough(seed, rows, columns)
    surface = filled(height, outlets)
    assert (surface >= height).all()
    drainage = _drainage(surface, outlets)
    assert sorted(np.concatenate(drainage.levels)) == list(range(rows * columns))
    assert set(drainage.levels[0]) == set(np.flatnonzero(outlets))
    flat = surface.ravel()
    inner = ~outlets.ravel()
    assert (flat[drainage.receiver] < flat)[inner].all()
    total = drainage.accumulated(np.ones(flat.size, np.float32))
    assert total[outlets.ravel()].sum() == rows * columns


def test_filling_leaves_a_slope_as_it_is_and_a_hole_at_its_rim():
    height = np.repeat(np.arange(6, dtype=np.float32)[:, None], 5, axis=1)
    outlets = np.zeros(height.shape, bool)
    outlets[0] = True
    np.testing.assert_array_equal(filled(height, outlets), height)
    holed = height.copy()
    holed[3, 2] = -10
    level = filled(holed, outlets)
    assert level[3, 2] == pytest.approx(2.001, abs=1e-4)  # rim at 2 m, and a slope of 1 mm
    level[3, 2] = height[3, 2]
    np.testing.assert_array_equal(level, height)


def test_without_uplift_mountains_only_wear_down():
    height, outlets = _rough(5, 40, 40)
    worn = eroded(
        height * 10,
        np.zeros_like(height),
        outlets,
        strength=np.full_like(height, 0.2),
        exponent=0.4,
        creep=0,
        steps=10,
        key=3,
    )
    assert worn.mean() < filled(height * 10, outlets).mean()
    assert (worn[0] == height[0] * 10).all()


def test_uplift_and_erosion_come_to_rest():
    """The steady slope of a river is uplift over erosion: E = K A^m S with U = E."""
    height = np.zeros((60, 1), np.float32)
    outlets = np.zeros(height.shape, bool)
    outlets[0] = True
    ones = np.ones_like(height)
    worn = eroded(
        height, ones, outlets, strength=ones * 0.5, exponent=0.5, creep=0, steps=600, key=0
    )
    area = np.arange(60, 0, -1)  # cells that drain through each
    np.testing.assert_allclose(np.diff(worn[:, 0]), 1 / (0.5 * area[1:] ** 0.5), rtol=0.01)
