"""Sizes of the transformers in a file, read from the shapes of its tensors, and numbers beside."""

import re
from collections.abc import Mapping
from typing import Any, TypeVar

from torch import Tensor

from clay_assets.errors import CheckpointError
from clay_assets.models.config import TransformerSize
from clay_assets.models.shapes import count, length

T = TypeVar("T", int, float)
Shape = tuple[int, int, int, int]
"""Width, depth, width of the attention, MLP ratio; heads leave no trace in tensors."""


def sizes_of(
    tensors: Mapping[str, Tensor],
    known: Mapping[str, tuple[TransformerSize, TransformerSize]],
    *,
    heads: tuple[int, int] | None,
    name: str,
) -> tuple[TransformerSize, TransformerSize]:
    """Sizes of a Clay network's encoder and decoder.

    Args:
        tensors: by their bare names.
        known: released sizes, by name.
        heads: attention heads of encoder and decoder; None for a released size.
        name: what errors call the file.

    Raises:
        CheckpointError: tensors are missing or misshaped, or heads are needed or do not divide.
    """
    shapes = (
        _shape_of("encoder", tensors, name),
        _shape_of("decoder", tensors, name),
    )
    if heads is None:
        for sizes in known.values():
            if shapes == tuple(map(_without_heads, sizes)):
                return sizes
        raise CheckpointError(
            f"{name} is {shapes[0][0]} wide and {shapes[0][1]} deep, which is none of the released "
            f"sizes ({', '.join(known)}); heads cannot be read from tensors, pass "
            "heads=(encoder, decoder), or --heads ENCODER,DECODER on the command line"
        )
    encoder, decoder = (
        _with_heads(shape, count, name) for shape, count in zip(shapes, heads, strict=True)
    )
    return encoder, decoder


def number(parameters: Mapping[str, Any], key: str, default: T, name: str) -> T:
    """A hyper-parameter of the default's type; the default where a release did not save it.

    Raises:
        CheckpointError: it is of another type.
    """
    value = parameters.get(key)
    if value is None:
        return default
    if isinstance(value, type(default)) or (isinstance(default, float) and isinstance(value, int)):
        return type(default)(value)
    raise CheckpointError(
        f"{name}: hyper-parameter {key} must be of type {type(default).__name__}, got {value!r}"
    )


def _shape_of(part: str, tensors: Mapping[str, Tensor], name: str) -> Shape:
    blocks = f"{part}.transformer.layers."
    dim = length(f"{part}.transformer.norm.weight", 0, tensors, name)
    inner = length(f"{blocks}0.0.to_qkv.weight", 0, tensors, name) // 3
    hidden = length(f"{blocks}0.1.net.1.weight", 0, tensors, name)
    return dim, count(rf"{re.escape(blocks)}(\d+)\.", tensors.keys()), inner, hidden // dim


def _without_heads(size: TransformerSize) -> Shape:
    return size.dim, size.depth, size.heads * size.dim_head, size.mlp_ratio


def _with_heads(shape: Shape, heads: int, name: str) -> TransformerSize:
    dim, depth, inner, mlp_ratio = shape
    if heads < 1 or inner % heads:
        raise CheckpointError(f"{name}: {heads} heads do not divide an attention {inner} wide")
    return TransformerSize(dim, depth, heads, inner // heads, mlp_ratio)
