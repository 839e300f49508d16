"""Chips of many tiles through encoders, in batches that tiles share, while others are read."""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from clay_assets.chips import Chip
from clay_assets.embeddings.batching import Batch, Batches, ReadChip, WantedChip
from clay_assets.embeddings.encoder import ChipEncoder, load_encoder
from clay_assets.embeddings.in_hand import TileInHand
from clay_assets.embeddings.projection import Projection, load_projection
from clay_assets.embeddings.suiting import kind_of
from clay_assets.errors import CheckpointError, ClayAssetsError
from clay_assets.models.batches import Pending
from clay_assets.store import Store

_IN_FLIGHT = 2
"""Batches given to a GPU before the first is taken back, so that it always has work."""
_PROJECTIONS_KEPT = 2


@dataclass(frozen=True)
class EncoderSettings:
    """How an encoder runs."""

    device: str
    """One of `settings.DEVICES`."""
    precision: str
    """One of `settings.PRECISIONS`."""
    batch_size: int
    """Chips that go through together."""


Read = tuple[WantedChip, Chip | ClayAssetsError | None]


def encode_chips(
    store: Store, reads: Iterable[Read], settings: EncoderSettings
) -> Generator[list[TileInHand]]:
    """Give chips that were read to their tiles as vectors.

    Args:
        store: with the checkpoints.
        reads: chips in any order, of any tiles, each or what came instead.
        settings: how the encoders run.

    Yields:
        Tiles that got vectors, or failed, or of which no chip is missing.
    """
    batches, flight = Batches(settings.batch_size), deque[_Flying]()

    def start(batch: Batch) -> Iterator[list[TileInHand]]:
        try:
            flight.append(_start(store, batch, settings))
        except ClayAssetsError as error:
            yield _fail_all(batch, error)
        while flight and (len(flight) > _IN_FLIGHT or flight[0].vectors.is_done):
            yield _land(flight.popleft())

    for (wanted, chip), waited_seconds in _timed(reads, lambda: _is_busy(flight)):
        hand = wanted.hand
        if hand is not None and isinstance(chip, ClayAssetsError):
            hand.fail(chip)
        if hand is None or wanted.row is None or not isinstance(chip, Chip):
            yield [] if hand is None else [hand]
            continue
        hand.waited_seconds += waited_seconds
        for batch in batches.add(ReadChip(hand, wanted.row, chip)):
            yield from start(batch)
    for batch in batches.rest():
        yield from start(batch)
    while flight:
        yield _land(flight.popleft())


@dataclass(frozen=True)
class _Flying:
    """A batch on the device."""

    batch: Batch
    vectors: Pending
    encoder: ChipEncoder


def _start(store: Store, batch: Batch, settings: EncoderSettings) -> _Flying:
    encoder = _encoder(store, batch[0], settings)
    return _Flying(batch, encoder.embed([read.chip for read in batch]), encoder)


def _encoder(store: Store, read: ReadChip, settings: EncoderSettings) -> ChipEncoder:
    work = read.hand.work
    return load_encoder(
        store,
        work.checkpoint_id,
        kind_of(read.row),
        work.product.extraction,
        platform=work.product.platform,
        projection=_projection(store, work.product.name, work.projection_id),
        device=settings.device,
        precision=settings.precision,
        batch_size=settings.batch_size,
    )


@lru_cache(maxsize=_PROJECTIONS_KEPT)
def _projection(store: Store, product: str, projection_id: str | None) -> Projection | None:
    return None if projection_id is None else load_projection(store, product, projection_id)


def _land(flying: _Flying) -> list[TileInHand]:
    """Give a batch's vectors to their tiles; a chip without a finite one fails its tile."""
    vectors = flying.vectors.wait()
    finite = [bool(np.isfinite(vector).all()) for vector in vectors]
    rows: dict[int, list[int]] = {}
    for index, read in enumerate(flying.batch):
        if not finite[index]:
            read.hand.fail(_not_finite(read, flying.encoder))
        rows.setdefault(id(read.hand), []).append(index)
    touched = []
    for indices in rows.values():
        hand = flying.batch[indices[0]].hand
        if good := [index for index in indices if finite[index]]:
            hand.add([flying.batch[index].row for index in good], vectors[good])
        touched.append(hand)
    return touched


def _fail_all(batch: Batch, error: ClayAssetsError) -> list[TileInHand]:
    for read in batch:
        read.hand.fail(error)
    return list({id(read.hand): read.hand for read in batch}.values())


def _not_finite(read: ReadChip, encoder: ChipEncoder) -> CheckpointError:
    return CheckpointError(
        f"checkpoint {read.hand.work.checkpoint_id} in {encoder.precision} gives chip "
        f"{read.row.path} an embedding that is not finite; use CLAY_PRECISION=fp32 or another "
        "checkpoint"
    )


def _is_busy(flight: deque[_Flying]) -> bool:
    return any(not flying.vectors.is_done for flying in flight)


def _timed(reads: Iterable[Read], is_busy: Callable[[], bool]) -> Iterator[tuple[Read, float]]:
    """Each with the seconds it was waited for while nothing was computed."""
    asked = time.monotonic()
    for read in reads:
        yield read, 0.0 if is_busy() else time.monotonic() - asked
        asked = time.monotonic()
