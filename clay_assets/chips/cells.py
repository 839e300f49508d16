"""The grid of a tile's chips: every place one could be cut, kept or not."""

from dataclasses import dataclass

from clay_assets.chips.manifest import read_manifest
from clay_assets.store import Store


@dataclass(frozen=True)
class GridCell:
    """The place of one chip that was kept or rejected."""

    number: int
    """Position among the tile's possible chips, row by row, from 1."""
    row: int
    """First pixel row in the tile's grid."""
    col: int
    """First pixel column in the tile's grid."""
    size: int
    """Side in pixels."""
    fault: str | None
    """Why it was rejected; None when it was kept."""


def grid_cells(store: Store, tile: str) -> dict[str, tuple[GridCell, ...]]:
    """Date to its cells in the order of their numbers.

    Of dates that were cut before manifests kept rejected places, only kept chips are known.

    Raises:
        NotFoundError: the tile has no chips yet.
    """
    manifest = read_manifest(store, tile)
    kept = manifest.table.select(["date", "number", "row", "col", "chip_size"]).to_pylist()
    cells = [
        (
            row["date"].isoformat(),
            GridCell(row["number"], row["row"], row["col"], row["chip_size"], None),
        )
        for row in kept
    ]
    size = manifest.meta["chip_size"]
    for date, record in manifest.meta["dates"].items():
        for fault, places in record.get("places", {}).items():
            cells += [
                (date, GridCell(number, row, col, size, fault)) for number, row, col in places
            ]
    dates = sorted({date for date, _ in cells} | set(manifest.meta["dates"]))
    ordered = sorted(cells, key=lambda cell: cell[1].number)
    return {date: tuple(cell for day, cell in ordered if day == date) for date in dates}
