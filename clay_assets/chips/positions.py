"""Where chips lie in an area of pixels: plain arithmetic."""

from collections.abc import Iterator
from dataclasses import dataclass

BLOCK_ROWS = 512
"""Height of a block of chips, unless a chip is higher; that of blocks that scenes are stored in."""


@dataclass(frozen=True)
class Position:
    """Place of one chip."""

    number: int
    """From 1, row by row from the upper left corner."""
    row: int
    """First row of pixels in the area."""
    col: int
    """First column of pixels in the area."""


@dataclass(frozen=True)
class Positions:
    """All chips of an area, side by side from its upper left corner; edges left over are dropped.

    >>> positions = Positions(1098, 1098, 512)
    >>> len(positions), positions.of(4)
    (4, Position(number=4, row=512, col=512))
    """

    height: int
    """Rows of the area."""
    width: int
    """Columns of the area."""
    chip_size: int
    """Side of a chip in pixels."""

    def __len__(self) -> int:
        """How many chips there are."""
        return self.rows * self.columns

    @property
    def rows(self) -> int:
        """Chips from top to bottom."""
        return self.height // self.chip_size

    @property
    def columns(self) -> int:
        """Chips from left to right."""
        return self.width // self.chip_size

    def of(self, number: int) -> Position:
        """Place of a chip, by its number from 1."""
        row, column = divmod(number - 1, self.columns)
        return Position(number, row * self.chip_size, column * self.chip_size)

    def blocks(self, max_pixels: int) -> Iterator[list[Position]]:
        """The chips in rectangles of at most `max_pixels` pixels, or of one chip.

        A block is about as high as the blocks that scenes are stored in, so that none of those is
        decoded for many blocks of ours.
        """
        rows = max(1, BLOCK_ROWS // self.chip_size)
        columns = max(1, max_pixels // (rows * self.chip_size**2))
        for row in range(0, self.rows, rows):
            for column in range(0, self.columns, columns):
                yield [
                    self.of(r * self.columns + c + 1)
                    for r in range(row, min(row + rows, self.rows))
                    for c in range(column, min(column + columns, self.columns))
                ]
