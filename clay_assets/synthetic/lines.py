"""Thin things drawn as line segments: rivers and roads, and how far pixels lie from them."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from clay_assets.synthetic.noise import Floats, Window

CURVE_PARTS = 4


@dataclass(frozen=True)
class Lines:
    """Segments in 10 m pixels of the tile, each with one value of its own."""

    start: Floats
    """(N, 2) column and row."""
    end: Floats
    """(N, 2) column and row."""
    width_m: Floats
    """(N,) full width."""
    start_m: Floats
    """(N,) height of the water or road where a segment starts."""
    end_m: Floats
    """(N,) height where it ends."""

    @cached_property
    def longest_px(self) -> float:
        """Length of the longest segment."""
        lengths = np.abs(self.end - self.start).max(axis=1)
        return float(lengths.max(initial=0)) * math.sqrt(2)

    def at_least(self, width_m: float) -> "Lines":
        """Segments of that width or more."""
        return self._chosen(np.flatnonzero(self.width_m >= width_m))

    def near(self, window: Window, reach_px: float) -> "Lines":
        """Segments that come within `reach_px` of a window of pixels."""
        middle = (self.start + self.end) / 2
        half = np.array([window.width, window.height], np.float32) / 2
        centre = half + np.array([window.x, window.y], np.float32)
        reach = half + np.float32(reach_px + self.longest_px / 2)
        keep = (np.abs(middle - centre) <= reach).all(axis=1)
        return self._chosen(np.flatnonzero(keep))

    def _chosen(self, keep: NDArray[np.intp]) -> "Lines":
        return Lines(
            self.start[keep],
            self.end[keep],
            self.width_m[keep],
            self.start_m[keep],
            self.end_m[keep],
        )


@dataclass(frozen=True)
class Nearness:
    """What each pixel of a window knows of the lines near it."""

    outside_m: Floats
    """Distance to the nearest edge of a line, negative inside it; `far_m` beyond reach."""
    level_m: Floats
    """Level of that line; meaningless beyond reach."""


def curves(first: Floats, control: Floats, last: Floats) -> tuple[Floats, Floats]:
    """Starts and ends (N * CURVE_PARTS, 2) of short segments along N quadratic Bezier curves."""
    t = np.linspace(0, 1, CURVE_PARTS + 1, dtype=np.float32)[None, :, None]
    a, b, c = first[:, None], control[:, None], last[:, None]
    points = ((1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c).astype(np.float32)
    return points[:, :-1].reshape(-1, 2), points[:, 1:].reshape(-1, 2)


def nearness(lines: Lines, window: Window, reach_px: int) -> Nearness:
    """Distance of pixels to lines, out to `reach_px`.

    Lines are taken in their own order, so that the answer does not depend on the window.
    """
    outside = np.full(window.shape, np.float32(10 * reach_px), np.float32)
    level = np.zeros(window.shape, np.float32)
    near = lines.near(window, reach_px)
    columns = np.arange(window.width, dtype=np.float32) + np.float32(window.x + 0.5)
    rows = np.arange(window.height, dtype=np.float32) + np.float32(window.y + 0.5)
    for (ax, ay), (bx, by), width, from_m, to_m in zip(
        near.start, near.end, near.width_m, near.start_m, near.end_m, strict=True
    ):
        x0, x1 = np.searchsorted(columns, (min(ax, bx) - reach_px, max(ax, bx) + reach_px))
        y0, y1 = np.searchsorted(rows, (min(ay, by) - reach_px, max(ay, by) + reach_px))
        if x0 == x1 or y0 == y1:
            continue
        here = np.s_[y0:y1, x0:x1]
        apart, along = _distance(columns[None, x0:x1], rows[y0:y1, None], ax, ay, bx, by)
        apart *= np.float32(10)
        apart -= np.float32(0.5) * width
        closer = apart < outside[here]
        np.copyto(outside[here], apart, where=closer)
        np.copyto(level[here], from_m + along * (to_m - from_m), where=closer)
    return Nearness(outside, level)


def _distance(
    x: Floats, y: Floats, ax: np.float32, ay: np.float32, bx: np.float32, by: np.float32
) -> tuple[Floats, Floats]:
    """Distance of each place to a segment in pixels, and where along it the nearest point lies."""
    dx, dy = bx - ax, by - ay
    length = max(dx * dx + dy * dy, np.float32(1e-6))
    along = (x - ax) * (dx / length) + (y - ay) * (dy / length)
    np.clip(along, 0, 1, out=along)
    off_x, off_y = (x - ax) - along * dx, (y - ay) - along * dy
    off_x *= off_x
    off_y *= off_y
    off_x += off_y
    return np.sqrt(off_x, out=off_x), along


def coverage(outside_m: Floats, pixel_m: float = 10) -> Floats:
    """Share of a pixel that a line covers, from the distance to its edge."""
    covered: Floats = np.clip(np.float32(0.5) - outside_m / np.float32(pixel_m), 0, 1)
    return covered
