"""How people divide land: irregular blocks bounded by tracks, each cut into its own strips."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clay_assets.synthetic.noise import Floats, Window, key_of, scramble, white_bits

MAX_WARP_PX = 24
Bits = NDArray[np.uint32]


@dataclass(frozen=True)
class Blocks:
    """Irregular blocks: the pixels nearest to each of scattered sites."""

    identity: Bits
    """Random bits, one value a block."""
    site_x: Floats
    """Pixels from here to the block's site, along the row."""
    site_y: Floats
    """Pixels to the site, down the column."""
    border_px: Floats
    """About the distance to the border with the next block."""


@dataclass(frozen=True)
class Parcels:
    """Blocks cut into strips."""

    identity: Bits
    """Random bits, one value a parcel."""
    margin_px: Floats
    """Distance to the nearest edge of the parcel."""


def blocks_of(key: int, window: Window, spacing_px: int, warp: tuple[Floats, Floats]) -> Blocks:
    """Blocks about `spacing_px` wide.

    Args:
        key: tells patterns apart.
        window: pixels.
        spacing_px: mean distance between sites.
        warp: shift of each pixel in columns and rows, at most `MAX_WARP_PX`; bends borders.
    """
    columns = (np.arange(window.width) + window.x).astype(np.float32)
    rows = (np.arange(window.height) + window.y).astype(np.float32)
    scale = np.float32(1 / spacing_px)
    x, y = (columns[None, :] + warp[0]) * scale, (rows[:, None] + warp[1]) * scale
    cell_x, cell_y = np.floor(x), np.floor(y)
    lattice = window.grown(MAX_WARP_PX + 1).coarser(spacing_px).grown(1)
    cell = (cell_y.astype(np.int32) - lattice.y) * lattice.width
    cell += cell_x.astype(np.int32) - lattice.x
    nearest = _Nearest(cell, x - cell_x, y - cell_y)
    bits = white_bits(key, lattice)
    place_x, place_y = _part(bits, 0, 16) * 0.8 + 0.1, _part(bits, 16, 16) * 0.8 + 0.1
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            nearest.offer(bits, place_x, place_y, lattice.width, dx, dy)
    pixels = np.float32(spacing_px)
    # Distance to the bisector, were the two nearest sites one spacing apart.
    border = (nearest.second - nearest.squared) * (pixels / 2)
    identity = scramble(nearest.identity ^ np.uint32(0x5BD1E995))
    return Blocks(identity, nearest.to_x * pixels, nearest.to_y * pixels, border)


class _Nearest:
    """The nearest site of each pixel among those offered, and how far the second one is."""

    def __init__(self, cell: NDArray[np.int32], in_x: Floats, in_y: Floats) -> None:
        self.cell, self.in_x, self.in_y = cell, in_x, in_y
        self.squared = np.full(cell.shape, np.float32(9))
        self.second = self.squared.copy()
        self.to_x, self.to_y = np.empty_like(in_x), np.empty_like(in_y)
        self.identity = np.empty(cell.shape, np.uint32)

    def offer(
        self, bits: Bits, place_x: Floats, place_y: Floats, stride: int, dx: int, dy: int
    ) -> None:
        """Compare with the site of the cell `dx`, `dy` on."""
        cell = self.cell + (dy * stride + dx)
        # The lattice reaches one cell beyond the warp; "clip" only saves the check.
        to_x = place_x.take(cell, mode="clip")
        to_x += np.float32(dx)
        to_x -= self.in_x
        to_y = place_y.take(cell, mode="clip")
        to_y += np.float32(dy)
        to_y -= self.in_y
        squared = to_x * to_x
        squared += to_y * to_y
        closer = squared < self.squared
        np.minimum(self.second, np.maximum(squared, self.squared), out=self.second)
        np.minimum(self.squared, squared, out=self.squared)
        np.copyto(self.to_x, to_x, where=closer)
        np.copyto(self.to_y, to_y, where=closer)
        np.copyto(self.identity, bits.take(cell, mode="clip"), where=closer)


def parcels_of(blocks: Blocks, narrowest_px: float, widest_px: float, length: float) -> Parcels:
    """Strips across each block, `length` times as long as wide, in a direction of its own."""
    bits = blocks.identity
    angle = _part(bits, 0, 8) * np.float32(np.pi)
    width = narrowest_px * (widest_px / narrowest_px) ** _part(bits, 8, 8)
    cosine, sine = np.cos(angle), np.sin(angle)
    along = (blocks.site_x * cosine + blocks.site_y * sine) / (width * np.float32(length))
    across = (blocks.site_y * cosine - blocks.site_x * sine) / width
    strip = np.floor(across)
    pair = np.floor(strip / 2)
    # Now and then two neighbouring strips belong together.
    joined = scramble(_bits(pair) * np.uint32(0x9E3779B1) ^ bits) < np.uint32(2**30)
    alone_margin = _to_edge(across - strip)
    pair_margin = 2 * _to_edge(across / 2 - pair)
    across_margin = np.where(joined, pair_margin, alone_margin) * width
    row = scramble(_bits(np.where(joined, pair * 2, strip)) * np.uint32(0x85EBCA77) ^ bits)
    along += _part(row, 0, 8)
    segment = np.floor(along)
    along_margin = _to_edge(along - segment) * width * np.float32(length)
    identity = scramble(_bits(segment) * np.uint32(0xC2B2AE35) ^ row)
    margin = np.minimum(np.minimum(across_margin, along_margin), blocks.border_px)
    return Parcels(identity, margin.astype(np.float32))


def share_of(bits: Bits, salt: str) -> Floats:
    """A uniform value in [0, 1) from random bits, another for each salt."""
    return _part(scramble(bits ^ np.uint32(key_of(salt))), 8, 24)


def _part(bits: Bits, first: int, count: int) -> Floats:
    """Some bits as a number in [0, 1)."""
    chosen = (bits >> np.uint32(first)) & np.uint32(2**count - 1)
    share: Floats = chosen.astype(np.float32) * np.float32(2.0**-count)
    return share


def _bits(whole: Floats) -> Bits:
    return whole.astype(np.int32).view(np.uint32)


def _to_edge(share: Floats) -> Floats:
    """Distance of a share in [0, 1) to the nearer end."""
    distance: Floats = np.float32(0.5) - np.abs(share - np.float32(0.5))
    return distance
