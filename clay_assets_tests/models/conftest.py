"""Golden inputs and networks of Clay v0."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from clay_assets.models import (
    Checkpoint,
    ClayV0,
    TransformerSize,
    build,
    normalise,
    read_original,
    size_named,
)

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


@pytest.fixture
def reference_keys(goldens: Path) -> dict[tuple[TransformerSize, ...], dict[str, tuple[int, ...]]]:
    """Shapes by tensor name of the reference's networks, by their sizes."""
    text = (goldens.parent / "reference" / "clay_v0_state_dict_keys.json").read_text()
    content = json.loads(text)
    small = {key: about["shape"] for key, about in content["state_dict"]["clay_small"].items()}
    shapes = content["other_sizes"] | {"small": small}
    return {
        size_named(name): {key: tuple(shape) for key, shape in of_size.items()}
        for name, of_size in shapes.items()
    }
