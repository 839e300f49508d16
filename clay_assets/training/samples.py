"""Chips as training samples: normalised, kept in memory as far as allowed, cropped at random."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from clay_assets import progress
from clay_assets.chips import read_chip
from clay_assets.models import encode_latlon, encode_timestep, normalise
from clay_assets.store import Store

_READ_THREADS = 4

Sample = tuple[Tensor, Tensor, Tensor]
"""Pixels (C, S, S) normalised, place (2,), date (3,)."""


@dataclass(frozen=True)
class Crop:
    """A square of one chip."""

    chip: int
    """Row of the chip."""
    row: int
    """First pixel row."""
    col: int
    """First pixel column."""


class ChipCrops(Dataset[Sample]):
    """Crops of chips. The same crop always gives the same sample."""

    def __init__(
        self,
        store: Store,
        chips: pd.DataFrame,
        bands: tuple[str, ...],
        crop_size: int,
        *,
        cache_bytes: int,
    ) -> None:
        """Read chips of `store`, listed in rows of the training set, as they are asked for."""
        self._store = store
        self._paths = chips["path"].tolist()
        self._bands = bands
        self._crop_size = crop_size
        # The first chips that fit are kept for good: under random access nothing else does better.
        pixels = chips["chip_size"].astype("int64") ** 2 * len(bands)
        self._keep = int(((pixels * torch.half.itemsize).cumsum() <= cache_bytes).sum())
        self._kept: dict[int, Tensor] = {}
        places = zip(chips["lon"], chips["lat"], strict=True)
        self._latlon = torch.tensor([encode_latlon(lon, lat) for lon, lat in places])
        dates = [encode_timestep(date.isoformat()) for date in chips["date"]]
        self._timestep = torch.tensor(dates)

    def __getitem__(self, crop: Crop) -> Sample:
        """Pixels, place and date of a crop.

        Raises:
            ChipError: the chip's file breaks the chip contract.
        """
        size = self._crop_size
        chip = self.pixels(crop.chip)
        pixels = chip[:, crop.row : crop.row + size, crop.col : crop.col + size].float()
        return pixels, self._latlon[crop.chip], self._timestep[crop.chip]

    def pixels(self, chip: int) -> Tensor:
        """(C, H, W) float16, normalised, of one chip.

        Half precision keeps twice as many in memory; its error is far below a sensor's noise.
        """
        if chip in self._kept:
            return self._kept[chip]
        pixels = self._decode(chip)
        if chip < self._keep:
            self._kept[chip] = pixels
        return pixels

    def some_chips(self, count: int) -> list[Tensor]:
        """Up to `count` chips, spread evenly over the list; each as `pixels` gives it."""
        chips = np.linspace(0, len(self._paths) - 1, min(count, len(self._paths)), dtype=int)
        # Not kept: what is kept here would be copied to each process that reads.
        return [
            self._kept[chip] if chip in self._kept else self._decode(chip)
            for chip in chips.tolist()
        ]

    def read_ahead(self) -> None:
        """Read the chips that are kept, in threads, and report progress."""
        with ThreadPoolExecutor(_READ_THREADS) as pool:
            reading = pool.map(self.pixels, range(self._keep))
            for _ in progress.track(reading, "Reading chips", self._keep):
                pass

    def _decode(self, chip: int) -> Tensor:
        found = read_chip(self._store, self._paths[chip])
        order = [found.bands.index(name) for name in self._bands]
        return normalise(torch.from_numpy(found.pixels[order]), self._bands).half()


class RandomCrops(Sampler[Crop]):
    """Endless crops at random places, each chip once before any comes again."""

    def __init__(self, sides: list[int], crop_size: int, generator: torch.Generator) -> None:
        """Crop the first chips of a list, of these sides in pixels."""
        self._sides = sides
        self._crop_size = crop_size
        self._generator = generator

    def __iter__(self) -> Iterator[Crop]:
        """Crops without end."""
        while True:
            for chip in torch.randperm(len(self._sides), generator=self._generator).tolist():
                spare = self._sides[chip] - self._crop_size + 1
                row, col = torch.randint(spare, (2,), generator=self._generator).tolist()
                yield Crop(chip, row, col)


def central_crops(sides: list[int], crop_size: int, *, first: int, count: int) -> list[Crop]:
    """Up to `count` crops from the middle of chips, spread evenly over the list from `first` on."""
    held_out = len(sides) - first
    chips = first + np.linspace(0, held_out - 1, min(count, held_out), dtype=int)
    starts = [(sides[chip] - crop_size) // 2 for chip in chips.tolist()]
    return [Crop(chip, start, start) for chip, start in zip(chips.tolist(), starts, strict=True)]
