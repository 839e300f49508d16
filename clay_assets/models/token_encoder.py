"""What every family of networks offers the embeddings: chips in, tokens of its layers out."""

# B batch, C band, H W chip size in pixels, G band group, D token width, M numbers besides pixels

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class ChipKind:
    """What the chips of a batch have in common; an encoder is built for one kind."""

    bands: tuple[str, ...]
    """Names of the C bands: of `bands.BAND_NAMES`, of a platform, or red, green, blue."""
    size_px: int
    """Side of the chip in pixels."""
    gsd_m: float
    """Ground covered by a pixel in metres; 0 for a picture of no known scale."""


@dataclass(frozen=True)
class Place:
    """Where and when a chip was taken; None where nobody knows, as for a picture in a folder."""

    lon: float | None
    """Degrees."""
    lat: float | None
    """Degrees."""
    date: str | None
    """`YYYY-MM-DD`."""


@dataclass(frozen=True)
class Layer:
    """One place in a network where tokens can be taken."""

    name: str
    """Name of its module, as in the tensors' names."""
    width: int
    """D of its tokens."""
    grid: tuple[int, int]
    """(rows, columns) of its patch tokens."""


@dataclass(frozen=True)
class Layout:
    """What can be taken from an encoder."""

    layers: tuple[Layer, ...]
    """From the first to the last; the last one's tokens, after the final norm, are the output."""
    groups: int
    """Band groups with tokens of their own; 1 where there are none."""
    has_cls: bool
    """Whether there is a class token."""
    has_final_norm: bool
    """Whether a norm after the last layer can be applied to the tokens of any layer."""


@dataclass(frozen=True)
class Tokens:
    """Tokens of one layer."""

    patches: Tensor
    """(B, G, rows, columns, D) float32 or bfloat16."""
    cls: Tensor | None
    """(B, D), None for a network without a class token."""


class TokenEncoder(nn.Module, ABC):
    """A family's network in front of the embeddings, built for one kind of chips.

    Its weights are those of the checkpoint. Everything that can be computed on the device is: bands
    are picked, units changed and pixels normalised in `forward`.
    """

    kind: ChipKind
    """The chips it takes."""
    layout: Layout
    """The tokens it gives."""

    @abstractmethod
    def metadata(self, places: Sequence[Place]) -> Tensor:
        """(B, M) float32 on the CPU: what the network takes besides pixels; M may be 0."""

    @abstractmethod
    def forward(
        self, pixels: Tensor, metadata: Tensor, layers: tuple[int, ...], *, after_norm: bool
    ) -> list[Tokens]:
        """Tokens of some layers, from one pass that stops at the last of them.

        Args:
            pixels: (B, C, H, W) of `kind`: float32 in raw units, or uint8 for pictures.
            metadata: (B, M) of `metadata`, on the device of `pixels`.
            layers: indices into `layout.layers`, ascending, at least one.
            after_norm: whether the final norm is applied to each layer's tokens.
        """
