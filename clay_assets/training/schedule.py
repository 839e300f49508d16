"""How far a training is, and the learning rate that follows from it."""

import math
import time

from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts, LambdaLR, LRScheduler

from clay_assets import progress
from clay_assets.training.config import TrainingConfig

_WARM_UP = 0.1
_LAST_FACTOR = 0.01


class Budget:
    """Time and steps of a training, whichever ends first."""

    def __init__(self, max_seconds: float | None, max_steps: int | None) -> None:
        """Start the clock."""
        self._max_seconds = max_seconds
        self._max_steps = max_steps
        self._started = time.monotonic()
        self.steps = 0

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return time.monotonic() - self._started

    @property
    def spent(self) -> float:
        """Share of the budget that is gone; 1 or more at the end."""
        of_time = self.seconds / self._max_seconds if self._max_seconds else 0.0
        of_steps = self.steps / self._max_steps if self._max_steps else 0.0
        return max(of_time, of_steps)

    def report(self, name: str) -> None:
        """Tell listeners how much is gone, in percent."""
        progress.report(f"Training {name}", min(100, int(100 * self.spent)), 100)


def one_cycle_factor(spent: float) -> float:
    """Factor of the learning rate: up in a straight line, then down by half a cosine.

    >>> [round(one_cycle_factor(spent), 2) for spent in (0.0, 0.05, 0.1, 0.55, 1.0)]
    [0.01, 0.5, 1.0, 0.5, 0.01]
    """
    if spent < _WARM_UP:
        return max(_LAST_FACTOR, spent / _WARM_UP)
    fading = (min(spent, 1.0) - _WARM_UP) / (1 - _WARM_UP)
    return max(_LAST_FACTOR, 0.5 * (1 + math.cos(math.pi * fading)))


def make_schedule(optimiser: Optimizer, config: TrainingConfig, budget: Budget) -> LRScheduler:
    """The learning rate's schedule, to be stepped after each optimiser step."""
    if config.schedule == "one_cycle":
        return LambdaLR(optimiser, lambda _: one_cycle_factor(budget.spent))
    # Clay: the "minimum" lies above the start, so the rate rises in each cycle and drops back.
    return CosineAnnealingWarmRestarts(
        optimiser, T_0=1000, T_mult=2, eta_min=config.learning_rate * 10
    )
