"""Our own checkpoint: one safetensors file that carries its config, and a card people can read."""

import hashlib
import json
from collections.abc import Mapping
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
from clay_assets.models.families import NetworkConfig, family_named, family_with

WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "card.json"
METADATA_KEY = "clay_assets"
_NAMES_SHOWN = 3


@dataclass(frozen=True)
class Checkpoint:
    """Weights, config and id; made by `make_checkpoint`, which checks them."""

    id: str
    """16 hex digits that change with any weight or config value, and with nothing else."""
    family: str
    """Kind of network, one of `families.FAMILIES`."""
    config: NetworkConfig
    """Sizes of the network, of its family's class."""
    tensors: dict[str, Tensor] = field(repr=False)
    """On the CPU, float32 but for counts; named as in the network."""
    card: dict[str, Any]
    """Where it comes from, as JSON values."""
    rest: dict[str, Tensor] = field(default_factory=dict, repr=False)
    """What its file held besides the network (a teacher, a head), by its name there; only exports
    want it, so it has no part in the id and is loaded for them alone."""

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
        save_file(self.tensors, path, metadata={METADATA_KEY: self.card_json()})

    def save(self, folder: Path) -> None:
        """Write weights and card into `folder`."""
        folder.mkdir(parents=True, exist_ok=True)
        self.write_weights(folder / WEIGHTS_FILE)
        (folder / CARD_FILE).write_text(self.card_json(), encoding="utf-8")


def make_checkpoint(
    config: NetworkConfig,
    tensors: Mapping[str, Tensor],
    card: dict[str, Any],
    *,
    name: str = "weights",
) -> Checkpoint:
    """A checked checkpoint.

    Args:
        config: sizes of the network, whose class says of which family it is.
        tensors: its state dict.
        card: where it comes from, as JSON values.
        name: what errors call it, a file's name.

    Raises:
        CheckpointError: tensors are missing, too many, of another shape or not finite.
        InvalidValueError: the config is of no known family.
    """
    family = family_with(config)
    with torch.device("meta"):
        expected = family.network(config).state_dict()
    if missing := [key for key in expected if key not in tensors]:
        raise CheckpointError(f"{name} lacks {_listed(missing)} of a {family.title} network")
    if extra := [key for key in tensors if key not in expected]:
        raise CheckpointError(f"{name} has {_listed(extra)} that no {family.title} network has")
    for key, wanted in expected.items():
        if tensors[key].shape != wanted.shape:
            raise CheckpointError(
                f"{name}: {key} must have shape {tuple(wanted.shape)}, "
                f"got {tuple(tensors[key].shape)}"
            )
    whole = apart({key: tensors[key].to(wanted.dtype) for key, wanted in expected.items()})
    for key, tensor in whole.items():
        if not tensor.isfinite().all():
            raise CheckpointError(f"{name}: {key} holds NaN or infinite values")
    return Checkpoint(_content_id(family.name, config, whole), family.name, config, whole, card)


def apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors on the CPU, none a part of another's memory: so files keep them."""
    seen: set[int] = set()
    found = {}
    for key, given in tensors.items():
        tensor = given.detach().cpu().contiguous()
        memory = tensor.untyped_storage()
        if memory.data_ptr() in seen or memory.nbytes() > tensor.nbytes:
            tensor = tensor.clone()
        seen.add(tensor.untyped_storage().data_ptr())
        found[key] = tensor
    return found


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
            text = (file.metadata() or {}).get(METADATA_KEY)
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
    try:
        config = family_named(about["family"]).config.from_json(about["config"])
    except (CheckpointError, InvalidValueError) as error:
        raise CheckpointError(f"{path}: {error}") from error
    checkpoint = make_checkpoint(config, tensors, about["card"], name=str(path))
    if checkpoint.id != about["id"]:
        raise CheckpointError(
            f"{path} was damaged: its id is {about['id']}, its content gives {checkpoint.id}; "
            "import it again"
        )
    return checkpoint


def build(checkpoint: Checkpoint, bands: tuple[str, ...] = BAND_NAMES) -> ClayV0:
    """A Clay v0 network with its decoder, in evaluation mode, for chips of `bands`.

    Weights of band groups that `bands` lacks are left out.

    Raises:
        InvalidValueError: no band group has all its bands.
        CheckpointError: the checkpoint is of another family.
    """
    if not isinstance(checkpoint.config, ClayV0Config):
        raise CheckpointError(
            f"checkpoint {checkpoint.id} is of family {checkpoint.family}, expected clay_v0; "
            "only Clay v0 is trained and reconstructs chips here"
        )
    with torch.device("meta"):
        network = ClayV0(checkpoint.config, bands)
    wanted = network.state_dict()
    network.load_state_dict({key: checkpoint.tensors[key].clone() for key in wanted}, assign=True)
    return network.eval()


def _content_id(family: str, config: NetworkConfig, tensors: dict[str, Tensor]) -> str:
    digest = hashlib.sha256(json.dumps([family, config.to_json()], sort_keys=True).encode())
    for key in sorted(tensors):
        digest.update(f"{key}{tuple(tensors[key].shape)}".encode())
        digest.update(tensors[key].numpy().data)
    return digest.hexdigest()[:16]


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN])
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"{len(names)} tensor{'s' if len(names) > 1 else ''} ({shown}{more})"
