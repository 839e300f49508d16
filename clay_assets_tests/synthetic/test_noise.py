"""Noise depends on place alone, and its octaves are what they are said to be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clay_assets.synthetic.noise import (
    Window,
    doubled,
    fractal,
    halved,
    key_of,
    pyramid_windows,
    refined,
    white,
)

AMPLITUDES = (1, 0.7, 0.5, 0.3)
WHOLE = fractal(7, Window(-510, -510, 1060, 1060), AMPLITUDES)


@settings(deadline=None)
@given(st.integers(-500, 500), st.integers(-500, 500), st.integers(1, 40), st.integers(1, 40))
def test_a_part_of_the_noise_equals_the_whole(x: int, y: int, width: int, height: int):
    part = fractal(7, Window(x, y, width, height), AMPLITUDES)
    np.testing.assert_array_equal(part, WHOLE[y + 510 : y + 510 + height, x + 510 :][:, :width])


def test_octaves_have_the_deviation_they_are_given():
    window = Window(0, 0, 1024, 1024)
    for amplitudes in ((1, 0, 0), (1, 0, 0, 0, 0)):
        assert fractal(3, window, amplitudes).std() == pytest.approx(1, rel=0.05)


def test_white_noise_is_uniform_and_uncorrelated():
    values = white(11, Window(-300, 40, 512, 512))
    assert values.mean() == pytest.approx(0, abs=0.005)
    assert values.std() == pytest.approx(1 / np.sqrt(3), rel=0.01)
    assert np.abs(values).max() <= 1
    for neighbour in (values[1:, :-1], values[:-1, 1:], values[1:, 1:]):
        correlation = np.corrcoef(values[:-1, :-1].ravel(), neighbour.ravel())[0, 1]
        assert abs(correlation) < 0.01


def test_keys_tell_fields_apart():
    window = Window(0, 0, 128, 128)
    one, other = white(key_of(0, "a"), window), white(key_of(0, "b"), window)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.03


def test_doubling_keeps_a_plane_flat():
    child = Window(-3, 5, 20, 13)
    parent = child.coarser(2).grown(1)
    rows, columns = np.indices(parent.shape)
    plane = (2 * (columns + parent.x) - 6 * (rows + parent.y)).astype(np.float32)
    rows, columns = np.indices(child.shape)
    expected = (columns + child.x) - 3 * (rows + child.y)
    np.testing.assert_allclose(doubled(plane, parent, child), expected, atol=1e-5)


def test_refining_is_doubling_again_and_again():
    window = Window(5, -9, 30, 20)
    windows = pyramid_windows(window, 2)
    values = white(1, windows[-1])
    twice = doubled(doubled(values, windows[2], windows[1]), windows[1], windows[0])
    np.testing.assert_array_equal(refined(values, windows), twice)


def test_coarse_octaves_do_not_depend_on_the_finest():
    """A field of four octaves starts with the field of three at half the resolution."""
    coarse = Window(-4, 6, 40, 30)
    half = fractal(5, coarse.grown(1), (1, 0.7, 0.5), finest=1)
    fine = Window(-8, 12, 80, 60)
    smooth = doubled(half, coarse.grown(1), fine)
    np.testing.assert_allclose(fractal(5, fine, (1, 0.7, 0.5, 0)), smooth, atol=1e-6)


def test_halving_takes_means():
    values = np.arange(16, dtype=np.float32).reshape(4, 4)
    np.testing.assert_array_equal(halved(values), [[2.5, 4.5], [10.5, 12.5]])
