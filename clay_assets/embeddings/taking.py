"""Taking from an encoder's tokens what an extraction asks for.

Apart from `extraction`, which files and products are read with: torch takes seconds to load.
"""

# B batch, C band, H W chip size in pixels, G band groups, D token width, M numbers besides pixels

import torch
from torch import Tensor
from torch.nn.functional import normalize

from clay_assets.embeddings.extraction import Resolved
from clay_assets.models.token_encoder import TokenEncoder, Tokens


def extract(encoder: TokenEncoder, pixels: Tensor, metadata: Tensor, resolved: Resolved) -> Tensor:
    """Embeddings of a batch, on the encoder's device.

    Args:
        encoder: of the layout that `resolved` was made for.
        pixels: (B, C, H, W), as the encoder takes them.
        metadata: (B, M) of `encoder.metadata`.
        resolved: what to take.

    Returns:
        (B, *resolved.shape) float32.
    """
    taken = encoder(pixels, metadata, resolved.layers, after_norm=resolved.after_norm)
    parts = [_pool(tokens, resolved.takes) for tokens in taken]
    if resolved.aggregation == "mean":
        vectors = torch.stack(parts).mean(dim=0)
    else:
        vectors = torch.cat(parts, dim=-1)
    return normalize(vectors, dim=-1) if resolved.l2 else vectors


def _pool(tokens: Tokens, takes: str) -> Tensor:
    """What is taken of one layer's tokens, float32."""
    patches = tokens.patches.float()  # (B, G, rows, columns, D)
    if takes == "group":
        return patches
    if takes == "patch":
        return patches.mean(dim=1)  # (B, rows, columns, D)
    if takes == "max":
        return patches.amax(dim=(1, 2, 3))  # (B, D)
    mean = patches.mean(dim=(1, 2, 3))  # (B, D)
    if takes == "mean" or tokens.cls is None:  # `resolve` refuses cls where there is none
        return mean
    cls = tokens.cls.float()
    return cls if takes == "cls" else torch.cat([cls, mean], dim=-1)  # (B, D) or (B, 2D)
