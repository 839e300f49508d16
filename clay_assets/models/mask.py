"""Which tokens a masked autoencoder hides from its encoder."""

# B batch, G band group, L patches per chip, N tokens, K tokens kept, D token width

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Mask:
    """Which tokens the encoder sees; indices run over N, group by group where there are groups."""

    kept: Tensor
    """(B, K) in the order the encoder gets them."""
    hidden: Tensor
    """(B, N-K) tokens to be reconstructed."""

    @classmethod
    def from_noise(cls, noise: Tensor, ratio: float) -> "Mask":
        """Hide the tokens of the smallest (B, N) noise, `ratio` of them rounded down."""
        order = noise.argsort(dim=1)
        hidden = int(ratio * noise.shape[1])
        return cls(kept=order[:, hidden:], hidden=order[:, :hidden])

    def matrix(self, groups: int) -> Tensor:
        """(B, G, L) float32, 1 where hidden."""
        count = self.kept.shape[1] + self.hidden.shape[1]
        flat = torch.zeros(len(self.hidden), count, device=self.hidden.device)
        return flat.scatter(1, self.hidden, 1.0).reshape(len(flat), groups, -1)

    def apply(self, x: Tensor) -> Tensor:
        """(B, N, D) tokens to the kept (B, K, D)."""
        return x.gather(1, self._over_width(x.shape[-1]))

    def undo(self, x: Tensor, hidden: Tensor) -> Tensor:
        """Kept (B, K, D) tokens put back among `hidden` (D,), which stands for all others."""
        count = self.kept.shape[1] + self.hidden.shape[1]
        everywhere = hidden.to(x.dtype).expand(len(x), count, x.shape[-1])
        return everywhere.scatter(1, self._over_width(x.shape[-1]), x)

    def _over_width(self, width: int) -> Tensor:
        return self.kept[..., None].expand(-1, -1, width)
