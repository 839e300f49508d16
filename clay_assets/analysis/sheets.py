"""Sheets of chips, or of patches with what is around them, that stand for a finding."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clay_assets.chips import read_chip
from clay_assets.errors import NotFoundError
from clay_assets.pictures import Picture, chip_sheet_png, neighbour_sheet_png, rgb_of
from clay_assets.store import Store

Grid = tuple[int, int] | None


@dataclass(frozen=True)
class Shown:
    """One picture of a sheet."""

    id: str
    """Of the chip or patch."""
    source_url: str
    """Where its chip lies."""
    title: str
    """First line below."""
    note: str
    """Second line."""


def rows_png(store: Store, rows: Sequence[Sequence[Shown]], grid: Grid) -> bytes:
    """One row a group, its first picture framed.

    Args:
        store: with the chips.
        rows: what is shown.
        grid: rows and columns of a chip's patches; None where ids are those of chips.
    """
    return neighbour_sheet_png([[picture_of(store, each, grid) for each in row] for row in rows])


def sheet_png(store: Store, shown: Sequence[Shown], grid: Grid) -> bytes:
    """Pictures from the first on, row by row."""
    return chip_sheet_png([picture_of(store, each, grid) for each in shown])


def picture_of(store: Store, shown: Shown, grid: Grid) -> Picture:
    """A chip, or a patch with one more on each side; black where a ready chip was deleted."""
    try:
        chip = read_chip(store, shown.source_url)
    except NotFoundError:
        return Picture(np.zeros((3, 2, 2), np.float32), shown.title, "deleted")
    rgb = rgb_of(chip.pixels, chip.bands)
    if grid is not None:
        rgb = _around(rgb, shown.id, grid)
    return Picture(rgb, shown.title, shown.note)


def _around(rgb: np.ndarray, patch_id: str, grid: tuple[int, int]) -> np.ndarray:
    *_, row, col = patch_id.split("/")
    parts = []
    for number, count, size in zip((int(row), int(col)), grid, rgb.shape[1:], strict=True):
        first, last = max(0, number - 1), min(count, number + 2)
        parts.append(slice(size * first // count, size * last // count))
    return rgb[:, parts[0], parts[1]]
