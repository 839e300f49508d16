"""Tensors of an opened file by the names of their network, whatever was wrapped around it."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, strided

from clay_assets.errors import CheckpointError
from clay_assets.models.families import Family, family_of
from clay_assets.models.foreign import foreign_content, foreign_network
from clay_assets.models.opening import ACCEPTED

_NESTS = ("state_dict", "model_state_dict", "model", "module", "network", "net", "weights")
"""Keys under which programs save a state dict, the usual ones first."""
_WRAPPERS = ("model.", "backbone.", "encoder.", "encoder_q.", "network.", "net.", "base_model.")
"""Attributes under which programs keep a network."""
_TRANSPARENT = re.compile(r"(?:(?<=\.)|^)(?:_orig_mod|module)\.")
"""What torch.compile and DataParallel put into names, at any place."""
_MAX_DEPTH = 3
_MAX_NUMBER = 9999
_MAX_JSON_DEPTH = 20
_MAX_JSON_VALUES = 10_000
_MAX_INTEGER_BITS = 64
_NAMES_SHOWN = 3


@dataclass(frozen=True)
class Named:
    """A network found in a file."""

    family: Family
    """What it is."""
    tensors: dict[str, Tensor]
    """Its state dict, named as in the family's network."""
    rest: dict[str, Tensor]
    """Everything else the file held, named as there."""
    prefix: str
    """What stood before the network's names, such as `model.`."""
    was_sequential: bool
    """Whether the file numbers the parts of the network instead of naming them."""


def find_network(content: Mapping[str, Any], path: str, size_bytes: int) -> Named:
    """The network of an accepted family in a file.

    Args:
        content: what `open_checkpoint` gave.
        path: what errors call the file.
        size_bytes: of the file; tensors that claim to be much larger are refused.

    Raises:
        CheckpointError: there is none; it says what the file looks like.
    """
    tensors = _clean(_state_dict(content, path), path, size_bytes)
    prefix = _prefix_of(tensors)
    family = family_of(_under(prefix or "", tensors))
    looks_like = foreign_network(tensors) if not prefix or prefix.endswith("encoder.") else None
    if family is None or prefix is None or (prefix and looks_like):
        names = ", ".join(list(tensors)[:_NAMES_SHOWN])
        raise CheckpointError(
            f"{path} holds {looks_like or 'another network'} (tensors {names}); {ACCEPTED}"
        )
    renamed = family.network_names(
        [name.removeprefix(prefix) for name in _starting(prefix, tensors)]
    )
    own = {prefix + old: new for old, new in renamed.items()}
    return Named(
        family=family,
        tensors={new: tensors[old] for old, new in own.items()},
        rest={name: tensor for name, tensor in tensors.items() if name not in own},
        prefix=prefix,
        was_sequential=f"{prefix}0.weight" in own,
    )


def json_value(value: Any) -> Any:  # noqa: ANN401
    """A value of a file as a JSON value; what JSON cannot say as text.

    Files may nest a value in itself, or say billions of values with few bytes: it ends somewhere.
    """
    left = iter(range(_MAX_JSON_VALUES))
    return _json_value(value, _MAX_JSON_DEPTH, left)


def _json_value(value: Any, depth: int, left: Iterator[int]) -> Any:  # noqa: ANN401
    if next(left, None) is None or depth < 0:
        return "..."
    if isinstance(value, dict):
        return {_text(key): _json_value(item, depth - 1, left) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(item, depth - 1, left) for item in value]
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    if isinstance(value, int) and value.bit_length() > _MAX_INTEGER_BITS:
        return _text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | bool | None) else _text(value)


def _text(value: Any) -> str:  # noqa: ANN401
    """A name for anything; containers could take for ever to be written out."""
    if isinstance(value, int) and value.bit_length() > _MAX_INTEGER_BITS:
        return f"an integer of {value.bit_length()} bits"
    is_short = isinstance(value, str | int | float | bytes | None | torch.dtype | torch.device)
    return str(value)[:200] if is_short else type(value).__name__


def _state_dict(content: Mapping[str, Any], path: str) -> dict[str, Tensor]:
    """Tensors by name, from where programs put them."""
    found = _nested(content, 0)
    if not found:
        what = foreign_content(content) or "no network's tensors"
        keys = ", ".join(_text(key)[:40] for key in list(content)[:_NAMES_SHOWN]) or "nothing"
        raise CheckpointError(f"{path} holds {what} (it has {keys}); {ACCEPTED}")
    return found


def _nested(content: Mapping[str, Any], depth: int) -> dict[str, Tensor]:
    """Tensors of the first nest that has any, else those of `content` itself."""
    for key in _NESTS:
        inner = content.get(key)
        if isinstance(inner, Mapping) and depth < _MAX_DEPTH:
            found = _nested(inner, depth + 1)
            if found:
                return found
    return {
        key if isinstance(key, str) else _text(key): value
        for key, value in content.items()
        if isinstance(value, Tensor)
    }


def _clean(tensors: dict[str, Tensor], path: str, size_bytes: int) -> dict[str, Tensor]:
    """The same tensors, names without what wraps them anywhere, and checked for odd kinds."""
    total = 0
    for name, tensor in tensors.items():
        if tensor.layout != strided or tensor.is_quantized or tensor.is_complex():
            raise CheckpointError(
                f"{path}: {name} is a tensor of layout {tensor.layout} and type {tensor.dtype}, "
                "expected dense and real numbers"
            )
        if any(len(part) > 4 for part in re.findall(r"\d+", name)):
            raise CheckpointError(
                f"{path}: {name} counts further than {_MAX_NUMBER}, which no network does"
            )
        total += tensor.numel() * tensor.element_size()
    if total > 4 * size_bytes:
        raise CheckpointError(
            f"{path} has tensors of {total:,} bytes in {size_bytes:,}; save them with "
            "{name: tensor.clone() for name, tensor in state_dict.items()}"
        )
    bare = {_TRANSPARENT.sub("", name): tensor for name, tensor in tensors.items()}
    return bare if len(bare) == len(tensors) else tensors


def _prefix_of(names: Mapping[str, Tensor]) -> str | None:
    """Shortest chain of wrappers under which the names are of a family, None for no such."""
    chains = [""]
    for _ in range(_MAX_DEPTH):
        for chain in chains:
            if family_of(_under(chain, names)) is not None:
                return chain
        chains = [
            chain + wrapper
            for chain in chains
            for wrapper in _WRAPPERS
            if any(name.startswith(chain + wrapper) for name in names)
        ]
    return next((chain for chain in chains if family_of(_under(chain, names)) is not None), None)


def _starting(prefix: str, names: Mapping[str, Tensor]) -> list[str]:
    return [name for name in names if name.startswith(prefix)]


def _under(prefix: str, names: Mapping[str, Tensor]) -> set[str]:
    """Names below a prefix, without it."""
    return {name.removeprefix(prefix) for name in _starting(prefix, names)}
