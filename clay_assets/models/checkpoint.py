"""Our own checkpoint: one safetensors file that carries its config, and a card people can read."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from clay_assets.bands import BAND_NAMES
from clay_assets.errors import CheckpointError, InvalidValueError, NotFoundError
from clay_assets.models.clay_v0 import ClayV0
from clay_assets.models.config import ClayV0Config

CLAY_V0 = "clay_v0"
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "card.json"
_METADATA_KEY = "clay_assets"
_NAMES_SHOWN = 3


@dataclass(frozen=True)
class Checkpoint:
    """Weights, config and id; made by `make_checkpoint`, which checks them."""

    id: str
    """16 hex digits that change with any weight or config value, and with nothing else."""
    family: str
    """Kind of network, `clay_v0`."""
    config: ClayV0Config
    """Sizes of the network."""
    tensors: dict[str, Tensor] = field(repr=False)
    """float32 on the CPU, named as in the network."""
    card: dict[str, Any]
    """Where it comes from, as JSON values."""

    @property
    def parameters(self) -> int:
        """Numbers in all tensors."""
        return sum(tensor.numel() for tensor in self.tensors.values())

    def card_json(self) -> str:
        """Everything but the weights, as JSON text."""
        return json.dumps(
            {
                "id": self.id,
                "family": self.family,
                "size": self.config.size_name,
                "parameters": self.parameters,
                "config": self.config.to_json(),
                "card": self.card,
            },
            indent=2,
            sort_keys=True,
        )

    def write_weights(self, path: Path) -> None:
        """Write the safetensors file, from which alone it can be loaded again."""
        save_file(self.tensors, path, metadata={_METADATA_KEY: self.card_json()})

    def save(self, folder: Path) -> None:
        """Write weights and card into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.write_weights(folder / WEIGHTS_FILE)
        (folder / CARD_FILE).write_text(self.card_json(), encoding="utf-8")


def make_checkpoint(
    config: ClayV0Config, tensors: dict[str, Tensor], card: dict[str, Any], *, name: str = "weights"
) -> Checkpoint:
    """A checked Clay v0 checkpoint.

    Args:
        config: sizes of the network.
        tensors: its state dict.
        card: where it comes from, as JSON values.
        name: what errors call it, a file's name.

    Raises:
        CheckpointError: tensors are missing, too many, of another shape or not finite.
    """
    with torch.device("meta"):
        expected = {key: tuple(value.shape) for key, value in ClayV0(config).state_dict().items()}
    found = {key: tuple(value.shape) for key, value in tensors.items()}
    if missing := [key for key in expected if key not in found]:
        raise CheckpointError(f"{name} lacks {_listed(missing)} of a Clay v0 network")
    if extra := [key for key in found if key not in expected]:
        raise CheckpointError(f"{name} has {_listed(extra)} that no Clay v0 network has")
    for key, shape in expected.items():
        if found[key] != shape:
            raise CheckpointError(f"{name}: {key} must have shape {shape}, got {found[key]}")
    whole = {key: tensors[key].detach().cpu().float().contiguous() for key in expected}
    for key, tensor in whole.items():
        if not tensor.isfinite().all():
            raise CheckpointError(f"{name}: {key} holds NaN or infinite values")
    return Checkpoint(_content_id(config, whole), CLAY_V0, config, whole, card)


def load(path: Path) -> Checkpoint:
    """The checkpoint in a folder, or in a safetensors file that `write_weights` wrote.

    Raises:
        NotFoundError: there is no such file.
        CheckpointError: it is not ours, or was damaged.
    """
    path = path / WEIGHTS_FILE if path.is_dir() else path
    if not path.is_file():
        raise NotFoundError(f"{path} does not exist")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_METADATA_KEY)
            tensors = {key: file.get_tensor(key) for key in file.keys()}
    except SafetensorError as error:
        raise CheckpointError(
            f"{path} is not a whole safetensors file ({error}); copy or import it again"
        ) from error
    if text is None:
        raise CheckpointError(
            f"{path} is a safetensors file of something else: it has no clay_assets card; "
            "import the Lightning .ckpt of Clay v0 instead"
        )
    about = json.loads(text)
    if about["family"] != CLAY_V0:
        raise CheckpointError(f"{path} is of family {about['family']}, expected {CLAY_V0}")
    try:
        config = ClayV0Config.from_json(about["config"])
    except InvalidValueError as error:
        raise CheckpointError(f"{path}: {error}") from error
    checkpoint = make_checkpoint(config, tensors, about["card"], name=str(path))
    if checkpoint.id != about["id"]:
        raise CheckpointError(
            f"{path} was damaged: its id is {about['id']}, its content gives {checkpoint.id}; "
            "import it again"
        )
    return checkpoint


def build(checkpoint: Checkpoint, bands: tuple[str, ...] = BAND_NAMES) -> ClayV0:
    """The network, in evaluation mode, for chips of `bands`.

    Weights of band groups that `bands` lacks are left out.

    Raises:
        InvalidValueError: no band group has all its bands.
    """
    with torch.device("meta"):
        network = ClayV0(checkpoint.config, bands)
    wanted = network.state_dict()
    network.load_state_dict({key: checkpoint.tensors[key].clone() for key in wanted}, assign=True)
    return network.eval()


def _content_id(config: ClayV0Config, tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps([CLAY_V0, config.to_json()], sort_keys=True).encode())
    for key in sorted(tensors):
        digest.update(f"{key}{tuple(tensors[key].shape)}".encode())
        digest.update(tensors[key].numpy().data)
    return digest.hexdigest()[:16]


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"{len(names)} tensor{'s' if len(names) > 1 else ''} ({shown}{more})"
