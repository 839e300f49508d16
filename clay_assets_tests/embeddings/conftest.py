"""A tile of small chips and a checkpoint in a store."""

import numpy as np
import pytest
import torch

from clay_assets.bands import BAND_NAMES
from clay_assets.checkpoints import put_checkpoint
from clay_assets.chips import Chip, ChipRow, write_chip, write_manifest
from clay_assets.chips.file import hash_chip
from clay_assets.models import ClayV0, ClayV0Config, TransformerSize, make_checkpoint
from clay_assets.store import Store

TILE = "32VKM"
CHIP_SIZE = 64
WIDTH = 16
SMALL = ClayV0Config(
    TransformerSize(WIDTH, 1, 2, 8, 2), TransformerSize(16, 1, 2, 8, 2), image_size=CHIP_SIZE
)


def make_chip(number, *, date="2023-06-12", seed=None, bands=BAND_NAMES, size=CHIP_SIZE) -> Chip:
    """A chip of noise; the same numbers give the same chip."""
    rng = np.random.default_rng([number, int(date.replace("-", "")), seed or 0])
    pixels = rng.uniform(1, 3000, (len(bands), size, size)).astype("float32")
    west, north = 300_000.0 + 10 * size * number, 6_500_000.0
    return Chip(
        chip_id=f"claytile_{TILE}_{date.replace('-', '')}_v10_{number:04d}",
        pixels=pixels,
        bands=bands,
        date=date,
        epsg=32632,
        bounds=(west, north - 10 * size, west + 10 * size, north),
        tags={},
    )


def row_of(chip: Chip, path: str) -> ChipRow:
    west, _, east, _ = chip.bounds
    number = int(chip.chip_id.rpartition("_")[2])
    return ChipRow(
        chip_id=chip.chip_id,
        mgrs=chip.chip_id.split("_")[1],
        date=chip.date,
        number=number,
        row=0,
        col=number * chip.pixels.shape[1],
        path=path,
        epsg=chip.epsg,
        bounds=chip.bounds,
        gsd_m=(east - west) / chip.pixels.shape[1],
        chip_size=chip.pixels.shape[1],
        bands=chip.bands,
        cloud_share=None if number == 1 else 0.25,
        nodata_share=0.0,
        scenes=("S2A_X",),
        content_hash=hash_chip(chip),
    )


def put_chips(store: Store, chips: list[Chip], tile: str = TILE) -> list[ChipRow]:
    """Store chips and their manifest; the rows come in the manifest's order."""
    rows = []
    for chip in chips:
        path = f"chips/{tile}/{chip.date}/{chip.chip_id}.tif"
        write_chip(store, path, chip)
        rows.append(row_of(chip, path))
    put_manifest(store, rows, tile)
    return sorted(rows, key=lambda row: (row.date, row.number))


def put_manifest(store: Store, rows: list[ChipRow], tile: str = TILE) -> str:
    return write_manifest(
        store, tile, rows, inputs="", run_id="", chip_size=64, rejected={}, source="made up"
    )


def put_weights(store: Store, name: str = "default", *, seed: int = 0) -> str:
    """Store a small random network; returns its id."""
    torch.manual_seed(seed)
    checkpoint = make_checkpoint(SMALL, ClayV0(SMALL).state_dict(), {"source": "random"})
    return put_checkpoint(store, checkpoint, name, inputs=str(seed), run_id="training").id


@pytest.fixture
def chips() -> list[Chip]:
    """Five chips, three on one day and two on another."""
    earlier = [make_chip(number) for number in (1, 2, 4)]
    return earlier + [make_chip(number, date="2023-09-01") for number in (1, 2)]


@pytest.fixture
def tile(store: Store, chips: list[Chip]) -> Store:
    """A store with a tile of chips and a checkpoint `default`."""
    put_chips(store, chips)
    put_weights(store)
    return store
