"""Sizes of a Clay v1 network: the released ones, and any other, as saved in a checkpoint."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from clay_assets.errors import InvalidValueError
from clay_assets.models.config import TransformerSize

METADATA_NUMBERS = 8
"""Numbers besides pixels that every patch is told: four of the time, four of the place."""


@dataclass(frozen=True)
class ClayV1Config:
    """Everything that decides the tensors of a Clay v1 network and how they are used."""

    family: ClassVar[str] = "clay_v1"
    """Kind of network, in checkpoints and cards."""
    encoder: TransformerSize
    """Size of the encoder."""
    decoder: TransformerSize
    """Size of the decoder, which only training and reconstruction use."""
    patch_size: int = 8
    """Patch side in pixels."""
    mask_ratio: float = 0.75
    """Share of patches hidden from the encoder in training."""
    norm_pix_loss: bool = False
    """Whether its loss compares patches brought to mean 0 and variance 1, as v1.0 did."""

    def __post_init__(self) -> None:
        """Check what the network divides by."""
        if self.patch_size < 1:
            raise InvalidValueError(f"patch_size must be 1 pixel or more, got {self.patch_size}")
        if not 0 <= self.mask_ratio < 1:
            raise InvalidValueError(f"mask_ratio must be 0 to below 1, got {self.mask_ratio}")

    @property
    def size_name(self) -> str | None:
        """Name of the released size it has, None for any other."""
        sizes = (self.encoder, self.decoder)
        return next((name for name, known in SIZES_V1.items() if known == sizes), None)

    @property
    def is_v1_0(self) -> bool:
        """Whether it is of release v1.0, whose decoders were larger."""
        return self.size_name is not None and self.size_name.endswith(_V1_0)

    def to_json(self) -> dict[str, Any]:
        """Itself as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "ClayV1Config":
        """The config that `to_json` wrote.

        Raises:
            InvalidValueError: a key is unknown or missing, or a value is not allowed.
        """
        try:
            sizes = {name: TransformerSize(**values[name]) for name in ("encoder", "decoder")}
            return cls(**(values | sizes))
        except (KeyError, TypeError) as error:
            raise InvalidValueError(f"not a Clay v1 config: {error}") from error


_V1_0 = "-v1.0"
_BASE = TransformerSize(768, 12, 12, 64, 4)
_LARGE = TransformerSize(1024, 24, 16, 64, 4)

SIZES_V1: dict[str, tuple[TransformerSize, TransformerSize]] = {
    "tiny": (TransformerSize(192, 6, 4, 48, 2), TransformerSize(96, 3, 2, 48, 2)),
    "small": (TransformerSize(384, 6, 6, 64, 2), TransformerSize(192, 4, 4, 64, 2)),
    "base": (_BASE, TransformerSize(512, 4, 4, 64, 4)),
    "large": (_LARGE, TransformerSize(512, 4, 4, 64, 4)),
    f"base{_V1_0}": (_BASE, TransformerSize(512, 6, 6, 64, 4)),
    f"large{_V1_0}": (_LARGE, TransformerSize(512, 8, 8, 64, 4)),
}
"""Encoder and decoder of each released size; Clay v1.5 is `large`, v1.0 was `base-v1.0`."""
