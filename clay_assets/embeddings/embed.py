"""All chips of a tile through an encoder into its embedding file."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

from clay_assets import __version__, progress
from clay_assets.chips import ChipRow
from clay_assets.embeddings.encoding import EncoderSettings, encode_chips
from clay_assets.embeddings.file import FileMetadata, read_metadata
from clay_assets.embeddings.known import KnownVectors
from clay_assets.embeddings.listing import tile_keys
from clay_assets.embeddings.products import Product
from clay_assets.embeddings.unfinished import Unfinished, keep
from clay_assets.embeddings.work import Work, plan_work
from clay_assets.embeddings.writing import write_file
from clay_assets.errors import InvalidValueError, NotFoundError
from clay_assets.provenance import fingerprint
from clay_assets.store import Store


@dataclass(frozen=True)
class EmbeddingsReport:
    """What embedding a tile came to."""

    data_version: str
    """Fingerprint of the file's rows."""
    skipped: bool
    """Whether the file was there already, made from the same inputs."""
    key: str | None
    """The file; None where the tile has no chips, and so no file."""
    checkpoint_id: str
    """Checkpoint of the embeddings."""
    shape: tuple[int, ...]
    """Of one embedding; empty where there is none."""
    chips: int
    """Rows of the file."""
    embedded: int
    """Chips that went through the encoder; the embeddings of the others were known."""
    seconds: float
    """Time it took."""
    waited_seconds: float
    """Time of it in which the encoder waited for chips to be read."""


def embed_tile(
    store: Store,
    product: Product,
    tile: str,
    *,
    device: str = "auto",
    precision: str = "fp32",
    batch_size: int = 8,
    run_id: str,
) -> EmbeddingsReport:
    """Bring the embeddings of a tile's chips up to date.

    Only chips that are new or have changed go through the encoder. The tile's file is replaced
    whole at the end; a killed run leaves the old one, and what it has computed for the next run.

    Args:
        store: with the tile's chips and the checkpoint.
        product: how to embed.
        tile: MGRS tile id.
        device: one of `settings.DEVICES`.
        precision: one of `settings.PRECISIONS`.
        batch_size: chips that go through the encoder together.
        run_id: run to note.

    Raises:
        NotFoundError: the tile has no chips yet, or there is no such checkpoint.
        ChipError: a chip's file breaks the chip contract or is not the one that is listed, or the
            chips do not suit the product.
        CheckpointError: the checkpoint was damaged.
        InvalidValueError: device, precision or batch size is not allowed here, or the chips have
            none of the checkpoint's band groups whole.
        StoreError: a file could not be read or written.
    """
    if batch_size < 1:
        raise InvalidValueError(f"batch_size must be 1 or more, got {batch_size}")
    started = time.monotonic()
    work = plan_work(store, product, tile, precision=precision)
    if not work.rows:
        return _remove(store, work, started)
    current = _metadata_if_any(store, work.key)
    if current is not None and current.inputs == work.inputs:
        store.delete(list(current.replaces))  # left there by a run killed just before its end
        return _report(work, current, started, skipped=True)
    settings = EncoderSettings(work.checkpoint_id, product.level, device, precision, batch_size)
    return _update(store, work, settings, run_id=run_id, started=started)


def _update(
    store: Store, work: Work, settings: EncoderSettings, *, run_id: str, started: float
) -> EmbeddingsReport:
    shape = work.shape()
    previous = tile_keys(store, work.product.name, work.tile)
    unfinished = Unfinished(store, work.product.name, work.tile, work.recipe)
    known = KnownVectors(math.prod(shape))
    for key in [*_of_recipe(store, previous, work.recipe), *unfinished.parts()]:
        known.add_file(store, key)
    missing = [chip for chip in work.chips if chip not in known]
    waited_seconds = _embed(store, missing, settings, known, unfinished)
    replaced = [key for key in previous if key != work.key]
    metadata = FileMetadata(
        product=work.product.name,
        checkpoint_id=work.checkpoint_id,
        level=work.product.level,
        precision=work.precision,
        shape=shape,
        recipe=work.recipe,
        chips_data_version=work.chips_data_version,
        inputs=work.inputs,
        data_version="",
        replaces=tuple(replaced),
        run_id=run_id,
        package_version=__version__,
    )
    metadata = write_file(store, work.key, work.rows, known.gather, metadata)
    store.delete(replaced)
    unfinished.clear()
    return _report(work, metadata, started, embedded=len(missing), waited_seconds=waited_seconds)


def _embed(
    store: Store,
    chips: Sequence[ChipRow],
    settings: EncoderSettings,
    known: KnownVectors,
    unfinished: Unfinished,
) -> float:
    """Make the vectors of chips known; returns the seconds the encoder waited for them."""
    if not chips:
        return 0.0
    step, done, waited_seconds = f"Embedding chips of {unfinished.tile}", 0, 0.0
    progress.report(step, 0, len(chips))
    for batch in keep(encode_chips(store, chips, settings), known, unfinished):
        done += len(batch.chips)
        waited_seconds += batch.waited_seconds
        progress.report(step, done, len(chips))
    return waited_seconds


def _remove(store: Store, work: Work, started: float) -> EmbeddingsReport:
    """A tile without chips has no file."""
    previous = tile_keys(store, work.product.name, work.tile)
    store.delete(previous)
    Unfinished(store, work.product.name, work.tile, work.recipe).clear()
    return EmbeddingsReport(
        data_version=fingerprint([]),
        skipped=not previous,
        key=None,
        checkpoint_id=work.checkpoint_id,
        shape=(),
        chips=0,
        embedded=0,
        seconds=time.monotonic() - started,
        waited_seconds=0.0,
    )


def _report(
    work: Work,
    metadata: FileMetadata,
    started: float,
    *,
    skipped: bool = False,
    embedded: int = 0,
    waited_seconds: float = 0.0,
) -> EmbeddingsReport:
    return EmbeddingsReport(
        data_version=metadata.data_version,
        skipped=skipped,
        key=work.key,
        checkpoint_id=metadata.checkpoint_id,
        shape=metadata.shape,
        chips=len(work.rows),
        embedded=embedded,
        seconds=time.monotonic() - started,
        waited_seconds=waited_seconds,
    )


def _of_recipe(store: Store, keys: Sequence[str], recipe: str) -> list[str]:
    """Those files whose embeddings can be kept."""
    found = [(key, _metadata_if_any(store, key)) for key in keys]
    return [key for key, metadata in found if metadata is not None and metadata.recipe == recipe]


def _metadata_if_any(store: Store, key: str) -> FileMetadata | None:
    """How a file was made; None without it, or if something else wrote it."""
    try:
        return read_metadata(store, key)
    except NotFoundError:
        return None
