"""What the tensors and hyper-parameters of a Clay v0 file say about its network."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor

from clay_assets.errors import CheckpointError, InvalidValueError
from clay_assets.models.config import SIZES, ClayV0Config
from clay_assets.models.shapes import length
from clay_assets.models.transformer_sizes import number, sizes_of

_GROUP = re.compile(r"encoder\.patch_embedding\.(\w+)\.proj\.weight")
_IMAGE_SIZE = 512  # of every release that did not save it
_MASK_RATIO = 0.75


def recognises(names: Collection[str]) -> bool:
    """Whether tensors of these bare names are a Clay v0 network's."""
    return any(_GROUP.fullmatch(name) for name in names)


def config_of(
    tensors: Mapping[str, Tensor],
    parameters: Mapping[str, Any],
    *,
    heads: tuple[int, int] | None = None,
    name: str = "weights",
) -> ClayV0Config:
    """Config read from shapes, and from hyper-parameters what shapes cannot say.

    Releases saved different hyper-parameters: missing ones take the value they had before they
    were saved, and all others are left alone. v0.2's `shuffle` only ever changed the order of
    hidden tokens in training; nothing is hidden when chips are embedded, and tokens stay in order.

    Args:
        tensors: by their bare names.
        parameters: `image_size` and `mask_ratio` of the file, and `float16_encodings` of the
            caller, where a v0.0.1 file is to give what v0.0.1 gave.
        heads: attention heads of encoder and decoder; None for a released size.
        name: what errors call the file.

    Raises:
        CheckpointError: tensors or values are missing, misshaped or not allowed.
    """
    groups = tuple(match[1] for key in tensors if (match := _GROUP.fullmatch(key)))
    if not groups:
        raise CheckpointError(
            f"{name} has no tensor like encoder.patch_embedding.rgb.proj.weight of Clay v0"
        )
    kernel = f"encoder.patch_embedding.{groups[0]}.proj.weight"
    try:
        return ClayV0Config(
            *sizes_of(tensors, SIZES, heads=heads, name=name),
            image_size=number(parameters, "image_size", _IMAGE_SIZE, name),
            patch_size=length(kernel, -1, tensors, name),
            mask_ratio=number(parameters, "mask_ratio", _MASK_RATIO, name),
            band_groups=groups,
            float16_encodings=bool(parameters.get("float16_encodings")),
        )
    except InvalidValueError as error:
        raise CheckpointError(f"{name} is no Clay v0 checkpoint: {error}") from error
