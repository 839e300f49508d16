"""Batches of a training set: which bands and crops suit all its chips, and in what order."""

from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from clay_assets.bands import BAND_GROUPS, BAND_NAMES
from clay_assets.errors import InvalidValueError
from clay_assets.store import Store
from clay_assets.training.config import TrainingConfig
from clay_assets.training.losses import band_spread
from clay_assets.training.samples import ChipCrops, Crop, RandomCrops, Sample, central_crops
from clay_assets.training.splitting import TRAIN, VALIDATION
from clay_assets.training.training_set import TrainingSet

_CHIPS_FOR_SPREAD = 32


@dataclass(frozen=True)
class Loaders:
    """Batches to train on and to validate with."""

    bands: tuple[str, ...]
    """Names of the samples' bands."""
    crop_size: int
    """Side of the samples in pixels."""
    chip_size: int
    """Side of the largest chip in pixels."""
    spread: Tensor
    """(C,) spread of each band over some of the chips."""
    training: DataLoader[Sample]
    """Batches without end."""
    held_out: DataLoader[Sample] | None
    """The same few batches each time, None when no chip was kept apart."""


def make_loaders(store: Store, training_set: TrainingSet, config: TrainingConfig) -> Loaders:
    """Loaders of a training set; as many chips as may be kept in memory are read first.

    Raises:
        ChipError: a chip's file is damaged.
        InvalidValueError: no crop fits in the chips, or they have no band group in common.
    """
    training, held_out = training_set.part(TRAIN), training_set.part(VALIDATION)
    chips = pd.concat([training, held_out], ignore_index=True)
    sides, first = chips["chip_size"].tolist(), len(training)
    bands, crop_size = common_bands(chips), fitting_crop(sides, config)
    crops = ChipCrops(store, chips, bands, crop_size, cache_bytes=int(config.cache_gib * 2**30))
    if not config.workers:
        crops.read_ahead()
    generator = torch.Generator().manual_seed(config.seed)
    fixed = central_crops(sides, crop_size, first=first, count=config.validation_crops)
    return Loaders(
        bands,
        crop_size,
        max(sides),
        band_spread(crops.some_chips(_CHIPS_FOR_SPREAD)),
        training=_batches(crops, RandomCrops(sides[:first], crop_size, generator), config),
        held_out=_batches(crops, fixed, config) if fixed else None,
    )


def common_bands(chips: pd.DataFrame) -> tuple[str, ...]:
    """Bands of the band groups that every chip has whole, in file order.

    Raises:
        InvalidValueError: there is none.
    """
    kinds = {tuple(bands) for bands in chips["bands"]}
    shared = set(BAND_NAMES).intersection(*kinds)
    grouped = {name for names in BAND_GROUPS.values() if shared.issuperset(names) for name in names}
    if not grouped:
        listed = "; ".join(sorted(" ".join(kind) for kind in kinds))
        raise InvalidValueError(f"the chips have no band group in common; their bands are {listed}")
    return tuple(name for name in BAND_NAMES if name in grouped)


def fitting_crop(sides: list[int], config: TrainingConfig) -> int:
    """The largest crop up to the config's that fits in every chip and that the patch divides.

    Raises:
        InvalidValueError: not one patch fits.
    """
    room = min(config.crop_size, *sides)
    if room < config.patch_size:
        raise InvalidValueError(
            f"patch_size {config.patch_size} does not fit in a crop of {room} pixels; crop_size is "
            f"{config.crop_size}, the smallest chip {min(sides)}"
        )
    return room // config.patch_size * config.patch_size


def _batches(
    crops: ChipCrops, sampler: RandomCrops | list[Crop], config: TrainingConfig
) -> DataLoader[Sample]:
    return DataLoader(
        crops,
        batch_size=config.batch_size,
        sampler=sampler,
        num_workers=config.workers,
        persistent_workers=config.workers > 0,
        # A forked process would wait for ever for the store's own threads.
        multiprocessing_context="spawn" if config.workers else None,
    )
