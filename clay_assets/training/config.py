"""Settings of one training."""

from dataclasses import dataclass

from clay_assets.errors import InvalidValueError
from clay_assets.models import SIZES, TransformerSize

SCHEDULES = ("one_cycle", "reference")
LOSSES = ("robust", "reference")


@dataclass(frozen=True)
class TrainingConfig:
    """How to train; the default learns something useful in a minute on two cores."""

    encoder: TransformerSize = SIZES["tiny"][0]
    """Size of the encoder; with `decoder` by default the smallest one of Clay v0."""
    decoder: TransformerSize = SIZES["tiny"][1]
    """Size of the decoder."""
    patch_size: int = 32
    """Side in pixels of what becomes one token."""
    crop_size: int = 256
    """Side in pixels of what is cut at random from a chip; less when chips are smaller."""
    mask_ratio: float = 0.75
    """Share of tokens hidden."""
    batch_size: int = 8
    """Crops a step."""
    learning_rate: float = 1e-3
    """Highest rate of `one_cycle`, lowest of `reference`."""
    weight_decay: float = 0.05
    """Of AdamW, on all parameters as Clay has it."""
    schedule: str = "one_cycle"
    """`one_cycle` warms up and fades out over the budget; `reference` is Clay's own."""
    loss: str = "robust"
    """`robust` scales each band by its spread and does not let clouds and snow, many times
    brighter than the ground, drown the rest; `reference` is Clay's own squared error."""
    max_seconds: float | None = 60.0
    """Time for training, None for no limit; the loss then repeats exactly under one seed."""
    max_steps: int | None = None
    """Optimiser steps at most, None for no limit."""
    validate_every: int = 20
    """Steps from one validation to the next; the best state is the one that is kept."""
    validation_crops: int = 32
    """Crops a validation, the same each time."""
    seed: int = 42
    """Of weights, masks, order and crops."""
    workers: int = 0
    """Processes that read chips ahead; 0 reads in this one."""
    cache_gib: float = 2.0
    """Memory for decoded chips, for each process that reads."""

    def __post_init__(self) -> None:
        """Check what cannot be checked later with a clear message."""
        for name, allowed in (("schedule", SCHEDULES), ("loss", LOSSES)):
            if getattr(self, name) not in allowed:
                raise InvalidValueError(
                    f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}"
                )
        for name in ("crop_size", "batch_size", "validate_every", "validation_crops"):
            if getattr(self, name) < 1:
                raise InvalidValueError(f"{name} must be 1 or more, got {getattr(self, name)}")
        if not 0 < self.mask_ratio < 1:
            raise InvalidValueError(f"mask_ratio must be between 0 and 1, got {self.mask_ratio}")
        limits = (self.max_seconds, self.max_steps)
        if limits == (None, None) or any(limit is not None and limit <= 0 for limit in limits):
            raise InvalidValueError(
                f"max_seconds or max_steps must be given and positive, got {limits[0]} and "
                f"{limits[1]}"
            )
