"""Small areas of real chip files, of two kinds of ground."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
import torch

from clay_assets.bands import BAND_NAMES, statistics_of
from clay_assets.chips import Chip, ChipRow, write_chip, write_manifest
from clay_assets.chips.file import hash_chip
from clay_assets.mgrs import tile_box
from clay_assets.store import Store

DATES = ("2021-05-10", "2021-08-28")
MakeArea = Callable[..., list[ChipRow]]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Small tensors gain nothing from threads, and lose much when cores are shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def ground(kind: int, bands: tuple[str, ...], size: int, seed: int) -> np.ndarray:
    """(C, H, W) pixels of smooth (0) or striped (1) ground with noise, in raw units."""
    generator = np.random.default_rng(seed)
    means, stds = (np.array(values)[:, None, None] for values in statistics_of(bands))
    stripes = np.sin(np.arange(size) * 0.8)[None, None, :]
    pattern = 0.3 + 0.5 * stripes if kind else np.full((1, 1, size), -0.3)
    noise = generator.normal(scale=0.1, size=(len(bands), size, size))
    return np.abs(means + stds * (pattern + noise)).astype(np.float32)


@pytest.fixture
def make_area(store: Store) -> MakeArea:
    """Write chips and manifest of a tile; the kind of ground is the column's parity."""

    def make(
        tile: str = "32VKM",
        *,
        rows: int = 5,
        columns: int = 5,
        size: int = 32,
        bands: tuple[str, ...] = BAND_NAMES,
        dates: Sequence[str] = DATES,
    ) -> list[ChipRow]:
        box, side_m, made = tile_box(tile), size * 10, []
        for date in dates:
            for number in range(rows * columns):
                row, column = divmod(number, columns)
                west, north = box.west + column * side_m, box.north - row * side_m
                bounds = (west, north - side_m, west + side_m, north)
                chip_id = f"claytile_{tile}_{date.replace('-', '')}_v02_{number + 1:04d}"
                pixels = ground(column % 2, bands, size, seed=len(made))
                chip = Chip(chip_id, pixels, bands, date, box.epsg, bounds, {})
                key = f"chips/{tile}/{date}/{chip_id}.tif"
                write_chip(store, key, chip)
                made.append(
                    ChipRow(
                        chip_id=chip_id,
                        mgrs=tile,
                        date=date,
                        number=number + 1,
                        row=row * size,
                        col=column * size,
                        path=key,
                        epsg=box.epsg,
                        bounds=bounds,
                        gsd_m=10.0,
                        chip_size=size,
                        bands=bands,
                        cloud_share=0.01 * number,
                        nodata_share=0.0,
                        scenes=("a scene",),
                        content_hash=hash_chip(chip),
                    )
                )
        write_manifest(
            store,
            tile,
            made,
            inputs="inputs",
            run_id="run-0",
            chip_size=size,
            rejected={},
            source="a test",
        )
        return made

    return make
