"""Chips of a manifest as vectors, batch by batch; the device computes while chips are read."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

import numpy as np
import numpy.typing as npt
from torch import Tensor

from clay_assets.chips import ChipRow
from clay_assets.embeddings.encoder import load_encoder
from clay_assets.embeddings.reading import read_chips
from clay_assets.errors import CheckpointError
from clay_assets.store import Store


@dataclass(frozen=True)
class EncoderSettings:
    """Which encoder, and how it runs."""

    checkpoint_id: str
    """Content id of its weights."""
    level: str
    """`mean`, `patch` or `group`."""
    device: str
    """One of `settings.DEVICES`."""
    precision: str
    """One of `settings.PRECISIONS`."""
    batch_size: int
    """Chips that go through together."""


@dataclass(frozen=True)
class Encoded:
    """One batch."""

    chips: tuple[ChipRow, ...]
    """N chips."""
    vectors: npt.NDArray[np.float32]
    """(N, width), all finite."""
    waited_seconds: float
    """Time in which nothing could be computed because the chips were still being read."""


def encode_chips(
    store: Store, rows: Sequence[ChipRow], settings: EncoderSettings
) -> Iterator[Encoded]:
    """Yield the embeddings of some chips in order.

    Raises:
        ChipError: a chip's file breaks the chip contract or is not the one listed.
        CheckpointError: the checkpoint is damaged, or its network overflows.
        InvalidValueError: the device is not on this machine.
    """
    # A GPU is given a batch before the one before it is taken back, so that it always has work.
    ahead: tuple[tuple[ChipRow, ...], Tensor, float] | None = None
    for started in _started(store, rows, settings):
        if ahead is not None:
            yield _finished(*ahead, settings)
        ahead = started
    if ahead is not None:
        yield _finished(*ahead, settings)


def _started(
    store: Store, rows: Sequence[ChipRow], settings: EncoderSettings
) -> Iterator[tuple[tuple[ChipRow, ...], Tensor, float]]:
    pairs = read_chips(store, rows, ahead=settings.batch_size)
    for (bands, _), alike in groupby(pairs, lambda pair: (pair[0].bands, pair[0].chip_size)):
        encoder = load_encoder(
            store,
            settings.checkpoint_id,
            bands,
            device=settings.device,
            precision=settings.precision,
        )
        asked = time.monotonic()
        while batch := list(islice(alike, settings.batch_size)):
            waited_seconds = time.monotonic() - asked
            listed, chips = zip(*batch, strict=True)
            yield listed, encoder.embed(chips, settings.level), waited_seconds
            asked = time.monotonic()


def _finished(
    chips: tuple[ChipRow, ...], embeddings: Tensor, waited_seconds: float, settings: EncoderSettings
) -> Encoded:
    vectors = embeddings.flatten(1).cpu().numpy()
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        path = chips[int(np.argmin(finite))].path
        raise CheckpointError(
            f"checkpoint {settings.checkpoint_id} in {settings.precision} gives chip {path} an "
            "embedding that is not finite; use CLAY_PRECISION=fp32 or another checkpoint"
        )
    return Encoded(chips, vectors, waited_seconds)
