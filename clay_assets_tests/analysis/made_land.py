"""A made-up country: two kinds of ground, seen on three days, with something to be found in it."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import shapely

from clay_assets.mgrs import tile_centre_wgs84
from clay_assets.store import Store
from clay_assets_tests.search.embedding_files import MadeChip, write_all

TILES = ("32VKM", "33VUG")
DAYS = tuple(date(2021, 3, 1) + timedelta(days=90 * number) for number in range(3))
SIDE = 10
WIDTH = 16


def kinds() -> np.ndarray:
    """(2, WIDTH) mean vectors of field and water, with what all ground has in common."""
    return np.random.default_rng(1).normal(size=(2, WIDTH)) + 3


def made_land(*, tiles: tuple[str, ...] = TILES, noise: float = 0.3) -> list[MadeChip]:
    """`SIDE` squared places a tile and day; water and field alternate every three columns."""
    chips, means = [], kinds()
    for tile in tiles:
        rng = np.random.default_rng([2, *tile.encode()])
        lon, lat = tile_centre_wgs84(tile)
        for day in DAYS:
            for place in range(SIDE * SIDE):
                row, col = divmod(place, SIDE)
                west, south = lon + 0.05 * col, lat - 0.05 * row
                chips.append(
                    MadeChip(
                        f"claytile_{tile}_{day:%Y%m%d}_v01_{place + 1:04d}",
                        tile,
                        day,
                        0.1,
                        shapely.box(west, south, west + 0.05, south + 0.05),
                        means[kind_of(place)] + noise * rng.normal(size=WIDTH),
                    )
                )
    return chips


def kind_of(place: int) -> int:
    """0 for field, 1 for water."""
    return (place % SIDE) // 3 % 2


def class_of(chip: MadeChip) -> str:
    """What a person would call it."""
    return ("field", "water")[kind_of(int(chip.chip_id[-4:]) - 1)]


def chip_named(chips: list[MadeChip], tile: str, day: date, place: int) -> int:
    """Where a chip stands in the list."""
    name = f"claytile_{tile}_{day:%Y%m%d}_v01_{place:04d}"
    return next(number for number, chip in enumerate(chips) if chip.chip_id == name)


def with_vector(chips: list[MadeChip], number: int, vector: np.ndarray) -> list[MadeChip]:
    """The chips with one vector in place of another."""
    changed = list(chips)
    changed[number] = replace(chips[number], embedding=vector)
    return changed


def put(store: Store, chips: list[MadeChip], **options: str) -> None:
    """Write the embedding files of product `clay`."""
    write_all(store, "clay", chips, **options)
