"""Sizes of a Clay v0 network: the four released ones, and any other, as saved in a checkpoint."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from clay_assets.bands import BAND_GROUPS
from clay_assets.errors import InvalidValueError


@dataclass(frozen=True)
class TransformerSize:
    """Size of one stack of transformer blocks."""

    dim: int
    """Token width."""
    depth: int
    """Blocks."""
    heads: int
    """Attention heads."""
    dim_head: int
    """Width of a head; heads * dim_head need not be dim."""
    mlp_ratio: int
    """Hidden width of the MLP in multiples of dim."""

    def __post_init__(self) -> None:
        """Check the width, which the fixed encodings halve three times."""
        if self.dim < 16 or self.dim % 8:
            raise InvalidValueError(f"dim must be a multiple of 8 from 16 on, got {self.dim}")
        for name in ("depth", "heads", "dim_head", "mlp_ratio"):
            if getattr(self, name) < 1:
                raise InvalidValueError(f"{name} must be 1 or more, got {getattr(self, name)}")


@dataclass(frozen=True)
class ClayV0Config:
    """Everything that decides the tensors of a Clay v0 network and how they are used."""

    family: ClassVar[str] = "clay_v0"
    """Kind of network, in checkpoints and cards."""
    encoder: TransformerSize
    """Size of the encoder."""
    decoder: TransformerSize
    """Size of the decoder, which only training and reconstruction use."""
    image_size: int = 512
    """Chip side it was trained on, in pixels; any side that patch_size divides can be encoded."""
    patch_size: int = 32
    """Patch side in pixels."""
    mask_ratio: float = 0.75
    """Share of tokens hidden from the encoder in training."""
    band_groups: tuple[str, ...] = tuple(BAND_GROUPS)
    """Names of its band groups; their order is part of the network."""
    float16_encodings: bool = False
    """Whether pixels and fixed encodings are rounded to float16, as release v0.0.1 did."""

    def __post_init__(self) -> None:
        """Check what the network divides by."""
        if self.patch_size < 1 or self.image_size % self.patch_size:
            raise InvalidValueError(
                f"patch_size {self.patch_size} does not divide image_size {self.image_size}"
            )
        if not 0 <= self.mask_ratio < 1:
            raise InvalidValueError(f"mask_ratio must be 0 to below 1, got {self.mask_ratio}")
        unknown = [name for name in self.band_groups if name not in BAND_GROUPS]
        if unknown or not self.band_groups:
            raise InvalidValueError(
                f"band_groups must be some of {', '.join(BAND_GROUPS)}, "
                f"got {', '.join(self.band_groups) or 'none'}"
            )

    @property
    def size_name(self) -> str | None:
        """Name of the released size it has, None for any other."""
        sizes = (self.encoder, self.decoder)
        return next((name for name, known in SIZES.items() if known == sizes), None)

    def to_json(self) -> dict[str, Any]:
        """Itself as JSON values; what came after ids were first given out is left out if unset."""
        values = asdict(self) | {"band_groups": list(self.band_groups)}
        if not self.float16_encodings:
            del values["float16_encodings"]
        return values

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "ClayV0Config":
        """The config that `to_json` wrote.

        Raises:
            InvalidValueError: a key is unknown or missing, or a value is not allowed.
        """
        try:
            sizes = {name: TransformerSize(**values[name]) for name in ("encoder", "decoder")}
            return cls(**(values | sizes | {"band_groups": tuple(values["band_groups"])}))
        except (KeyError, TypeError) as error:
            raise InvalidValueError(f"not a Clay v0 config: {error}") from error


SIZES: dict[str, tuple[TransformerSize, TransformerSize]] = {
    "tiny": (TransformerSize(256, 4, 4, 64, 2), TransformerSize(128, 2, 2, 64, 2)),
    "small": (TransformerSize(768, 12, 12, 64, 4), TransformerSize(512, 8, 8, 64, 4)),
    "medium": (TransformerSize(1024, 24, 16, 64, 4), TransformerSize(512, 8, 16, 64, 4)),
    "large": (TransformerSize(1280, 32, 16, 64, 4), TransformerSize(512, 8, 16, 64, 4)),
}
"""Encoder and decoder of each released size; Clay v0.1 is `small`."""


def size_named(name: str) -> tuple[TransformerSize, TransformerSize]:
    """Encoder and decoder of a released size.

    >>> size_named("tiny")[0].dim
    256

    Raises:
        InvalidValueError: there is no size of that name.
    """
    if name not in SIZES:
        raise InvalidValueError(f"size must be one of {', '.join(SIZES)}, got {name!r}")
    return SIZES[name]
