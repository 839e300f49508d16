"""Chips of one date, cut from its scenes block by block."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from clay_assets import __version__, progress
from clay_assets.chips.file import Chip, hash_chip, write_chip
from clay_assets.chips.journal import Cut, Journal
from clay_assets.chips.manifest import ChipRow
from clay_assets.chips.positions import BLOCK_ROWS, Position, Positions
from clay_assets.chips.quality import Quality, judge
from clay_assets.errors import ChipError
from clay_assets.ingest.chip_names import ChipName
from clay_assets.ingest.reading import DateReader, DateWindow, open_date
from clay_assets.ingest.recipe import DatePlan, Recipe
from clay_assets.store import Store

_BLOCK_PIXELS = 1 << 20
"""Pixels of each band that are read at a time; twice as many are held."""

Block = list[Position]


@dataclass(frozen=True)
class DateCutter:
    """Cuts one date of a recipe."""

    store: Store
    """Where the chips go."""
    recipe: Recipe
    """Of the tile."""
    plan: DatePlan
    """Of the date."""
    chip_size: int
    """Side of a chip in pixels."""
    run_id: str
    """Kept in each chip."""

    def cut(self, journal: Journal) -> Cut:
        """Cut the chips of the date, save what the journal has already.

        Raises:
            ChipError: the area is smaller than a chip.
            ImageryError: a file cannot be read.
            StoreError: a chip cannot be written.
        """
        blocks = list(self._positions().blocks(_BLOCK_PIXELS))
        finished = {_part(block): journal.read(_part(block)) for block in blocks}
        missing = [block for block in blocks if finished[_part(block)] is None]
        step = f"Cutting chips of {self.recipe.mgrs}, {self.plan.date}"
        total = sum((cut for cut in finished.values() if cut), Cut())
        with (
            open_date(self.recipe, self.plan.date) as reader,
            reader.remembering(max(self.chip_size, BLOCK_ROWS)),
            ThreadPoolExecutor(os.cpu_count()) as pool,
        ):
            windows = self._windows(missing, reader)
            for block, window in progress.track(windows, step, len(missing)):
                cut = self._cut_block(block, window, pool)
                journal.write(_part(block), cut)
                total += cut
        return total

    def _positions(self) -> Positions:
        window = self.recipe.window
        positions = Positions(window.height, window.width, self.chip_size)
        if not len(positions):
            raise ChipError(
                f"tile {self.recipe.mgrs} has {window.height}x{window.width} pixels here, fewer "
                f"than one chip of {self.chip_size}; take a smaller chip_size or a larger subset"
            )
        return positions

    def _windows(
        self, blocks: Sequence[Block], reader: DateReader
    ) -> Iterator[tuple[Block, DateWindow]]:
        """Each block with its pixels; the next one is read while the caller works."""

        def read(block: Block) -> DateWindow:
            first, last = block[0], block[-1]
            return reader.read(
                self.recipe.window.row + first.row,
                self.recipe.window.col + first.col,
                last.row + self.chip_size - first.row,
                last.col + self.chip_size - first.col,
            )

        with ThreadPoolExecutor(1) as ahead:
            upcoming = [ahead.submit(read, block) for block in blocks[:1]]
            for index, block in enumerate(blocks):
                window = upcoming.pop().result()
                upcoming = [ahead.submit(read, after) for after in blocks[index + 1 : index + 2]]
                yield block, window

    def _cut_block(self, block: Block, window: DateWindow, pool: ThreadPoolExecutor) -> Cut:
        rows: list[ChipRow] = []
        places: dict[str, list[tuple[int, int, int]]] = {}
        chips = [_part_of(window, position, block[0], self.chip_size) for position in block]
        qualities = [judge(chip.pixels, chip.bands, chip.classes) for chip in chips]
        stored = pool.map(self._store, block, chips, qualities)
        for position, row, quality in zip(block, stored, qualities, strict=True):
            if row:
                rows.append(row)
            if quality.fault:
                places.setdefault(quality.fault, []).append(
                    (position.number, *self._corner(position))
                )
        rejected = Counter({reason: len(found) for reason, found in places.items()})
        return Cut(tuple(rows), rejected, places)

    def _corner(self, position: Position) -> tuple[int, int]:
        """First row and column in the tile's grid."""
        return self.recipe.window.row + position.row, self.recipe.window.col + position.col

    def _store(self, position: Position, window: DateWindow, quality: Quality) -> ChipRow | None:
        """Write a chip, unless it is rejected."""
        if quality.fault:
            return None
        name = ChipName(self.recipe.mgrs, self.plan.date, position.number)
        row, col = self._corner(position)
        grid = self.recipe.grid.window(row, col, self.chip_size, self.chip_size)
        facts: dict[str, Any] = {
            "mgrs": self.recipe.mgrs,
            "date": self.plan.date,
            "number": position.number,
            "row": row,
            "col": col,
            "gsd_m": grid.gsd_m,
            "chip_size": self.chip_size,
            "cloud_share": quality.cloud_share,
            "nodata_share": quality.nodata_share,
            "scenes": self.plan.scenes,
        }
        tags = {key: str(value) for key, value in facts.items()} | {
            "scenes": " ".join(self.plan.scenes),
            "run_id": self.run_id,
            "package_version": __version__,
        }
        chip = Chip(
            str(name), window.pixels, window.bands, self.plan.date, grid.epsg, grid.bounds, tags
        )
        path = f"chips/{self.recipe.mgrs}/{self.plan.date}/{name}.tif"
        write_chip(self.store, path, chip)
        return ChipRow(
            chip_id=str(name),
            path=path,
            epsg=grid.epsg,
            bounds=grid.bounds,
            bands=window.bands,
            content_hash=hash_chip(chip),
            **facts,
        )


def _part(block: Block) -> str:
    return f"{block[0].number:06d}-{block[-1].number:06d}"


def _part_of(window: DateWindow, position: Position, first: Position, chip_size: int) -> DateWindow:
    """One chip's pixels out of its block's."""
    row, col = position.row - first.row, position.col - first.col
    part = slice(row, row + chip_size), slice(col, col + chip_size)
    classes = None if window.classes is None else window.classes[part]
    return DateWindow(window.pixels[:, *part], window.bands, classes)
