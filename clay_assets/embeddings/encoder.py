"""An encoder on a device, kept between tiles, from chips to embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from clay_assets.checkpoints import load_checkpoint
from clay_assets.chips import Chip
from clay_assets.embeddings.extraction import Extraction, Resolved, resolve
from clay_assets.embeddings.projection import Projection
from clay_assets.embeddings.taking import extract
from clay_assets.errors import InvalidValueError
from clay_assets.ingest.footprint import centre_wgs84
from clay_assets.models.batches import FixedBatches, Pending, compiled
from clay_assets.models.cpu_layers import quicken
from clay_assets.models.devices import choose_device, choose_precision
from clay_assets.models.families import encoder_of
from clay_assets.models.token_encoder import ChipKind, Place, TokenEncoder
from clay_assets.store import Store

_NETWORKS_KEPT = 2
"""A second one for tiles that have other bands; each holds its weights in the device's memory."""
_ENCODERS_KEPT = 4
"""Ways to use them; each holds three batches of pixels on a GPU."""


@dataclass(frozen=True, eq=False)
class ChipEncoder:
    """What a product takes of a checkpoint's encoder for one kind of chips, ready on a device.

    The same chip gives the same vector, bit for bit on one device, whatever goes through with it.
    """

    encoder: TokenEncoder
    """On the device, in evaluation mode."""
    resolved: Resolved
    """What is taken of its tokens."""
    projection: Projection | None
    """What becomes of the vectors then, on the device."""
    device: torch.device
    """Where it computes."""
    precision: str
    """One of `settings.PRECISIONS`."""
    batch_size: int
    """Most chips of `embed_pixels`."""
    _batches: list[FixedBatches] = field(default_factory=list, repr=False)

    def embed(self, chips: Sequence[Chip]) -> Pending:
        """Start to embed up to `batch_size` chips of the encoder's kind; see `embed_pixels`."""
        places = [Place(*centre_wgs84(chip.bounds, chip.epsg), date=chip.date) for chip in chips]
        return self.embed_pixels([chip.pixels for chip in chips], places)

    @torch.inference_mode()
    def embed_pixels(
        self, pixels: Sequence[npt.NDArray[np.generic]], places: Sequence[Place]
    ) -> Pending:
        """Start to embed up to `batch_size` chips or pictures.

        Args:
            pixels: N arrays (C, H, W) of the encoder's kind: float32 raw units, or uint8.
            places: where and when of each.

        Returns:
            (N, width) float32 once waited for.

        Raises:
            InvalidValueError: there are none, or more than `batch_size`.
        """
        if not 1 <= len(pixels) <= self.batch_size:
            raise InvalidValueError(
                f"a batch has 1 to batch_size {self.batch_size} chips, got {len(pixels)}"
            )
        metadata = self.encoder.metadata(places)
        if self.device.type == "cuda":
            return self._on_gpu().start(pixels, metadata)
        # One by one: as fast as any batch on a CPU, and no chip depends on another.
        vectors = [
            self.compute(torch.from_numpy(one)[None].to(self.device), numbers[None].to(self.device))
            for one, numbers in zip(pixels, metadata, strict=True)
        ]
        return Pending(torch.cat(vectors).cpu())

    def compute(self, pixels: Tensor, metadata: Tensor) -> Tensor:
        """(B, width) float32 of a batch that lies on the device."""
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            vectors = extract(self.encoder, pixels, metadata, self.resolved)
        if self.projection is not None:
            vectors = self.projection.apply(vectors)
        return vectors.flatten(1)

    def _on_gpu(self) -> FixedBatches:
        if not self._batches:
            compute = compiled(self.compute)
            self._batches.append(
                FixedBatches(compute, batch_size=self.batch_size, device=self.device)
            )
        return self._batches[0]


def load_encoder(
    store: Store,
    checkpoint_id: str,
    kind: ChipKind,
    extraction: Extraction,
    *,
    platform: str | None = None,
    projection: Projection | None = None,
    device: str,
    precision: str,
    batch_size: int,
) -> ChipEncoder:
    """The encoder of a checkpoint, from memory where this process has used it before.

    Args:
        store: where the checkpoint is.
        checkpoint_id: content id; a name could point elsewhere by the next call.
        kind: of the chips to embed.
        extraction: what to take of the tokens.
        platform: satellite the chips are from, None to tell it from their bands.
        projection: what becomes of the vectors then.
        device: one of `settings.DEVICES`.
        precision: one of `settings.PRECISIONS`.
        batch_size: most chips that go through together.

    Raises:
        NotFoundError: there is no such checkpoint.
        CheckpointError: its file was damaged.
        ChipError: the network cannot take chips of this size.
        InvalidValueError: the device is not on this machine, it cannot compute in this precision,
            or the network cannot take these bands.
        ProductError: the network lacks what is to be taken.
    """
    device = choose_device(device)
    choose_precision(precision, device)
    return _encoder(
        store, checkpoint_id, kind, extraction, platform, projection, device, precision, batch_size
    )


@lru_cache(maxsize=_ENCODERS_KEPT)
def _encoder(
    store: Store,
    checkpoint_id: str,
    kind: ChipKind,
    extraction: Extraction,
    platform: str | None,
    projection: Projection | None,
    device: str,
    precision: str,
    batch_size: int,
) -> ChipEncoder:
    network = _network(store, checkpoint_id, kind, platform, device, precision)
    return ChipEncoder(
        encoder=network,
        resolved=resolve(extraction, network.layout, name=f"checkpoint {checkpoint_id}"),
        projection=None if projection is None else projection.to(device),
        device=torch.device(device),
        precision=precision,
        batch_size=batch_size,
    )


@lru_cache(maxsize=_NETWORKS_KEPT)
def _network(
    store: Store,
    checkpoint_id: str,
    kind: ChipKind,
    platform: str | None,
    device: str,
    precision: str,
) -> TokenEncoder:
    network = encoder_of(load_checkpoint(store, checkpoint_id), kind, platform)
    return quicken(network, precision) if device == "cpu" else network.to(device)
