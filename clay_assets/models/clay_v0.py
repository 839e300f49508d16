"""Clay v0: a masked autoencoder over chips of grouped bands, in plain torch.

Names of modules are those of the released checkpoints, and so are the traps marked `Clay:`.

Source:
    Clay-foundation/model, releases v0.0.1 to v0.2 (Apache-2.0).
"""

# B batch, C band, G band group, H W chip size in pixels, P patch side, L patches per chip,
# N = G*L tokens, K tokens kept, D encoder width, E decoder width, h head, d head width

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from clay_assets.bands import BAND_GROUPS, BAND_NAMES, band_groups_of
from clay_assets.errors import InvalidValueError
from clay_assets.models.blocks import Transformer, cut_patches, learned_token
from clay_assets.models.config import ClayV0Config
from clay_assets.models.mask import Mask

METADATA_TOKENS = 2
"""Place and date, after the patch tokens."""


class PatchEmbedding(nn.Module):
    """One token a patch of the bands of one group."""

    def __init__(self, bands: int, dim: int, patch_size: int) -> None:
        """Build the projection."""
        super().__init__()
        self.proj = nn.Conv2d(bands, dim, patch_size, patch_size)
        self.norm = nn.LayerNorm(dim)

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, n, H, W) to (B, L, D), rows first.

        A convolution whose stride is its size, as one matrix product: no slower, and oneDNN's own
        in bfloat16 is wrong for 2 and 4 bands on processors with AMX (torch 2.13).
        """
        x = cut_patches(pixels, self.proj.kernel_size[0])  # (B, L, n*P*P)
        x = nn.functional.linear(x, self.proj.weight.flatten(1), self.proj.bias)  # (B, L, D)
        tokens: Tensor = self.norm(x)
        return tokens


class Encoder(nn.Module):
    """Chips to tokens."""

    def __init__(self, config: ClayV0Config, bands: tuple[str, ...]) -> None:
        """Build for chips of `bands`."""
        super().__init__()
        size, groups = config.encoder, groups_in(bands, config)
        self.bands = bands
        self.groups = groups
        self.patch_size = config.patch_size
        self.rounds = config.float16_encodings
        self.latlon_embedding = nn.Linear(2, size.dim)
        self.time_embedding = nn.Linear(3, size.dim)
        self.patch_embedding = nn.ModuleDict(
            {
                group: PatchEmbedding(len(bands), size.dim, config.patch_size)
                for group, bands in groups.items()
            }
        )
        self.transformer = Transformer(size)

    def forward(
        self, pixels: Tensor, latlon: Tensor, timestep: Tensor, mask: Mask | None = None
    ) -> Tensor:
        """Tokens of chips.

        Args:
            pixels: (B, C, H, W) normalised.
            latlon: (B, 2) of `encode_latlon`.
            timestep: (B, 3) of `encode_timestep`.
            mask: tokens to leave out, None for none.

        Returns:
            (B, K+2, D): patch tokens group by group, each row-major, in the order of `mask.kept`;
            then the place token, then the date token.

        Raises:
            InvalidValueError: the patch size does not divide the chip, or it has other bands.
        """
        rows, columns = self.grid(pixels)
        x = self.embed_patches([pixels[:, list(bands)] for bands in self.groups.values()])
        x = (x + self.encoding(rows, columns, x.device).to(x.dtype)).flatten(1, 2)  # (B, N, D)
        if mask is not None:
            x = mask.apply(x)  # (B, K, D)
        out: Tensor = self.transformer(self.add_metadata(x, latlon, timestep))
        return out

    def embed_patches(self, parts: Sequence[Tensor]) -> Tensor:
        """Pixels (B, n, H, W) of each group to (B, G, L, D) tokens without fixed encodings."""
        pairs = zip(self.patch_embedding.values(), parts, strict=True)
        return torch.stack([embed(part) for embed, part in pairs], dim=1)

    def encoding(self, rows: int, columns: int, device: torch.device | None = None) -> Tensor:
        """(G, L, D) float32, what `fixed_encoding` says of each patch and group."""
        width = self.latlon_embedding.out_features
        return fixed_encoding(len(self.groups), rows, columns, width, device, float16=self.rounds)

    def add_metadata(self, x: Tensor, latlon: Tensor, timestep: Tensor) -> Tensor:
        """(B, K, D) to (B, K+2, D): place and date after the patches."""
        place, date = self.latlon_embedding(latlon), self.time_embedding(timestep)
        return torch.cat([x, torch.stack([place, date], dim=1)], dim=1)

    def grid(self, pixels: Tensor) -> tuple[int, int]:
        """(rows, columns) of patches in chips of this shape."""
        height, width = pixels.shape[-2:]
        if height % self.patch_size or width % self.patch_size or not height * width:
            raise InvalidValueError(
                f"patch_size {self.patch_size} does not divide a chip of {height}x{width} pixels"
            )
        if pixels.shape[1] != len(self.bands):
            raise InvalidValueError(
                f"the network was built for chips of {len(self.bands)} bands "
                f"({' '.join(self.bands)}), got {pixels.shape[1]}"
            )
        return height // self.patch_size, width // self.patch_size


class Decoder(nn.Module):
    """Kept tokens to the pixels of all patches."""

    def __init__(self, config: ClayV0Config, bands: tuple[str, ...]) -> None:
        """Build for chips of `bands`."""
        super().__init__()
        size, groups = config.decoder, groups_in(bands, config)
        self.groups = groups
        self.rounds = config.float16_encodings
        self.mask_patch = learned_token(size.dim)
        same = config.encoder.dim == size.dim
        self.enc_to_dec = nn.Identity() if same else nn.Linear(config.encoder.dim, size.dim)
        self.transformer = Transformer(size)
        self.embed_to_pixels = nn.ModuleDict(
            {
                group: nn.Linear(size.dim, config.patch_size**2 * len(bands))
                for group, bands in groups.items()
            }
        )

    def forward(self, tokens: Tensor, mask: Mask, grid: tuple[int, int]) -> Tensor:
        """Predicted patches.

        Args:
            tokens: (B, K+2, D) from the encoder.
            mask: the one the encoder was given.
            grid: (rows, columns) of patches.

        Returns:
            (B, C, L, P*P); channel k is a guess of the k-th band that the groups use.
        """
        x = self.enc_to_dec(tokens)
        kept, metadata = x[:, :-METADATA_TOKENS], x[:, -METADATA_TOKENS:]
        width, patches = x.shape[-1], grid[0] * grid[1]
        x = mask.undo(kept, self.mask_patch)  # (B, N, E)
        encoding = fixed_encoding(len(self.groups), *grid, width, x.device, float16=self.rounds)
        x = torch.cat([x + encoding.flatten(0, 1), metadata], dim=1)
        x = self.transformer(x)[:, :-METADATA_TOKENS].unflatten(1, (-1, patches))  # (B, G, L, E)
        # Clay: channels stay in the order of the groups, yet each is compared with the chip's band
        # of the same number. So the fourth head of rededge has learnt B08 and nir's head B8A.
        # Released weights need it; putting the bands in order would break them.
        return torch.cat(
            [
                self.embed_to_pixels[group](x[:, index]).unflatten(2, (-1, len(bands)))
                for index, (group, bands) in enumerate(self.groups.items())
            ],
            dim=-1,
        ).permute(0, 3, 1, 2)


class ClayV0(nn.Module):
    """Encoder and decoder for chips of given bands."""

    def __init__(self, config: ClayV0Config, bands: tuple[str, ...] = BAND_NAMES) -> None:
        """Build those band groups of `config` that `bands` has whole.

        Raises:
            InvalidValueError: no band group has all its bands.
        """
        super().__init__()
        self.config = config
        self.encoder = Encoder(config, bands)
        self.decoder = Decoder(config, bands)
        self.groups = self.encoder.groups
        self.used = sorted(index for members in self.groups.values() for index in members)

    def forward(self, pixels: Tensor, latlon: Tensor, timestep: Tensor, mask: Mask) -> Tensor:
        """Predicted patches (B, C, L, P*P), normalised, of chips seen through `mask`."""
        tokens = self.encoder(pixels, latlon, timestep, mask)
        predicted: Tensor = self.decoder(tokens, mask, self.encoder.grid(pixels))
        return predicted

    def draw_mask(self, pixels: Tensor, generator: torch.Generator | None = None) -> Mask:
        """A random mask of the config's ratio for these chips."""
        rows, columns = self.encoder.grid(pixels)
        shape = (len(pixels), len(self.groups) * rows * columns)
        noise = torch.randn(shape, generator=generator)
        return Mask.from_noise(noise.to(pixels.device), self.config.mask_ratio)

    def patch_errors(self, predicted: Tensor, pixels: Tensor) -> Tensor:
        """(B, C, L) mean squared error of each band and patch, normalised units."""
        target = patchify(pixels[:, self.used], self.config.patch_size)
        return (predicted - target).square().mean(dim=-1)

    def loss(self, predicted: Tensor, pixels: Tensor, mask: Mask) -> Tensor:
        """Clay's loss: mean squared error of the hidden tokens."""
        return self.mean_hidden(self.patch_errors(predicted, pixels), mask)

    def mean_hidden(self, errors: Tensor, mask: Mask) -> Tensor:
        """Mean of (B, C, L) errors over hidden tokens, each once however many bands it has."""
        of_groups = torch.stack(
            [
                errors[:, [self.used.index(band) for band in bands]].mean(dim=1)
                for bands in self.groups.values()
            ],
            dim=1,
        )  # (B, G, L)
        hidden = mask.matrix(len(self.groups))
        return (of_groups * hidden).sum() / hidden.sum()


def groups_in(bands: tuple[str, ...], config: ClayV0Config) -> dict[str, tuple[int, ...]]:
    """Those band groups of `config` that `bands` has whole, as indices into it.

    Raises:
        InvalidValueError: there is none.
    """
    # Clay: a group's encoding follows its place among the groups in use, not among the trained.
    available = band_groups_of(bands)
    groups = {group: available[group] for group in config.band_groups if group in available}
    if not groups:
        allowed = ", ".join(
            f"{group} ({' '.join(BAND_GROUPS[group])})" for group in config.band_groups
        )
        raise InvalidValueError(
            f"bands {' '.join(bands) or 'none'} hold no whole band group; allowed are {allowed}"
        )
    return groups


def patchify(pixels: Tensor, patch_size: int) -> Tensor:
    """(B, C, H, W) cut into (B, C, L, P*P), patches and pixels row by row."""
    b, c, height, width = pixels.shape
    p, rows, columns = patch_size, height // patch_size, width // patch_size
    x = pixels.reshape(b, c, rows, p, columns, p).transpose(3, 4)  # (B, C, rows, columns, P, P)
    return x.reshape(b, c, rows * columns, p * p)


def unpatchify(patches: Tensor, grid: tuple[int, int]) -> Tensor:
    """(B, C, L, P*P) put together to (B, C, H, W); `grid` is (rows, columns) of patches."""
    b, c, _, pixels = patches.shape
    p, (rows, columns) = math.isqrt(pixels), grid
    x = patches.reshape(b, c, rows, columns, p, p).transpose(3, 4)  # (B, C, rows, P, columns, P)
    return x.reshape(b, c, rows * p, columns * p)


def fixed_encoding(
    groups: int,
    rows: int,
    columns: int,
    width: int,
    device: torch.device | None = None,
    *,
    float16: bool = False,
) -> Tensor:
    """(G, L, width) float32: half says where the patch is, half which group it is of.

    With `float16` its values are rounded to that, as in release v0.0.1.
    """
    half = width // 2
    place = position_encoding(rows, columns, half, device)
    group = band_encoding(groups, half, device)
    both = torch.cat(
        [place.expand(groups, -1, -1), group[:, None].expand(-1, rows * columns, -1)], dim=-1
    )
    return both.half().float() if float16 else both


def position_encoding(
    rows: int, columns: int, width: int, device: torch.device | None = None
) -> Tensor:
    """(L, width) float32: sine and cosine of the column, then of the row."""
    waves = _waves(width // 4, device)
    x = (torch.arange(columns, device=device)[:, None] * waves).expand(rows, -1, -1).flatten(0, 1)
    y = (torch.arange(rows, device=device)[:, None] * waves).repeat_interleave(columns, dim=0)
    return torch.cat([x.sin(), x.cos(), y.sin(), y.cos()], dim=-1)


def band_encoding(groups: int, width: int, device: torch.device | None = None) -> Tensor:
    """(G, width) float32: sine and cosine of the group's number."""
    turn = torch.arange(groups, device=device)[:, None] * _waves(width // 2, device)
    return torch.cat([turn.sin(), turn.cos()], dim=-1)


def _waves(count: int, device: torch.device | None) -> Tensor:
    steps = torch.arange(count, device=device) / (count - 1)
    return 1.0 / (10000.0**steps)
