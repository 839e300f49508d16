"""Levels: what is kept of the tokens that the encoder gives a chip."""

# B batch, G band groups, N = G*rows*columns patch tokens, D token width

import math

from torch import Tensor

from clay_assets.errors import ChipError
from clay_assets.models.clay_v0 import METADATA_TOKENS, groups_in
from clay_assets.models.config import ClayV0Config


def embedding_shape(
    level: str, config: ClayV0Config, bands: tuple[str, ...], chip_size: int
) -> tuple[int, ...]:
    """Shape of one chip's embedding: (D,), (rows, columns, D) or (G, rows, columns, D).

    Args:
        level: one of `LEVELS`.
        config: the network's.
        bands: the chip's.
        chip_size: side of the chip in pixels.

    Raises:
        ChipError: the network's patches do not fill the chip.
        InvalidValueError: the bands hold none of the network's band groups whole.
    """
    side, rest = divmod(chip_size, config.patch_size)
    if rest or not side:
        raise ChipError(
            f"chips of {chip_size} pixels are not made of whole patches of {config.patch_size}; "
            f"cut chips of {config.patch_size}, {2 * config.patch_size} or another multiple"
        )
    groups = len(groups_in(bands, config))
    width = config.encoder.dim
    return {
        "mean": (width,),
        "patch": (side, side, width),
        "group": (groups, side, side, width),
    }[level]


def pool(tokens: Tensor, level: str, groups: int) -> Tensor:
    """Embeddings of square chips.

    Args:
        tokens: (B, N+2, D) of the encoder, place and date last; these are left out.
        level: one of `LEVELS`.
        groups: band groups of the network.

    Returns:
        (B, ...) float32 of `embedding_shape`: the mean of all patch tokens, the mean over the band
        groups, or all of them.
    """
    patches = tokens[:, :-METADATA_TOKENS].float()  # (B, N, D)
    if level == "mean":
        return patches.mean(dim=1)
    batch, tokens_each, width = patches.shape
    side = math.isqrt(tokens_each // groups)
    patches = patches.reshape(batch, groups, side, side, width)
    return patches if level == "group" else patches.mean(dim=1)
