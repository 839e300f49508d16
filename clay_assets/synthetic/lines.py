"""Thin things drawn as line segments: rivers and roads, and how far pixels lie from them."""

from dataclasses import dataclass

import numpy as np

from clay_assets.synthetic.noise import Floats, Window


@dataclass(frozen=True)
class Lines:
    """Segments in 10 m pixels of the tile, each with one value of its own."""

    start: Floats
    """(N, 2) column and row."""
    end: Floats
    """(N, 2) column and row."""
    width_m: Floats
    """(N,) full width."""
    level_m: Floats
    """(N,) height of the water or road."""

    def near(self, window: Window, reach_px: float) -> "Lines":
        """Segments that come within `reach_px` of a window of pixels."""
        low, high = np.minimum(self.start, self.end), np.maximum(self.start, self.end)
        corner = np.array([window.x, window.y]) - reach_px
        opposite = corner + np.array([window.width, window.height]) + 2 * reach_px
        keep = ((high >= corner) & (low <= opposite)).all(axis=1)
        return Lines(self.start[keep], self.end[keep], self.width_m[keep], self.level_m[keep])


@dataclass(frozen=True)
class Nearness:
    """What each pixel of a window knows of the lines near it."""

    outside_m: Floats
    """Distance to the nearest edge of a line, negative inside it; `far_m` beyond reach."""
    level_m: Floats
    """Level of that line; meaningless beyond reach."""


def nearness(lines: Lines, window: Window, reach_px: int) -> Nearness:
    """Distance of pixels to lines, out to `reach_px`.

    Lines are taken in their own order, so that the answer does not depend on the window.
    """
    outside = np.full(window.shape, np.float32(10 * reach_px), np.float32)
    level = np.zeros(window.shape, np.float32)
    near = lines.near(window, reach_px)
    columns = np.arange(window.width, dtype=np.float32) + np.float32(window.x + 0.5)
    rows = np.arange(window.height, dtype=np.float32) + np.float32(window.y + 0.5)
    for (ax, ay), (bx, by), width, height in zip(
        near.start, near.end, near.width_m, near.level_m, strict=True
    ):
        x0, x1 = np.searchsorted(columns, (min(ax, bx) - reach_px, max(ax, bx) + reach_px))
        y0, y1 = np.searchsorted(rows, (min(ay, by) - reach_px, max(ay, by) + reach_px))
        if x0 == x1 or y0 == y1:
            continue
        here = np.s_[y0:y1, x0:x1]
        apart = _distance(columns[None, x0:x1], rows[y0:y1, None], ax, ay, bx, by)
        apart = np.float32(10) * apart - np.float32(0.5) * width
        closer = apart < outside[here]
        np.copyto(outside[here], apart, where=closer)
        np.copyto(level[here], height, where=closer)
    return Nearness(outside, level)


def _distance(
    x: Floats, y: Floats, ax: np.float32, ay: np.float32, bx: np.float32, by: np.float32
) -> Floats:
    dx, dy = bx - ax, by - ay
    length = max(dx * dx + dy * dy, np.float32(1e-6))
    along = np.clip((x - ax) * (dx / length) + (y - ay) * (dy / length), 0, 1)
    distance: Floats = np.sqrt((x - ax - along * dx) ** 2 + (y - ay - along * dy) ** 2)
    return distance


def coverage(outside_m: Floats, pixel_m: float = 10) -> Floats:
    """Share of a pixel that a line covers, from the distance to its edge."""
    covered: Floats = np.clip(np.float32(0.5) - outside_m / np.float32(pixel_m), 0, 1)
    return covered
