"""Checkpoints written for the code they came from: Lightning files and state dicts."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

import torch
from safetensors.torch import save_file
from torch import Tensor

from clay_assets.bands import BAND_GROUPS, BAND_NAMES, band_groups_of
from clay_assets.errors import CheckpointError, InvalidValueError
from clay_assets.models.checkpoint import Checkpoint
from clay_assets.models.clay_v1_config import SIZES_V1, ClayV1Config
from clay_assets.models.config import SIZES, ClayV0Config
from clay_assets.models.families import CLAY_V0, CLAY_V1, NetworkConfig, family_named
from clay_assets.models.original import CLAY_V0_DEFAULTS, SEQUENTIAL
from clay_assets.models.resnet import sequential_names

SUFFIXES = (".ckpt", ".pth", ".pt", ".safetensors")
"""Lightning file, state dict, the same, and state dict as safetensors."""
_CLAY_PREFIX = "model."
_LIGHTNING_VERSION = "2.1.2"  # the original's; later ones migrate from it
_LOOPS = ("fit_loop", "validate_loop", "test_loop", "predict_loop")
_CLAY_V1_DEFAULTS: dict[str, Any] = {
    "model_size": "large",
    "mask_ratio": 0.75,
    "norm_pix_loss": False,
    "patch_size": 8,
    "shuffle": True,
    "metadata_path": "configs/metadata.yaml",
    "teacher": "vit_large_patch14_reg4_dinov2.lvd142m",
    "dolls": [16, 32, 64, 128, 256, 768],
    "doll_weights": [1, 1, 1, 1, 1, 1],
    "lr": 1e-5,
    "wd": 0.05,
    "b1": 0.9,
    "b2": 0.95,
    "embeddings_level": "mean",
}
"""Hyper-parameters of Clay v1.5's code, which its class will not be made without."""
_LEFT_OUT = {
    CLAY_V1: "teacher and proj (the frozen teacher network of training)",
    "vit": "heads (the classifier) or projection_head (SimCLR's)",
    "resnet": "fc (the classifier) or projection_head (SimCLR's)",
}


def export_original(checkpoint: Checkpoint, path: Path) -> str | None:
    """Write a file that the code of the checkpoint's authors loads.

    Args:
        checkpoint: with its `rest`, if all the tensors of its file are to be written again.
        path: the suffix decides: `.ckpt` as Lightning writes it; `.pth`, `.pt` or `.safetensors`
            as the state dict of the bare network.

    Returns:
        What the reader of the file must know, None for nothing.

    Raises:
        InvalidValueError: the suffix is another.
        CheckpointError: its authors' code has no Lightning files, or none of this size.
    """
    if path.suffix not in SUFFIXES:
        raise InvalidValueError(f"{path.name} must end in one of {', '.join(SUFFIXES)}")
    if path.suffix == ".ckpt":
        torch.save(_lightning(checkpoint), path)
        is_bare = not checkpoint.rest
    else:
        state = _state_dict(checkpoint)
        if path.suffix == ".safetensors":
            save_file(state, path)
        else:
            torch.save(state, path)
        is_bare = len(state) == len(checkpoint.tensors) and checkpoint.family != CLAY_V1
    notes = []
    if is_bare and checkpoint.family in _LEFT_OUT:
        notes.append(
            f"it has no {_LEFT_OUT[checkpoint.family]}, which was not in the file it was imported "
            "from or has no place in this one: load it with strict=False"
        )
    config = checkpoint.config
    if path.suffix == ".ckpt" and config.size_name is None and _is_clay(config):
        notes.append(
            f"it holds a network {_size(config)}, which is none of the sizes its authors' code "
            "makes: that code must be changed to load it"
        )
    return "; ".join(notes) or None


def _is_clay(config: NetworkConfig) -> TypeGuard[ClayV0Config | ClayV1Config]:
    return isinstance(config, ClayV0Config | ClayV1Config)


def _size(config: ClayV0Config | ClayV1Config) -> str:
    return f"{config.encoder.dim} wide and {config.encoder.depth} deep"


def _state_dict(checkpoint: Checkpoint) -> dict[str, Tensor]:
    """Tensors of the bare network, and its classifier if it has one."""
    prefix = checkpoint.card.get("prefix") or ""
    heads = {
        name.removeprefix(prefix): tensor
        for name, tensor in checkpoint.rest.items()
        if name.startswith((f"{prefix}heads.", f"{prefix}fc."))
    }
    return checkpoint.tensors | heads


def _lightning(checkpoint: Checkpoint) -> dict[str, Any]:
    card = checkpoint.card
    prefix = _CLAY_PREFIX if _is_clay(checkpoint.config) else card.get("prefix") or ""
    names = {name: name for name in checkpoint.tensors}
    if card.get("layout") == SEQUENTIAL:
        names = sequential_names(checkpoint.tensors)
    return {
        "epoch": card.get("epoch") or 0,
        "global_step": card.get("global_step") or 0,
        "pytorch-lightning_version": card.get("lightning_version") or _LIGHTNING_VERSION,
        "state_dict": {prefix + names[name]: tensor for name, tensor in checkpoint.tensors.items()}
        | checkpoint.rest,
        "loops": {name: {} for name in _LOOPS},
        "hparams_name": card.get("hparams_name") or "kwargs",
        "hyper_parameters": _hyper_parameters(checkpoint),
    }


def _hyper_parameters(checkpoint: Checkpoint) -> dict[str, Any]:
    """Those of the file it was imported from, else those its authors' code needs."""
    known: Mapping[str, Any] = checkpoint.card.get("hyper_parameters") or {}
    if known:
        groups = known.get("band_groups")
        tuples = {name: tuple(bands) for name, bands in groups.items()} if groups else groups
        return dict(known) | ({"band_groups": tuples} if "band_groups" in known else {})
    config = checkpoint.config
    family = family_named(checkpoint.family)
    if not _is_clay(config):
        raise CheckpointError(
            f"checkpoint {checkpoint.id} is a {family.title} that was not imported from a "
            f"Lightning file; export it as {', '.join(SUFFIXES[1:])}"
        )
    if config.size_name is None:
        sizes = SIZES if isinstance(config, ClayV0Config) else SIZES_V1
        raise CheckpointError(
            f"checkpoint {checkpoint.id} is {_size(config)}; the original code of {family.title} "
            f"only knows the sizes {', '.join(sizes)}"
        )
    values = config.to_json()
    defaults = CLAY_V0_DEFAULTS if checkpoint.family == CLAY_V0 else _CLAY_V1_DEFAULTS
    same = {key: values[key] for key in defaults if key in values}
    if isinstance(config, ClayV0Config):
        standard, indices = config.band_groups == tuple(BAND_GROUPS), band_groups_of(BAND_NAMES)
        chosen = {name: indices[name] for name in config.band_groups}
        same["band_groups"] = None if standard else chosen
    # Clay: v1.0 and v1.5 call different sizes by one name.
    return defaults | same | {"model_size": config.size_name.removesuffix("-v1.0")}
