"""Chips of a manifest as vectors, batch by batch; the device computes while chips are read."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

import numpy as np
import numpy.typing as npt

from clay_assets.chips import ChipRow
from clay_assets.embeddings.encoder import Pending, load_encoder
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
    ahead: _Started | None = None
    for started in _start(store, rows, settings):
        if ahead is not None:
            yield _finish(ahead, settings)
        ahead = started
    if ahead is not None:
        yield _finish(ahead, settings)


@dataclass(frozen=True)
class _Started:
    chips: tuple[ChipRow, ...]
    embeddings: Pending
    waited_seconds: float


def _start(store: Store, rows: Sequence[ChipRow], settings: EncoderSettings) -> Iterator[_Started]:
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
            yield _Started(listed, encoder.embed(chips, settings.level), waited_seconds)
            asked = time.monotonic()


def _finish(started: _Started, settings: EncoderSettings) -> Encoded:
    vectors = started.embeddings.wait()
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        path = started.chips[int(np.argmin(finite))].path
        raise CheckpointError(
            f"checkpoint {settings.checkpoint_id} in {settings.precision} gives chip {path} an "
            "embedding that is not finite; use CLAY_PRECISION=fp32 or another checkpoint"
        )
    return Encoded(started.chips, vectors, started.waited_seconds)
