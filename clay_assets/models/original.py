"""Lightning checkpoints of the original Clay code, releases v0.0.1 to v0.2: read and written.

They are pickles; only plain values and tensors are let through, nothing in them is ever run.
"""

import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from clay_assets.bands import BAND_GROUPS, BAND_NAMES, band_groups_of
from clay_assets.errors import CheckpointError, InvalidValueError, NotFoundError
from clay_assets.models.checkpoint import Checkpoint, load, make_checkpoint
from clay_assets.models.config import SIZES, ClayV0Config, TransformerSize

PREFIX = "model."
_V1_MARK = "model.encoder.patch_embedding.fclayer.l1.weight"
_GROUP = re.compile(r"encoder\.patch_embedding\.(\w+)\.")
_LOOPS = ("fit_loop", "validate_loop", "test_loop", "predict_loop")
_DEFAULTS: dict[str, Any] = {
    "model_size": "small",
    "mask_ratio": 0.75,
    "image_size": 512,
    "patch_size": 32,
    "lr": 1e-4,
    "wd": 0.05,
    "b1": 0.9,
    "b2": 0.95,
    "embeddings_level": "mean",
    "band_groups": None,
}
"""Hyper-parameters of the original code and their values where a release did not save them."""


def read_original(path: Path, *, heads: tuple[int, int] | None = None) -> Checkpoint:
    """A checkpoint from a Lightning `.ckpt` of Clay v0, or from one of our safetensors files.

    Sizes are read from the tensors. Attention heads leave no trace there: they are known for the
    released sizes and must be given for others.

    Args:
        path: the file.
        heads: attention heads of encoder and decoder; None for a released size.

    Raises:
        NotFoundError: there is no such file.
        CheckpointError: the file is damaged or of something else.
    """
    if not path.is_file():
        raise NotFoundError(f"{path} does not exist")
    if path.suffix == ".safetensors":
        return load(path)
    content = _read_lightning(path)
    parameters = _DEFAULTS | _json_value(content.get("hyper_parameters") or {})
    tensors = _clay_v0_tensors(content, path)
    card = {
        "source": path.name,
        "lightning_version": content.get("pytorch-lightning_version"),
        "epoch": content.get("epoch"),
        "global_step": content.get("global_step"),
        "hyper_parameters": parameters,
    }
    try:
        config = _config_of(tensors, parameters, heads, path.name)
    except InvalidValueError as error:
        raise CheckpointError(f"{path.name} is no Clay v0 checkpoint: {error}") from error
    return make_checkpoint(config, tensors, card, name=path.name)


def export_lightning(checkpoint: Checkpoint, path: Path) -> None:
    """Write a `.ckpt` that the original code of v0.0.1 to v0.2 loads.

    Raises:
        CheckpointError: it has a size that the original code does not know.
    """
    config = checkpoint.config
    if not isinstance(config, ClayV0Config):
        raise CheckpointError(f"checkpoint {checkpoint.id} is of family {checkpoint.family}")
    if config.size_name is None:
        raise CheckpointError(
            f"checkpoint {checkpoint.id} is {config.encoder.dim} wide and {config.encoder.depth} "
            f"deep; the original code only knows the sizes {', '.join(SIZES)}"
        )
    standard, indices = config.band_groups == tuple(BAND_GROUPS), band_groups_of(BAND_NAMES)
    known = checkpoint.card.get("hyper_parameters", {})
    parameters = {key: known.get(key, default) for key, default in _DEFAULTS.items()} | {
        "model_size": config.size_name,
        "mask_ratio": config.mask_ratio,
        "image_size": config.image_size,
        "patch_size": config.patch_size,
        "band_groups": None if standard else {name: indices[name] for name in config.band_groups},
    }
    content: dict[str, Any] = {
        "epoch": checkpoint.card.get("epoch") or 0,
        "global_step": checkpoint.card.get("global_step") or 0,
        "pytorch-lightning_version": "2.1.2",  # the original's; later ones migrate from it
        "state_dict": {PREFIX + key: tensor for key, tensor in checkpoint.tensors.items()},
        "loops": {name: {} for name in _LOOPS},
        "hparams_name": "kwargs",
        "hyper_parameters": parameters,
    }
    torch.save(content, path)


def _read_lightning(path: Path) -> dict[str, Any]:
    """Content of a Lightning file, checked as far as its kind."""
    accepted = "expected a Lightning .ckpt of Clay v0, v0.1 or v0.2, or our own .safetensors"
    if not zipfile.is_zipfile(path):
        raise CheckpointError(f"{path} is truncated or no PyTorch file; {accepted}")
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} is a pickle with more than tensors and plain values in it, which is never "
            f"run; {accepted}"
        ) from error
    except (RuntimeError, EOFError) as error:
        raise CheckpointError(f"{path} is damaged or no PyTorch checkpoint; {accepted}") from error
    if not isinstance(content, dict) or not isinstance(content.get("state_dict"), dict):
        raise CheckpointError(f"{path} has no state_dict; {accepted}")
    if _V1_MARK in content["state_dict"]:
        raise CheckpointError(
            f"{path} is a Clay v1 checkpoint (it generates its patch embedding from wavelengths); "
            f"{accepted}"
        )
    return content


def _clay_v0_tensors(content: dict[str, Any], path: Path) -> dict[str, Tensor]:
    tensors = {
        str(key).removeprefix(PREFIX): value
        for key, value in content["state_dict"].items()
        if isinstance(value, Tensor)
    }
    if not any(_GROUP.match(key) for key in tensors):
        names = ", ".join(list(map(str, content["state_dict"]))[:3]) or "none"
        raise CheckpointError(
            f"{path} holds another network (tensors {names}); Clay v0 has tensors like "
            f"{PREFIX}encoder.patch_embedding.rgb.proj.weight"
        )
    return tensors


def _config_of(
    tensors: dict[str, Tensor],
    parameters: dict[str, Any],
    heads: tuple[int, int] | None,
    name: str,
) -> ClayV0Config:
    """Config read from shapes; heads from the released sizes or as given."""
    shapes = (_shape_of("encoder", tensors, name), _shape_of("decoder", tensors, name))
    if heads is None:
        heads = next(
            (
                (encoder.heads, decoder.heads)
                for encoder, decoder in SIZES.values()
                if shapes == (_without_heads(encoder), _without_heads(decoder))
            ),
            None,
        )
    if heads is None:
        raise CheckpointError(
            f"{name} is {shapes[0][0]} wide and {shapes[0][1]} deep, which is none of the released "
            f"sizes ({', '.join(SIZES)}); heads cannot be read from tensors, pass "
            "heads=(encoder, decoder)"
        )
    encoder, decoder = (
        _with_heads(shape, count, name) for shape, count in zip(shapes, heads, strict=True)
    )
    found = (_GROUP.match(key) for key in tensors)
    groups = tuple(dict.fromkeys(match[1] for match in found if match))
    return ClayV0Config(
        encoder,
        decoder,
        image_size=parameters["image_size"],
        patch_size=_length(f"encoder.patch_embedding.{groups[0]}.proj.weight", -1, tensors, name),
        mask_ratio=parameters["mask_ratio"],
        band_groups=groups,
    )


def _shape_of(part: str, tensors: dict[str, Tensor], name: str) -> tuple[int, int, int, int]:
    """(width, depth, attention width, MLP ratio) of the encoder or decoder."""
    blocks = f"{part}.transformer.layers."
    found = (re.match(rf"{re.escape(blocks)}(\d+)\.", key) for key in tensors)
    depth = 1 + max((int(match[1]) for match in found if match), default=0)
    dim = _length(f"{part}.transformer.norm.weight", 0, tensors, name)
    inner = _length(f"{blocks}0.0.to_qkv.weight", 0, tensors, name) // 3
    hidden = _length(f"{blocks}0.1.net.1.weight", 0, tensors, name)
    return dim, depth, inner, hidden // dim


def _length(key: str, axis: int, tensors: dict[str, Tensor], name: str) -> int:
    if key not in tensors:
        raise CheckpointError(f"{name} lacks the tensor {PREFIX}{key} of Clay v0")
    shape = tuple(tensors[key].shape)
    if len(shape) <= axis or not all(shape):
        raise CheckpointError(f"{name}: {PREFIX}{key} has the impossible shape {shape}")
    return shape[axis]


def _without_heads(size: TransformerSize) -> tuple[int, int, int, int]:
    return size.dim, size.depth, size.heads * size.dim_head, size.mlp_ratio


def _with_heads(shape: tuple[int, int, int, int], heads: int, name: str) -> TransformerSize:
    dim, depth, inner, mlp_ratio = shape
    if heads < 1 or inner % heads:
        raise CheckpointError(f"{name}: {heads} heads do not divide an attention {inner} wide")
    return TransformerSize(dim, depth, heads, inner // heads, mlp_ratio)


def _json_value(value: Any) -> Any:  # noqa: ANN401
    """A hyper-parameter as a JSON value; what JSON cannot say as its text."""
    if isinstance(value, dict):
        return {str(key): _json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
