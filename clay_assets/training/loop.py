"""Run a training with Lightning, without a word on the console or a file on disk."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import lightning.pytorch as L
from torch import Tensor

from clay_assets.models import ClayV0, choose_device
from clay_assets.training.config import TrainingConfig
from clay_assets.training.loaders import Loaders
from clay_assets.training.module import MaskedAutoencoder
from clay_assets.training.schedule import Budget

_GRADIENT_NORM = 1.0  # ours, not Clay's: short trainings at high rates need it
_ACCELERATORS = {"cpu": "cpu", "cuda": "gpu", "mps": "mps"}  # as Lightning calls them


@dataclass(frozen=True)
class Outcome:
    """A trained network and how it came about."""

    state: dict[str, Tensor]
    """State of the lowest validation loss, or the last without validation."""
    steps: int
    """Optimiser steps taken."""
    seconds: float
    """Time it took."""
    train_losses: list[tuple[int, float]]
    """(step, loss) of each step."""
    validation_losses: list[tuple[int, float]]
    """(steps taken, loss) of each validation."""


def run_loop(
    network: ClayV0,
    config: TrainingConfig,
    loaders: Loaders,
    *,
    device: str,
    name: str,
) -> Outcome:
    """Train `network` until the budget is spent; `name` is for progress.

    Raises:
        InvalidValueError: this machine has no such device.
    """
    device = choose_device(device)
    budget = Budget(config.max_seconds, config.max_steps)
    module = MaskedAutoencoder(network, config, loaders.spread, budget, name)
    with quiet_lightning():
        trainer = L.Trainer(
            accelerator=_ACCELERATORS[device],
            devices=1,
            precision="bf16-mixed" if device == "cuda" else "32-true",
            max_epochs=-1,
            gradient_clip_val=_GRADIENT_NORM,
            val_check_interval=config.validate_every,
            check_val_every_n_epoch=None,
            num_sanity_val_steps=-1,  # all of it: the loss before training
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, loaders.training, loaders.held_out)  # validates once more at its end
    state = module.best_state or {key: value.cpu() for key, value in network.state_dict().items()}
    return Outcome(
        state,
        budget.steps,
        budget.seconds,
        [(step, loss.item()) for step, loss in module.train_losses],
        module.validation_losses,
    )


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Keep Lightning's tips, device lists and loader advice off the console."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\.")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
