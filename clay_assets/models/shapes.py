"""Sizes of a network, read from the shapes of its tensors."""

import re
from collections.abc import Collection, Mapping

from torch import Tensor

from clay_assets.errors import CheckpointError


def length(key: str, axis: int, tensors: Mapping[str, Tensor], name: str) -> int:
    """Length of one axis of a tensor.

    Args:
        key: the tensor's name.
        axis: which axis; negative ones count from the last.
        tensors: those of the file.
        name: the file, for messages.

    Raises:
        CheckpointError: there is no such tensor, or it has no such axis, or no numbers.
    """
    if key not in tensors:
        raise CheckpointError(f"{name} lacks the tensor {key}")
    shape = tuple(tensors[key].shape)
    if not -len(shape) <= axis < len(shape) or not all(shape):
        raise CheckpointError(f"{name}: {key} has the impossible shape {shape}")
    return shape[axis]


def count(pattern: str, names: Collection[str]) -> int:
    r"""How many numbered parts there are.

    Args:
        pattern: regular expression of a tensor's beginning, with the number as its one group.
        names: the tensors' names.

    >>> count(r"layer1\.(\d+)\.", ["layer1.0.bn1.bias", "layer1.1.bn1.bias", "fc.bias"])
    2
    """
    found = (re.match(pattern, name) for name in names)
    return len({match[1] for match in found if match})
