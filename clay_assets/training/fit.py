"""From a training set to a checkpoint in the store."""

from dataclasses import asdict, dataclass

import torch

from clay_assets.bands import band_groups_of
from clay_assets.checkpoints import StoredCheckpoint, load_checkpoint, put_checkpoint, up_to_date
from clay_assets.chips import read_chip
from clay_assets.models import Checkpoint, ClayV0, ClayV0Config, make_checkpoint
from clay_assets.provenance import fingerprint
from clay_assets.store import Store
from clay_assets.training.config import TrainingConfig
from clay_assets.training.loaders import Loaders, make_loaders
from clay_assets.training.reconstruction import Reconstruction, reconstruct
from clay_assets.training.splitting import TRAIN, VALIDATION
from clay_assets.training.training_set import TrainingSet, read_training_set

CODE_VERSION = "1"
"""Raised when the same set and config would train to other weights."""

Losses = tuple[tuple[int, float], ...]
"""(steps taken before, loss) in order."""
_LOSSES_KEPT = 1000


@dataclass(frozen=True)
class TrainingReport:
    """What a training came to."""

    data_version: str
    """Content id of the checkpoint."""
    skipped: bool
    """Whether it was there already, trained with the same config on the same set."""
    name: str
    """Name of the checkpoint."""
    parameters: int
    """Numbers in its tensors."""
    chips: int
    """Chips it was trained on."""
    steps: int
    """Optimiser steps taken."""
    seconds: float
    """Time spent training."""
    train_losses: Losses
    """Of each step, or of every n-th of thousands."""
    validation_losses: Losses
    """Of each validation; none when no chip was kept apart."""
    reconstruction: Reconstruction | None
    """A chip it was not trained on, if there is one; None without red, green and blue."""


def train(
    store: Store, name: str, config: TrainingConfig, *, device: str = "auto", run_id: str
) -> TrainingReport:
    """Train a masked autoencoder on the training set and store its best state under `name`.

    Args:
        store: where the training set is and the checkpoint goes.
        name: name to give the checkpoint.
        config: how to train.
        device: `auto`, `cpu`, `cuda` or `mps`.
        run_id: run to note.

    Raises:
        NotFoundError: there is no training set.
        ChipError: a chip's file is damaged.
        InvalidValueError: no crop fits in the chips, they have no band group in common, or this
            machine has no such device.
    """
    training_set = read_training_set(store)
    inputs = fingerprint(CODE_VERSION, training_set.meta["data_version"], asdict(config))
    stored = up_to_date(store, name, inputs)
    skipped = stored is not None
    if stored is None:
        checkpoint = _fit(store, training_set, config, device, name)
        stored = put_checkpoint(store, checkpoint, name, inputs=inputs, run_id=run_id)
    example = _example(store, training_set, load_checkpoint(store, stored.id), config.seed)
    return _report(stored, name, skipped, example)


def _fit(
    store: Store, training_set: TrainingSet, config: TrainingConfig, device: str, name: str
) -> Checkpoint:
    # Lightning takes two seconds to import, which nothing but training should pay.
    from clay_assets.training.loop import run_loop

    loaders = make_loaders(store, training_set, config)
    network = _new_network(config, loaders)
    outcome = run_loop(network, config, loaders, device=device, name=name)
    version = training_set.meta["data_version"]
    facts = {
        "config": asdict(config),
        "training_set": version,
        "bands": loaders.bands,
        "crop_size": loaders.crop_size,
        "chips": len(training_set.part(TRAIN)),
        "steps": outcome.steps,
        "seconds": round(outcome.seconds, 1),
        "train_losses": outcome.train_losses[:: 1 + outcome.steps // _LOSSES_KEPT],
        "validation_losses": outcome.validation_losses,
    }
    card = {"source": f"trained on training set {version}", "training": facts}
    return make_checkpoint(network.config, outcome.state, card, name=name)


def _new_network(config: TrainingConfig, loaders: Loaders) -> ClayV0:
    """A network with first weights that follow from the seed alone."""
    patch_size = config.patch_size
    shape = ClayV0Config(
        config.encoder,
        config.decoder,
        image_size=loaders.chip_size // patch_size * patch_size,
        patch_size=patch_size,
        mask_ratio=config.mask_ratio,
        band_groups=tuple(band_groups_of(loaders.bands)),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        return ClayV0(shape, loaders.bands)


def _example(
    store: Store, training_set: TrainingSet, checkpoint: Checkpoint, seed: int
) -> Reconstruction | None:
    """The clearest of the chips held out, or of those trained on."""
    candidates = training_set.part(VALIDATION)
    if candidates.empty:
        candidates = training_set.part(TRAIN)
    row = candidates.iloc[candidates["cloud_share"].fillna(0).argmin()]
    chip = read_chip(store, row["path"])
    return reconstruct(checkpoint, chip, (row["lon"], row["lat"]), seed=seed)


def _report(
    stored: StoredCheckpoint, name: str, skipped: bool, example: Reconstruction | None
) -> TrainingReport:
    facts = stored.card["card"]["training"]
    train_losses, validation_losses = (
        tuple((int(step), float(loss)) for step, loss in facts[series])
        for series in ("train_losses", "validation_losses")
    )
    return TrainingReport(
        data_version=stored.id,
        skipped=skipped,
        name=name,
        parameters=stored.card["parameters"],
        chips=facts["chips"],
        steps=facts["steps"],
        seconds=facts["seconds"],
        train_losses=train_losses,
        validation_losses=validation_losses,
        reconstruction=example,
    )
