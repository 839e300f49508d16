"""Golden inputs and networks of Clay v0."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from clay_assets.models import Checkpoint, ClayV0, build, normalise, read_original

TINY_HEADS = (2, 2)  # the golden network is no released size; shared/goldens/README.md


@pytest.fixture(scope="session")
def golden_inputs(goldens: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_inputs", goldens / "make_inputs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def golden_chips(golden_inputs: ModuleType) -> torch.Tensor:
    """(4, 13, 512, 512), normalised by our own code."""
    return normalise(torch.from_numpy(golden_inputs.make_raw(20240112, 4)))


@pytest.fixture(scope="session")
def tiny(goldens: Path) -> dict[str, np.ndarray]:
    return dict(np.load(goldens / "clay_v0_tiny.npz"))


@pytest.fixture(scope="session")
def tiny_checkpoint(goldens: Path) -> Checkpoint:
    return read_original(goldens / "clay_v0_tiny.ckpt", heads=TINY_HEADS)


@pytest.fixture(scope="session")
def tiny_network(tiny_checkpoint: Checkpoint) -> ClayV0:
    return build(tiny_checkpoint)


@pytest.fixture(scope="session")
def metadata(tiny: dict[str, np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Place and date of the four golden chips."""
    return torch.from_numpy(tiny["batch_latlon"]), torch.from_numpy(tiny["batch_timestep"])
