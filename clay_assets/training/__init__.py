"""Training: chips split by place, and a masked autoencoder that learns from them."""

from clay_assets.training.config import TrainingConfig
from clay_assets.training.fit import CODE_VERSION, Losses, TrainingReport, train
from clay_assets.training.reconstruction import Reconstruction
from clay_assets.training.training_set import (
    SET_VERSION,
    TrainingSet,
    TrainingSetReport,
    build_training_set,
    read_training_set,
)

__all__ = [
    "CODE_VERSION",
    "SET_VERSION",
    "Losses",
    "Reconstruction",
    "TrainingConfig",
    "TrainingReport",
    "TrainingSet",
    "TrainingSetReport",
    "build_training_set",
    "read_training_set",
    "train",
]
