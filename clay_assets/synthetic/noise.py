"""Noise of position: every value depends on a key and absolute coordinates, never on the block.

White values come from an integer hash of their lattice position. Smooth noise is built down a
pyramid: coarse values are doubled in resolution by cubic B-spline subdivision and finer white
noise is added at each level, so all octaves together cost little more than the finest one.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_SPLINE_NOISE_STD = 0.2767  # of uniform(-1, 1) lattice values under a 2-D cubic B-spline


@dataclass(frozen=True)
class Window:
    """A rectangle of whole steps; step s at column x stands for pixel x * s of the tile."""

    x: int
    """First column."""
    y: int
    """First row."""
    width: int
    """Columns."""
    height: int
    """Rows."""

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.height, self.width

    def grown(self, margin: int) -> "Window":
        """The window with `margin` more on each side."""
        return Window(
            self.x - margin, self.y - margin, self.width + 2 * margin, self.height + 2 * margin
        )

    def moved(self, dx: int, dy: int) -> "Window":
        """The window, its corner moved."""
        return Window(self.x + dx, self.y + dy, self.width, self.height)

    def coarser(self, factor: int) -> "Window":
        """Smallest window of steps `factor` times as long that covers this one."""
        x, y = self.x // factor, self.y // factor
        return Window(
            x,
            y,
            -(-(self.x + self.width) // factor) - x,
            -(-(self.y + self.height) // factor) - y,
        )


def key_of(*parts: Any) -> int:  # noqa: ANN401
    """32-bit key of a name and numbers, the same on every machine."""
    return int.from_bytes(hashlib.blake2s(repr(parts).encode(), digest_size=4).digest(), "big")


def white_bits(key: int, window: Window) -> NDArray[np.uint32]:
    """Hash of each lattice position of `window`: uniform uint32."""
    columns = np.arange(window.x, window.x + window.width, dtype=np.int64).astype(np.uint32)
    rows = np.arange(window.y, window.y + window.height, dtype=np.int64).astype(np.uint32)
    bits: NDArray[np.uint32] = (rows * np.uint32(0x9E3779B1))[:, None] ^ (
        columns * np.uint32(0x85EBCA77) + np.uint32(key)
    )[None, :]
    return scramble(bits)


def scramble(bits: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Mix uint32 values in place so that each bit depends on all of them.

    Source:
        C. Wellons, hash-prospector, "triple32"-class two-round mix.
    """
    bits ^= bits >> np.uint32(16)
    bits *= np.uint32(0x21F0AAAD)
    bits ^= bits >> np.uint32(15)
    bits *= np.uint32(0xD35A2D97)
    bits ^= bits >> np.uint32(15)
    return bits


def white(key: int, window: Window) -> Floats:
    """Independent uniform values in [-1, 1)."""
    signed = white_bits(key, window).view(np.int32).astype(np.float32)
    signed *= np.float32(2.0**-31)
    return signed


def doubled(values: Floats, parent: Window, child: Window) -> Floats:
    """`values` on `parent` at twice the resolution, cropped to `child`.

    Args:
        values: node values of `parent`.
        parent: must reach one node beyond `child` on each side.
        child: window in half the parent's steps.
    """
    rows = _doubled_axis(values, child.y - 2 * parent.y, child.height)
    columns = _doubled_axis(rows.T, child.x - 2 * parent.x, child.width)
    return np.ascontiguousarray(columns.T)


def _doubled_axis(values: Floats, start: int, count: int) -> Floats:
    """Cubic B-spline subdivision along the first axis: (1 6 1)/8 on nodes, (1 1)/2 between."""
    first = start // 2
    last = (start + count - 1) // 2
    left, middle, right = (values[first + d : last + 1 + d] for d in (-1, 0, 1))
    out = np.empty((2 * (last - first + 1), *values.shape[1:]), np.float32)
    np.add(left, right, out=out[0::2])
    out[0::2] += np.float32(6) * middle
    out[0::2] *= np.float32(0.125)
    np.add(middle, right, out=out[1::2])
    out[1::2] *= np.float32(0.5)
    return out[start - 2 * first : start - 2 * first + count]


def pyramid_windows(window: Window, levels: int) -> list[Window]:
    """Windows from `window` up `levels` doublings, each large enough to make the one before."""
    windows = [window]
    for _ in range(levels):
        windows.append(windows[-1].coarser(2).grown(1))
    return windows


def fractal(key: int, window: Window, amplitudes: Sequence[float], finest: int = 0) -> Floats:
    """Sum of smooth noise at octaves, each of about unit standard deviation times its amplitude.

    Args:
        key: tells fields apart.
        window: steps of the finest octave's lattice.
        amplitudes: from the coarsest octave to the finest, whose lattice is that of `window`.
        finest: number of the finest octave, so that a field evaluated at a coarser step with fewer
            amplitudes agrees with the start of the full one.
    """
    windows = pyramid_windows(window, len(amplitudes) - 1)
    total = np.zeros((0, 0), np.float32)
    for level, amplitude in zip(range(len(windows) - 1, -1, -1), amplitudes, strict=True):
        smooth = doubled(total, windows[level + 1], windows[level]) if total.size else total
        if amplitude == 0:
            total = smooth
            continue
        total = white(key_of(key, finest + level), windows[level])
        total *= np.float32(amplitude / _SPLINE_NOISE_STD)
        if smooth.size:
            total += smooth
    return total


def refined(values: Floats, windows: Sequence[Window]) -> Floats:
    """`values` on the last of `pyramid_windows`, smoothly brought to the first."""
    for level in range(len(windows) - 2, -1, -1):
        values = doubled(values, windows[level + 1], windows[level])
    return values


def halved(values: Floats) -> Floats:
    """Means of blocks of two by two."""
    rows = values[0::2] + values[1::2]
    means: Floats = (rows[:, 0::2] + rows[:, 1::2]) * np.float32(0.25)
    return means
