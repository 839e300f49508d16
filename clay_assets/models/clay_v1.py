"""Clay v1: a masked autoencoder over chips of any bands, in plain torch.

It has no weights for bands: it computes them from the bands' wavelengths. Names of modules are
those of the released checkpoints, and so are the traps marked `Clay:`.

Source:
    Clay-foundation/model, releases v1.0 and v1.5 (Apache-2.0).
"""

# B batch, C band, H W chip size in pixels, P patch side, L patches per chip, K patches kept,
# D encoder width, E decoder width, V width of a wavelength's token

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from clay_assets.errors import InvalidValueError
from clay_assets.models.blocks import Transformer, cut_patches, learned_token
from clay_assets.models.clay_v1_config import METADATA_NUMBERS, ClayV1Config
from clay_assets.models.mask import Mask

WAVE_WIDTH = 128
"""V."""
_FREE_TOKENS = 128
_WAVE_HEADS = 4
_WAVE_HIDDEN = 2048
_SCALE = 0.02  # of generated weights, though not of biases; and of first tokens
_EPS = 1e-6  # added to the variance of a patch


class WaveLayer(nn.Module):
    """Two layers beside a shortcut, over encoded wavelengths."""

    def __init__(self) -> None:
        """Build both layers."""
        super().__init__()
        self.l1 = nn.Linear(WAVE_WIDTH, WAVE_WIDTH)
        self.l2 = nn.Linear(WAVE_WIDTH, WAVE_WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """(C, V) to (C, V)."""
        return x + functional.gelu(self.l2(functional.gelu(self.l1(x))))


class WeightGenerator(nn.Module):
    """Weights for the pixels of each band, and a bias, from what is known of the bands."""

    def __init__(self, weights: int, biases: int) -> None:
        """Build for `weights` numbers a band and `biases` numbers in all, which may be 0."""
        super().__init__()
        self.weight_tokens = learned_token(_FREE_TOKENS, WAVE_WIDTH, std=_SCALE)
        self.bias_token = learned_token(1, WAVE_WIDTH, std=_SCALE)
        layer = nn.TransformerEncoderLayer(
            WAVE_WIDTH, _WAVE_HEADS, _WAVE_HIDDEN, dropout=0.0, activation="gelu", batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, num_layers=1, enable_nested_tensor=False)
        self.fc_weight = nn.Linear(WAVE_WIDTH, weights)
        self.fc_bias = nn.Linear(WAVE_WIDTH, biases) if biases else None

    def forward(self, waves: Tensor) -> tuple[Tensor, Tensor | None]:
        """(C, V) to (C, weights), and (biases,) or None; not yet scaled."""
        tokens = torch.cat([self.weight_tokens, waves, self.bias_token])  # (128+C+1, V)
        seen = self.encoder(tokens)
        weights = self.fc_weight(seen[_FREE_TOKENS:-1] + waves)
        return weights, None if self.fc_bias is None else self.fc_bias(seen[-1])


class PatchEmbedding(nn.Module):
    """One token a patch, by a convolution whose weights are generated."""

    def __init__(self, dim: int, patch_size: int) -> None:
        """Build its generator."""
        super().__init__()
        self.patch_size = patch_size
        self.weight_generator = WeightGenerator(dim * patch_size**2, dim)
        self.fclayer = WaveLayer()

    def generate(self, waves_um: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (D, C*P*P) and bias (D,) for bands of these (C,) wavelengths in micrometres."""
        weights, bias = self.weight_generator(self.fclayer(encode_waves(waves_um)))
        weights = weights.reshape(len(waves_um), -1, self.patch_size**2)  # (C, D, P*P)
        return weights.transpose(0, 1).flatten(1) * _SCALE, bias

    def forward(self, pixels: Tensor, waves_um: Tensor) -> Tensor:
        """(B, C, H, W) normalised to (B, L, D), rows first."""
        return functional.linear(cut_patches(pixels, self.patch_size), *self.generate(waves_um))


class PixelHead(nn.Module):
    """Pixels of a patch from its token, by weights that are generated."""

    def __init__(self, dim: int, patch_size: int) -> None:
        """Build its generator."""
        super().__init__()
        self.dim = dim
        self.weight_generator = WeightGenerator(dim * patch_size**2, 0)
        self.fclayer = WaveLayer()

    def forward(self, x: Tensor, waves_um: Tensor) -> Tensor:
        """(B, L, E) to (B, L, C*P*P)."""
        weights, _ = self.weight_generator(self.fclayer(encode_waves(waves_um)))
        return functional.linear(x, weights.reshape(-1, self.dim) * _SCALE)


class Encoder(nn.Module):
    """Chips to tokens."""

    def __init__(self, config: ClayV1Config) -> None:
        """Build for chips of any bands."""
        super().__init__()
        dim = config.encoder.dim
        self.patch_size = config.patch_size
        self.cls_token = learned_token(1, 1, dim, std=_SCALE)
        self.patch_embedding = PatchEmbedding(dim, config.patch_size)
        self.transformer = Transformer(config.encoder, simple=True)

    def forward(
        self,
        pixels: Tensor,
        waves_um: Tensor,
        gsd_m: float,
        metadata: Tensor,
        mask: Mask | None = None,
    ) -> Tensor:
        """Tokens of chips.

        Args:
            pixels: (B, C, H, W) normalised.
            waves_um: (C,) wavelengths of the bands in micrometres.
            gsd_m: ground covered by a pixel in metres.
            metadata: (B, 8) of `encode_metadata`.
            mask: patches to leave out, None for none.

        Returns:
            (B, 1+K, D): the class token, which is the embedding; then patch tokens, row-major or in
            the order of `mask.kept`.

        Raises:
            InvalidValueError: chips are not square, or the patch size does not divide them.
        """
        side = self.grid(pixels)
        x = self.patch_embedding(pixels, waves_um)  # (B, L, D)
        x = x + full_encoding(side, gsd_m, metadata, x.shape[-1]).to(x.dtype)
        if mask is not None:
            x = mask.apply(x)  # (B, K, D)
        out: Tensor = self.transformer(self.add_cls(x))
        return out

    def add_cls(self, x: Tensor) -> Tensor:
        """(B, K, D) to (B, 1+K, D): the class token, which has no position, before the patches."""
        return torch.cat([self.cls_token.expand(len(x), -1, -1).to(x.dtype), x], dim=1)

    def grid(self, pixels: Tensor) -> int:
        """Rows of patches, and as many columns, in chips of this shape."""
        height, width = pixels.shape[-2:]
        if height != width or height % self.patch_size or not height:
            raise InvalidValueError(
                f"chips must be square, with a side that patch_size {self.patch_size} divides, "
                f"got {height}x{width} pixels"
            )
        return height // self.patch_size


class Decoder(nn.Module):
    """Kept tokens to the pixels of all patches."""

    def __init__(self, config: ClayV1Config) -> None:
        """Build for chips of any bands."""
        super().__init__()
        dim = config.decoder.dim
        same = config.encoder.dim == dim
        self.mask_patch = learned_token(dim)
        self.enc_to_dec = nn.Identity() if same else nn.Linear(config.encoder.dim, dim)
        self.transformer = Transformer(config.decoder, simple=True)
        self.embed_to_pixels = PixelHead(dim, config.patch_size)

    def forward(
        self, tokens: Tensor, mask: Mask, waves_um: Tensor, gsd_m: float, metadata: Tensor
    ) -> Tensor:
        """Predicted patches (B, L, C*P*P), from the encoder's (B, 1+K, D) and its arguments."""
        x = self.enc_to_dec(tokens)
        cls, x = x[:, :1], mask.undo(x[:, 1:], self.mask_patch)  # (B, L, E)
        side = math.isqrt(x.shape[1])
        x = x + full_encoding(side, gsd_m, metadata, x.shape[-1]).to(x.dtype)
        x = self.transformer(torch.cat([cls, x], dim=1))[:, 1:]
        out: Tensor = self.embed_to_pixels(x, waves_um)
        return out


class ClayV1(nn.Module):
    """Encoder and decoder."""

    def __init__(self, config: ClayV1Config) -> None:
        """Build both."""
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def forward(
        self, pixels: Tensor, waves_um: Tensor, gsd_m: float, metadata: Tensor, mask: Mask
    ) -> Tensor:
        """Predicted patches (B, L, C*P*P), normalised, of chips seen through `mask`.

        Pixels of a patch are ordered as `blocks.cut_patches` has them.
        """
        tokens = self.encoder(pixels, waves_um, gsd_m, metadata, mask)
        predicted: Tensor = self.decoder(tokens, mask, waves_um, gsd_m, metadata)
        return predicted

    def loss(self, predicted: Tensor, pixels: Tensor, mask: Mask) -> Tensor:
        """Clay's loss of reconstruction: mean absolute error of the hidden patches.

        The original code divides it by ten for MODIS, and adds a tenth of how far the class token
        is from a teacher's.
        """
        target = cut_patches(pixels, self.config.patch_size)
        if self.config.norm_pix_loss:
            variance, mean = torch.var_mean(target, dim=-1, keepdim=True)
            target = (target - mean) / (variance + _EPS).sqrt()
        errors = (predicted - target).abs().mean(dim=-1)  # (B, L)
        hidden = mask.matrix(1)[:, 0]
        return (errors * hidden).sum() / hidden.sum()


def encode_waves(waves_um: Tensor) -> Tensor:
    """(C,) wavelengths in micrometres to (C, V): sines of rising wave lengths, then cosines."""
    half = WAVE_WIDTH // 2
    steps = torch.arange(half, device=waves_um.device) / (half - 1)
    turn = waves_um[:, None] * 10000.0**-steps
    return torch.cat([turn.sin(), turn.cos()], dim=-1)


def full_encoding(side: int, gsd_m: float, metadata: Tensor, width: int) -> Tensor:
    """(B, L, width) float32: where the patch is in the chip, then the chip's own numbers."""
    place = position_encoding(side, gsd_m, width - METADATA_NUMBERS, metadata.device)
    return join_metadata(place, metadata)


def join_metadata(place: Tensor, metadata: Tensor) -> Tensor:
    """(L, width-8) of patches and (B, 8) of chips to (B, L, width)."""
    batch, patches = len(metadata), len(place)
    return torch.cat(
        [place.expand(batch, -1, -1), metadata[:, None].expand(-1, patches, -1)], dim=-1
    )


def position_encoding(
    side: int, gsd_m: float, width: int, device: torch.device | None = None
) -> Tensor:
    """(L, width) float32: sine and cosine of the column, then of the row, on the ground's scale."""
    count = width // 4
    steps = torch.arange(count, device=device) / (count - 1)
    # Clay: the wave lengths hardly differ, for the step is divided by the width once more.
    waves = gsd_m / 10000.0 ** (2 * steps / width)
    turn = torch.arange(side, device=device)[:, None] * waves  # (side, width/4)
    x = turn.expand(side, -1, -1).flatten(0, 1)
    y = turn.repeat_interleave(side, dim=0)
    return torch.cat([x.sin(), x.cos(), y.sin(), y.cos()], dim=-1)
