"""Clay v1 as the embeddings see it: raw chips in, tokens of its blocks out."""

# B batch, C band, H W chip size in pixels, P patch side, L patches per chip, D token width

import datetime
import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from clay_assets.errors import InvalidValueError
from clay_assets.models.blocks import cut_patches, patch_layout
from clay_assets.models.clay_v1 import Encoder, join_metadata, position_encoding
from clay_assets.models.clay_v1_config import METADATA_NUMBERS, ClayV1Config
from clay_assets.models.inputs import Normalisation, date_parts
from clay_assets.models.platforms import (
    SENTINEL1,
    SENTINEL1_OF_V1_0,
    Platform,
    platform_named,
    platform_of,
)
from clay_assets.models.token_encoder import ChipKind, Layout, Place, TokenEncoder, Tokens

_UNKNOWN = (0.0, 0.0, 0.0, 0.0)  # as a fifth of the training chips had their place and time
_WEEKS = 52


class ClayV1Tokens(TokenEncoder):
    """Clay v1's encoder for one kind of chips, nothing hidden, tokens in their own order.

    The weights of its patch embedding follow from the bands alone, and are generated once.
    """

    weight: Tensor
    bias: Tensor
    position: Tensor

    def __init__(
        self, config: ClayV1Config, encoder: Encoder, kind: ChipKind, platform: Platform
    ) -> None:
        """Compute once all that follows from the kind of chips."""
        super().__init__()
        self.kind = kind
        self.layout = _layout(config, kind)
        self.platform = platform
        bands = platform.pick(kind.bands)
        self.normalise = Normalisation(
            tuple(bands),
            tuple(band.mean for band in bands.values()),
            tuple(band.std for band in bands.values()),
            decibel=platform.unit == "db",
        )
        self.patch_size = config.patch_size
        self.cls_token: nn.Parameter = encoder.cls_token
        self.transformer = encoder.transformer
        waves_um = torch.tensor([band.wavelength_um for band in bands.values()])
        weight, bias = encoder.patch_embedding.generate(waves_um)
        position = position_encoding(
            self.layout.layers[0].grid[0],
            kind.gsd_m or platform.gsd_m,
            config.encoder.dim - METADATA_NUMBERS,
        )
        for name, tensor in (("weight", weight), ("bias", bias), ("position", position)):
            self.register_buffer(name, tensor, persistent=False)

    def metadata(self, places: Sequence[Place]) -> Tensor:
        """(B, 8) of `encode_metadata`."""
        return torch.tensor([encode_metadata(place) for place in places])

    def forward(
        self, pixels: Tensor, metadata: Tensor, layers: tuple[int, ...], *, after_norm: bool
    ) -> list[Tokens]:
        """Tokens of some layers; see `TokenEncoder.forward`."""
        dtype = self.weight.dtype
        x = cut_patches(self.normalise(pixels).to(dtype), self.patch_size)  # (B, L, C*P*P)
        x = functional.linear(x, self.weight, self.bias)  # (B, L, D)
        x = x + join_metadata(self.position, metadata.to(dtype))
        x = torch.cat([self.cls_token.expand(len(x), -1, -1).to(x.dtype), x], dim=1)
        shape = (len(x), 1, *self.layout.layers[0].grid, -1)
        return [
            Tokens(found[:, 1:].reshape(shape), cls=found[:, 0])
            for found in self.transformer.after(x, layers, norm=after_norm)
        ]


def layout_of(config: ClayV1Config, kind: ChipKind, platform: str | None = None) -> Layout:
    """What Clay v1 gives for chips of a kind; arguments and errors are those of `encoder_of`."""
    _platform_for(config, kind, platform)
    return _layout(config, kind)


def encoder_of(
    config: ClayV1Config,
    tensors: Mapping[str, Tensor],
    kind: ChipKind,
    platform: str | None = None,
) -> ClayV1Tokens:
    """The encoder of a checkpoint for chips of a kind, in evaluation mode; weights are not copied.

    Args:
        config: sizes of the network.
        tensors: by their bare names.
        kind: of chips; those of its bands that the platform has are used, the others are not. A
            `gsd_m` of 0 stands for the platform's own.
        platform: one of `platforms.PLATFORMS`; None to tell it from the bands.

    Raises:
        InvalidValueError: there is no such platform, or it has none of the chips' bands, or the
            bands do not tell the platform.
        ChipError: the patch size does not divide the chip.
    """
    chosen = _platform_for(config, kind, platform)
    _layout(config, kind)
    with torch.device("meta"):
        encoder = Encoder(config)
    wanted = {name: tensors[f"encoder.{name}"] for name in encoder.state_dict()}
    encoder.load_state_dict(wanted, assign=True)
    with torch.no_grad():
        network = ClayV1Tokens(config, encoder.eval(), kind, chosen)
    return network.eval().requires_grad_(False)


def encode_metadata(place: Place) -> tuple[float, ...]:
    """A chip's eight numbers: sine and cosine of week, hour, latitude and longitude.

    The hour is midnight, for chips know their day only: what the original code gives a date
    without a time. Where the date or the place is unknown its four numbers are zero.

    Raises:
        InvalidValueError: the date is written otherwise, or there is no such day.
    """
    week = _UNKNOWN if place.date is None else (*_turn(_week(place.date) / _WEEKS), 0.0, 1.0)
    if place.lon is None or place.lat is None:
        return (*week, *_UNKNOWN)
    return (*week, *_turn(place.lat / 360), *_turn(place.lon / 360))


def _week(date: str) -> int:
    try:
        return datetime.date(*date_parts(date)).isocalendar().week
    except ValueError as error:
        raise InvalidValueError(f"date must be a day written YYYY-MM-DD, got {date!r}") from error


def _turn(part: float) -> tuple[float, float]:
    """Sine and cosine of a part of a full turn."""
    return math.sin(2 * math.pi * part), math.cos(2 * math.pi * part)


def _platform_for(config: ClayV1Config, kind: ChipKind, name: str | None) -> Platform:
    platform = platform_of(kind.bands) if name is None else platform_named(name)
    if config.is_v1_0 and platform.name == SENTINEL1:
        platform = SENTINEL1_OF_V1_0
    if not platform.pick(kind.bands):
        raise InvalidValueError(
            f"chips of bands {' '.join(kind.bands) or 'none'} have none of {platform.name}, which "
            f"are {' '.join(band.in_chips for band in platform.bands)}"
        )
    return platform


def _layout(config: ClayV1Config, kind: ChipKind) -> Layout:
    return patch_layout(config.encoder, config.patch_size, kind.size_px, groups=1, has_cls=True)
