"""How people divide land: irregular blocks bounded by tracks, each cut into strips of its own width."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clay_assets.synthetic.noise import Floats, Window, key_of, scramble, white_bits

Bits = NDArray[np.uint32]
MAX_WARP_PX = 24


@dataclass(frozen=True)
class Blocks:
    """Irregular blocks: pixels nearest to one of scattered sites."""

    identity: Bits
    """Random bits, one value a block."""
    site_x: Floats
    """Column of the block's site, in warped pixels, relative to the pixel."""
    site_y: Floats
    """Row of it."""
    border_px: Floats
    """Distance to the border with the next block."""


@dataclass(frozen=True)
class Parcels:
    """Blocks cut into strips."""

    identity: Bits
    """Random bits, one value a parcel."""
    margin_px: Floats
    """Distance to the nearest edge of the parcel."""


def blocks_of(
    key: int, window: Window, spacing_px: int, warp: tuple[Floats, Floats] | None = None
) -> Blocks:
    """Blocks about `spacing_px` wide.

    Args:
        key: tells patterns apart.
        window: pixels.
        spacing_px: mean distance between sites.
        warp: shift of each pixel in columns and rows, at most `MAX_WARP_PX`; bends borders.
    """
    columns = np.arange(window.width, dtype=np.float32) + np.float32(window.x)
    rows = np.arange(window.height, dtype=np.float32) + np.float32(window.y)
    shift_x, shift_y = warp or (np.float32(0), np.float32(0))
    scale = np.float32(1 / spacing_px)
    x = np.broadcast_to((columns[None, :] + shift_x) * scale, window.shape)
    y = np.broadcast_to((rows[:, None] + shift_y) * scale, window.shape)
    lattice = _lattice(window, spacing_px)
    bits = white_bits(key, lattice)
    jitter_x = (bits & np.uint32(0xFFFF)).astype(np.float32) / np.float32(65536) * 0.8 + 0.1
    jitter_y = (bits >> np.uint32(16)).astype(np.float32) / np.float32(65536) * 0.8 + 0.1
    cell_x, cell_y = np.floor(x), np.floor(y)
    in_x, in_y = x - cell_x, y - cell_y
    index = (cell_y.astype(np.int32) - lattice.y) * lattice.width
    index += cell_x.astype(np.int32) - lattice.x
    return _nearest(bits, jitter_x, jitter_y, lattice.width, index, in_x, in_y, spacing_px)


def _lattice(window: Window, spacing_px: int) -> Window:
    return window.grown(MAX_WARP_PX + 1).coarser(spacing_px).grown(1)


def _nearest(
    bits: Bits,
    jitter_x: Floats,
    jitter_y: Floats,
    stride: int,
    index: NDArray[np.int32],
    in_x: Floats,
    in_y: Floats,
    spacing_px: int,
) -> Blocks:
    shape = index.shape
    nearest = np.full(shape, np.float32(9))
    second = nearest.copy()
    offset_x, offset_y = np.empty(shape, np.float32), np.empty(shape, np.float32)
    identity = np.empty(shape, np.uint32)
    flat_bits, flat_x, flat_y = bits.ravel(), jitter_x.ravel(), jitter_y.ravel()
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            cell = index + (dy * stride + dx)
            to_x = flat_x.take(cell) + (np.float32(dx) - in_x)
            to_y = flat_y.take(cell) + (np.float32(dy) - in_y)
            squared = to_x * to_x + to_y * to_y
            np.minimum(second, np.maximum(squared, nearest), out=second)
            closer = squared < nearest
            np.copyto(offset_x, to_x, where=closer)
            np.copyto(offset_y, to_y, where=closer)
            np.copyto(identity, flat_bits.take(cell), where=closer)
            np.minimum(nearest, squared, out=nearest)
    # Distance to the bisector, were the two sites one spacing apart.
    border = (second - nearest) * np.float32(spacing_px / 2)
    scale = np.float32(spacing_px)
    return Blocks(
        scramble(identity ^ np.uint32(0x5BD1E995)), offset_x * scale, offset_y * scale, border
    )


def parcels_of(blocks: Blocks, narrowest_px: float, widest_px: float, length: float) -> Parcels:
    """Strips across each block, `length` times as long as wide, in a direction of its own."""
    bits = blocks.identity
    angle = (bits & np.uint32(255)).astype(np.float32) * np.float32(np.pi / 256)
    share = ((bits >> np.uint32(8)) & np.uint32(255)).astype(np.float32) / np.float32(256)
    width = narrowest_px * (widest_px / narrowest_px) ** share.astype(np.float32)
    cosine, sine = np.cos(angle), np.sin(angle)
    along = (blocks.site_x * cosine + blocks.site_y * sine) / (width * np.float32(length))
    across = (blocks.site_y * cosine - blocks.site_x * sine) / width
    strip = np.floor(across)
    # Now and then two neighbouring strips belong together.
    pair = scramble(
        np.floor(strip / 2).astype(np.int32).view(np.uint32) * np.uint32(0x9E3779B1) ^ bits
    )
    joined = (pair & np.uint32(3)) == 0
    strip_edge = np.abs(across - strip - np.float32(0.5))
    inner = np.abs(across / 2 - np.floor(strip / 2) - np.float32(0.5))
    across_margin = np.where(joined, 1 - 2 * inner, np.float32(0.5) - strip_edge) * width
    name = np.where(joined, np.floor(strip / 2) * 2, strip).astype(np.int32).view(np.uint32)
    row = scramble(name * np.uint32(0x85EBCA77) ^ bits)
    along = along + (row & np.uint32(255)).astype(np.float32) / np.float32(256)
    segment = np.floor(along)
    along_margin = (
        (np.float32(0.5) - np.abs(along - segment - np.float32(0.5))) * width * np.float32(length)
    )
    identity = scramble(segment.astype(np.int32).view(np.uint32) * np.uint32(0xC2B2AE35) ^ row)
    margin = np.minimum(np.minimum(across_margin, along_margin), blocks.border_px)
    return Parcels(identity, margin.astype(np.float32))


def share_of(bits: Bits, salt: str) -> Floats:
    """A uniform value in [0, 1) from random bits, another for each salt."""
    mixed = scramble(bits ^ np.uint32(key_of(salt)))
    share: Floats = (mixed >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
    return share
