"""Checkpoints in the store: weights by their id, and names that point to an id."""

import hashlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from clay_assets import __version__
from clay_assets.errors import InvalidValueError, NotFoundError
from clay_assets.models import Checkpoint, export_original, load
from clay_assets.models.checkpoint import CARD_FILE, WEIGHTS_FILE, apart
from clay_assets.store import Store

_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")


@dataclass(frozen=True)
class StoredCheckpoint:
    """A checkpoint of the store, without its weights."""

    id: str
    """Content id of weights and config."""
    name: str | None
    """Name it was asked by or listed under, None when asked by id."""
    key: str
    """Folder of its files in the store."""
    card: dict[str, Any]
    """`id`, `family`, `size`, `parameters`, `config`, and `card`: where that name got it from."""
    run_id: str | None
    """Run that gave it this name, None when asked by id."""
    inputs: str | None
    """Fingerprint of what it was made from, None when asked by id."""


def put_checkpoint(
    store: Store, checkpoint: Checkpoint, name: str, *, inputs: str, run_id: str
) -> StoredCheckpoint:
    """Store a checkpoint and give it a name, which appears last.

    Args:
        store: where to keep it.
        checkpoint: weights, config and card.
        name: name to give it; one of that name before is no longer found by it.
        inputs: fingerprint of what it was made from.
        run_id: run to note.

    Raises:
        InvalidValueError: the name cannot be part of a path.
    """
    check_name(name)
    folder = _folder(checkpoint.id)
    card = checkpoint.card | {"run_id": run_id, "package_version": __version__}
    if checkpoint.rest:
        card["rest"] = _put_rest(store, folder, checkpoint)
    checkpoint = replace(checkpoint, card=card)
    if not store.exists(f"{folder}/{CARD_FILE}"):
        with store.writing(f"{folder}/{WEIGHTS_FILE}") as path:
            checkpoint.write_weights(path)
        store.write_bytes(f"{folder}/{CARD_FILE}", checkpoint.card_json().encode())
    pointer = {"id": checkpoint.id, "inputs": inputs, "run_id": run_id, "card": card}
    store.write_bytes(_name_key(name), json.dumps(pointer).encode())
    return find_checkpoint(store, name)


def find_checkpoint(store: Store, name_or_id: str) -> StoredCheckpoint:
    """The checkpoint of a name or id.

    Raises:
        NotFoundError: there is none.
    """
    if not _NAME.match(name_or_id):
        raise _unknown(store, name_or_id)
    try:
        pointer = json.loads(store.read_bytes(_name_key(name_or_id)))
    except NotFoundError:
        pointer = {}
    folder = _folder(pointer.get("id", name_or_id))
    try:
        card = json.loads(store.read_bytes(f"{folder}/{CARD_FILE}"))
    except NotFoundError as error:
        raise _unknown(store, name_or_id) from error
    return StoredCheckpoint(
        id=card["id"],
        name=name_or_id if pointer else None,
        key=folder,
        card=card | {"card": pointer.get("card", card["card"])},
        run_id=pointer.get("run_id"),
        inputs=pointer.get("inputs"),
    )


def has_checkpoint(store: Store, name_or_id: str) -> bool:
    """Whether there is a checkpoint of that name or id."""
    try:
        find_checkpoint(store, name_or_id)
    except NotFoundError:
        return False
    return True


def load_checkpoint(store: Store, name_or_id: str) -> Checkpoint:
    """The checkpoint of a name or id with its weights.

    Raises:
        NotFoundError: there is none.
        CheckpointError: its file was damaged.
    """
    stored = find_checkpoint(store, name_or_id)
    return load(store.local_path(f"{stored.key}/{WEIGHTS_FILE}"))


def export_checkpoint(store: Store, name_or_id: str, path: Path) -> str | None:
    """Write a stored checkpoint for the code of its authors; see `models.export_original`.

    Returns:
        What the reader of the file must know, None for nothing.

    Raises:
        NotFoundError: there is none.
        CheckpointError: its file was damaged, or its authors' code cannot read it.
        InvalidValueError: `path` ends in an unknown suffix.
    """
    stored = find_checkpoint(store, name_or_id)
    card = stored.card["card"]
    rest = {}
    if "rest" in card:
        rest = load_file(store.local_path(f"{stored.key}/{card['rest']['file']}"))
    # The card is that of the name: two files of the same weights may have had other wrappings.
    checkpoint = replace(load_checkpoint(store, name_or_id), card=card, rest=rest)
    return export_original(checkpoint, path)


def list_checkpoints(store: Store) -> list[StoredCheckpoint]:
    """All named checkpoints, sorted by name."""
    return [find_checkpoint(store, name) for name in _names(store)]


def up_to_date(store: Store, name: str, inputs: str) -> StoredCheckpoint | None:
    """The checkpoint of that name if it was made from these inputs."""
    if not has_checkpoint(store, name):
        return None
    found = find_checkpoint(store, name)
    return found if found.inputs == inputs else None


def _put_rest(store: Store, folder: str, checkpoint: Checkpoint) -> dict[str, Any]:
    """Store what exports want besides the network, and say where."""
    rest = apart(checkpoint.rest)
    shapes = {name: [str(tensor.dtype), *tensor.shape] for name, tensor in sorted(rest.items())}
    digest = hashlib.sha256(json.dumps(shapes).encode())
    for name in sorted(rest):
        digest.update(rest[name].view(-1).view(torch.uint8).numpy().data)
    file = f"rest-{digest.hexdigest()[:16]}.safetensors"
    if not store.exists(f"{folder}/{file}"):
        with store.writing(f"{folder}/{file}") as path:
            save_file(rest, path)
    numbers = sum(tensor.numel() for tensor in rest.values())
    return {"file": file, "tensors": len(rest), "parameters": numbers}


def _folder(checkpoint_id: str) -> str:
    return f"checkpoints/{checkpoint_id}"


def _name_key(name: str) -> str:
    return f"checkpoints/names/{name}.json"


def _names(store: Store) -> list[str]:
    return [Path(file.key).stem for file in store.files("checkpoints/names")]


def check_name(name: str) -> None:
    """Refuse a name that cannot be part of a path.

    Raises:
        InvalidValueError: it holds other signs than letters, digits, dots, dashes, underscores.
    """
    if not _NAME.match(name) or name == "names":
        raise InvalidValueError(
            f"a checkpoint's name must be letters, digits, dots, dashes and underscores, "
            f"got {name!r}"
        )


def _unknown(store: Store, name: str) -> NotFoundError:
    names = ", ".join(_names(store)) or "none yet"
    return NotFoundError(
        f"there is no checkpoint {name!r} in {store.url('checkpoints')}; named are: {names}. "
        "Import or train one: materialise `checkpoints`"
    )
