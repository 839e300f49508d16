"""Transformer blocks of the Clay families, and the attention that every family shares.

Names of modules are those of vit-pytorch, whose two forms differ: Clay v0 uses `vit`, where
dropouts of 0 stand in the stacks and count in the names, Clay v1 `simple_vit`, which has none.

Source:
    vit-pytorch 1.6.4 (MIT), `vit.py` and `simple_vit.py`.
"""

# B batch, C band, H W chip size in pixels, P patch side, L patches per chip, N tokens,
# D token width, h head, d head width

import torch
from torch import Tensor, nn
from torch.nn import functional

from clay_assets.errors import ChipError
from clay_assets.models.config import TransformerSize
from clay_assets.models.token_encoder import Layer, Layout


def attend(qkv: Tensor, heads: int) -> Tensor:
    """Scaled dot-product attention.

    Args:
        qkv: (B, N, 3*h*d): queries, keys, values, each head by head.
        heads: h.

    Returns:
        (B, N, h*d), head by head.
    """
    x = qkv.reshape(*qkv.shape[:2], 3, heads, -1)  # (B, N, 3, h, d)
    q, k, v = x.permute(2, 0, 3, 1, 4)  # each (B, h, N, d)
    x = functional.scaled_dot_product_attention(q, k, v)
    return x.transpose(1, 2).flatten(2)  # (B, N, h*d)


def cut_patches(pixels: Tensor, patch_size: int) -> Tensor:
    """(B, C, H, W) to (B, L, C*P*P): patches row by row, each as the weights of a convolution."""
    b, c, height, width = pixels.shape
    p, rows, columns = patch_size, height // patch_size, width // patch_size
    x = pixels.reshape(b, c, rows, p, columns, p)
    x = x.permute(0, 2, 4, 1, 3, 5)  # (B, rows, columns, C, P, P)
    return x.reshape(b, rows * columns, c * p * p)


def learned_token(*shape: int, std: float = 1.0) -> nn.Parameter:
    """A parameter that belongs to no layer, drawn from a normal distribution."""
    values = torch.empty(shape)
    # Drawing on the meta device draws nothing, but imports a compiler, which takes seconds.
    return nn.Parameter(values if values.is_meta else values.normal_(std=std))


def patch_layout(
    size: TransformerSize, patch_size: int, size_px: int, *, groups: int, has_cls: bool
) -> Layout:
    """What a Clay encoder of `size` gives for square chips of `size_px` pixels.

    Raises:
        ChipError: the patch size does not divide the chip.
    """
    side, rest = divmod(size_px, patch_size)
    if rest or side < 1:
        raise ChipError(
            f"patch_size {patch_size} does not divide a chip of {size_px}x{size_px} pixels; "
            "cut chips of a multiple of it"
        )
    layers = (
        Layer(f"encoder.transformer.layers.{index}", size.dim, (side, side))
        for index in range(size.depth)
    )
    return Layout(tuple(layers), groups, has_cls, has_final_norm=True)


class Attention(nn.Module):
    """Normalise, attend, project."""

    def __init__(self, size: TransformerSize, *, simple: bool = False) -> None:
        """Build the two projections."""
        super().__init__()
        inner = size.heads * size.dim_head
        self.heads = size.heads
        self.norm = nn.LayerNorm(size.dim)
        self.to_qkv = nn.Linear(size.dim, inner * 3, bias=False)
        self.to_out: nn.Module
        if simple:
            self.to_out = nn.Linear(inner, size.dim, bias=False)
        elif size.heads == 1 and size.dim_head == size.dim:
            self.to_out = nn.Sequential()  # Clay v0: then there is no projection
        else:
            self.to_out = nn.Sequential(nn.Linear(inner, size.dim))

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) to (B, N, D)."""
        out: Tensor = self.to_out(attend(self.to_qkv(self.norm(x)), self.heads))
        return out


class FeedForward(nn.Module):
    """Normalise, widen, exact GELU, narrow."""

    def __init__(self, size: TransformerSize, *, simple: bool = False) -> None:
        """Build the two layers."""
        super().__init__()
        hidden = size.dim * size.mlp_ratio
        self.net = nn.Sequential(
            nn.LayerNorm(size.dim),
            nn.Linear(size.dim, hidden),
            nn.GELU(),
            *([] if simple else [nn.Identity()]),  # Clay v0: a dropout stood here
            nn.Linear(hidden, size.dim),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) to (B, N, D)."""
        out: Tensor = self.net(x)
        return out


class Block(nn.ModuleList):
    """Attention and MLP, each added to what came in."""

    def __init__(self, size: TransformerSize, *, simple: bool = False) -> None:
        """Build both."""
        super().__init__([Attention(size, simple=simple), FeedForward(size, simple=simple)])

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) to (B, N, D)."""
        x = x + self[0](x)
        out: Tensor = x + self[1](x)
        return out


class Transformer(nn.Module):
    """Pre-norm blocks and a last norm."""

    def __init__(self, size: TransformerSize, *, simple: bool = False) -> None:
        """Build `depth` blocks, `simple` ones for Clay v1."""
        super().__init__()
        self.norm = nn.LayerNorm(size.dim)
        self.layers = nn.ModuleList(Block(size, simple=simple) for _ in range(size.depth))

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, D) to (B, N, D), after the last norm."""
        for block in self.layers:
            x = block(x)
        out: Tensor = self.norm(x)
        return out

    def after(self, x: Tensor, layers: tuple[int, ...], *, norm: bool) -> list[Tensor]:
        """Tokens after some blocks; blocks behind the last of them are not run.

        Args:
            x: (B, N, D).
            layers: indices of blocks, ascending, at least one.
            norm: whether the last norm is applied to each.

        Returns:
            (B, N, D) each, in the order of `layers`.
        """
        found = []
        for index in range(layers[-1] + 1):
            x = self.layers[index](x)
            if index in layers:
                found.append(self.norm(x) if norm else x)
        return found
