"""What the tensors and hyper-parameters of a Clay v1 file say about its network."""

import math
from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor

from clay_assets.errors import CheckpointError, InvalidValueError
from clay_assets.models.clay_v1_config import SIZES_V1, ClayV1Config
from clay_assets.models.shapes import length
from clay_assets.models.transformer_sizes import number, sizes_of

_TRAINING_ONLY = ("proj.", "teacher.")  # a frozen DINOv2, and the way to its width
_MARK = "encoder.patch_embedding.fclayer.l1.weight"
_WEIGHTS = "encoder.patch_embedding.weight_generator.fc_weight.weight"
_MASK_RATIO = 0.75


def recognises(names: Collection[str]) -> bool:
    """Whether tensors of these bare names are a Clay v1 network's."""
    return _MARK in names


def bare_names(names: Collection[str]) -> dict[str, str]:
    """Names in a file to the same in the network; what only training used is left out.

    >>> bare_names(["encoder.cls_token", "teacher.norm.bias"])
    {'encoder.cls_token': 'encoder.cls_token'}
    """
    return {name: name for name in names if not name.startswith(_TRAINING_ONLY)}


def config_of(
    tensors: Mapping[str, Tensor],
    parameters: Mapping[str, Any],
    *,
    heads: tuple[int, int] | None = None,
    name: str = "weights",
) -> ClayV1Config:
    """Config read from shapes, and from hyper-parameters what shapes cannot say.

    `mask_ratio` and `shuffle` of a file are those of its training: when chips are embedded nothing
    is hidden, and tokens stay in order.

    Args:
        tensors: by their bare names.
        parameters: `mask_ratio` and `norm_pix_loss` of the file, where it has them.
        heads: attention heads of encoder and decoder; None for a released size.
        name: what errors call the file.

    Raises:
        CheckpointError: tensors or values are missing, misshaped or not allowed.
    """
    try:
        encoder, decoder = sizes_of(tensors, SIZES_V1, heads=heads, name=name)
        return ClayV1Config(
            encoder,
            decoder,
            patch_size=math.isqrt(length(_WEIGHTS, 0, tensors, name) // encoder.dim),
            mask_ratio=number(parameters, "mask_ratio", _MASK_RATIO, name),
            norm_pix_loss=bool(parameters.get("norm_pix_loss")),
        )
    except InvalidValueError as error:
        raise CheckpointError(f"{name} is no Clay v1 checkpoint: {error}") from error
