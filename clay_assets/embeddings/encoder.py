"""An encoder on a device, kept between tiles, from chips to embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from clay_assets.checkpoints import load_checkpoint
from clay_assets.chips import Chip
from clay_assets.embeddings.pooling import pool
from clay_assets.errors import InvalidValueError
from clay_assets.ingest.footprint import centre_wgs84
from clay_assets.models import (
    Encoder,
    build,
    choose_device,
    encode_latlon,
    encode_timestep,
    normalise,
)
from clay_assets.settings import PRECISIONS
from clay_assets.store import Store

_ENCODERS_KEPT = 2
"""A second one for tiles that have other bands; each holds its weights in the device's memory."""


@dataclass(frozen=True)
class Pending:
    """Embeddings that a device may still be computing."""

    _vectors: Tensor
    """(B, width) on the CPU, valid once `_done` has happened."""
    _done: torch.cuda.Event | None

    def wait(self) -> npt.NDArray[np.float32]:
        """(B, width), each embedding flat in C order."""
        if self._done is not None:
            self._done.synchronize()
        vectors: npt.NDArray[np.float32] = self._vectors.numpy()
        return vectors


@dataclass(frozen=True)
class ChipEncoder:
    """A checkpoint's encoder for chips of given bands, ready on a device."""

    checkpoint_id: str
    """Content id of the weights."""
    network: Encoder
    """On the device, in evaluation mode."""
    device: torch.device
    """Where it computes."""
    precision: str
    """`fp32`, or `bf16` for matrix products in half the width."""

    @torch.inference_mode()
    def embed(self, chips: Sequence[Chip], level: str) -> Pending:
        """Start to embed chips of one size with the encoder's bands; a GPU goes on by itself."""
        is_cuda = self.device.type == "cuda"
        pixels = torch.stack([torch.from_numpy(chip.pixels) for chip in chips])
        latlon = torch.tensor(
            [encode_latlon(*centre_wgs84(chip.bounds, chip.epsg)) for chip in chips]
        )
        timestep = torch.tensor([encode_timestep(chip.date) for chip in chips])
        if is_cuda:
            pixels = pixels.pin_memory()  # else the copy waits for the batch before
        pixels, latlon, timestep = (
            part.to(self.device, non_blocking=is_cuda) for part in (pixels, latlon, timestep)
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            tokens = self.network(normalise(pixels, self.network.bands), latlon, timestep)
        embeddings = pool(tokens, level, len(self.network.groups)).flatten(1)
        # Queued now: asked for later, the copy would also wait for the batches started since.
        vectors = embeddings.to("cpu", non_blocking=is_cuda)
        return Pending(vectors, torch.cuda.current_stream().record_event() if is_cuda else None)


def load_encoder(
    store: Store, checkpoint_id: str, bands: tuple[str, ...], *, device: str, precision: str
) -> ChipEncoder:
    """The encoder of a checkpoint, from memory where this process has used it before.

    Args:
        store: where the checkpoint is.
        checkpoint_id: content id; a name could point elsewhere by the next call.
        bands: of the chips to embed; band groups that they lack are left out.
        device: one of `settings.DEVICES`.
        precision: one of `settings.PRECISIONS`.

    Raises:
        NotFoundError: there is no such checkpoint.
        CheckpointError: its file was damaged.
        InvalidValueError: the device is not on this machine, the precision is unknown, or no band
            group has all its bands.
    """
    if precision not in PRECISIONS:
        raise InvalidValueError(
            f"precision must be one of {', '.join(PRECISIONS)}, got {precision!r}"
        )
    return _encoder(store, checkpoint_id, bands, choose_device(device), precision)


@lru_cache(maxsize=_ENCODERS_KEPT)
def _encoder(
    store: Store, checkpoint_id: str, bands: tuple[str, ...], device: str, precision: str
) -> ChipEncoder:
    network = build(load_checkpoint(store, checkpoint_id), bands).encoder
    return ChipEncoder(checkpoint_id, network.to(device), torch.device(device), precision)
