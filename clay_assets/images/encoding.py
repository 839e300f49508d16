"""Pictures of a set through an encoder, in batches, while others are fetched and decoded."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from clay_assets import progress
from clay_assets.embeddings.encoder import ChipEncoder, load_encoder
from clay_assets.embeddings.encoding import EncoderSettings
from clay_assets.embeddings.projection import load_projection
from clay_assets.embeddings.read_ahead import load_ahead
from clay_assets.errors import (
    CheckpointError,
    ClayAssetsError,
    ImageError,
    NotFoundError,
    StoreError,
)
from clay_assets.images.decoding import decode_image
from clay_assets.images.listing import ListedImage
from clay_assets.images.rows import ImageRow, KnownImages
from clay_assets.images.work import ImageWork
from clay_assets.images.writing import Failure, Parts
from clay_assets.models.batches import Pending
from clay_assets.models.token_encoder import Place
from clay_assets.provenance import content_hash
from clay_assets.store import Store

_FEWEST_THREADS, _MOST_THREADS = 4, 16
"""To hide a network's delay; and because a photograph takes much memory while it is decoded."""
_IN_FLIGHT = 2
"""Batches given to a GPU before the first is taken back, so that it always has work."""


@dataclass(frozen=True)
class ReadPicture:
    """A picture of unknown content."""

    row: ImageRow
    """What its row will say."""
    pixels: npt.NDArray[np.uint8]
    """(3, H, W)."""


def encode_images(
    store: Store,
    work: ImageWork,
    parts: Parts,
    failures: dict[str, Failure],
    settings: EncoderSettings,
) -> int:
    """Read and encode what is not known.

    Args:
        store: with the checkpoint.
        work: the image set, and how.
        parts: knows some pictures, and takes the others.
        failures: by file name, those that need not be read; gets those that cannot be.
        settings: how the encoder runs.

    Returns:
        How many pictures went through the encoder.

    Raises:
        CheckpointError: it was damaged, or gives numbers that are not finite.
        StoreError: a part could not be written.
    """
    wanted = [
        image
        for image in work.listing.images
        if parts.known.row_of(image) is None and image.filename not in failures
    ]
    flight: deque[tuple[list[ImageRow], Pending]] = deque()
    embedded = 0
    try:
        for batch in _batches(work, parts.known, wanted, failures, settings.batch_size):
            encoder = _encoder(store, work, settings)
            places = [Place(read.row.lon, read.row.lat, None) for read in batch]
            vectors = encoder.embed_pixels([read.pixels for read in batch], places)
            flight.append(([read.row for read in batch], vectors))
            embedded += len(batch)
            while flight and (len(flight) > _IN_FLIGHT or flight[0][1].is_done):
                _land(work, parts, *flight.popleft())
        while flight:
            _land(work, parts, *flight.popleft())
    except (ClayAssetsError, KeyboardInterrupt):
        parts.keep_all()  # the next run goes on from here
        raise
    return embedded


def reading_threads() -> int:
    """How many pictures are fetched and decoded at once."""
    return min(max(os.cpu_count() or 1, _FEWEST_THREADS), _MOST_THREADS)


def _encoder(store: Store, work: ImageWork, settings: EncoderSettings) -> ChipEncoder:
    projection = None
    if work.projection_id is not None:
        projection = load_projection(store, work.product.name, work.projection_id)
    return load_encoder(
        store,
        work.checkpoint_id,
        work.kind,
        work.product.extraction,
        projection=projection,
        device=settings.device,
        precision=settings.precision,
        batch_size=settings.batch_size,
    )


def _batches(
    work: ImageWork,
    known: KnownImages,
    wanted: Sequence[ListedImage],
    failures: dict[str, Failure],
    size: int,
) -> Iterator[list[ReadPicture]]:
    """Pictures of unknown content; failures and known content are noted on the way."""
    threads = reading_threads()
    batch: list[ReadPicture] = []
    reads = load_ahead(
        wanted, lambda image: _read(work, known, image), threads=threads, ahead=size + threads
    )
    with closing(reads):
        for done, (image, read) in enumerate(reads, start=1):
            progress.report(f"Embedding images of {work.image_set.name}", done, len(wanted))
            if isinstance(read, Failure):
                failures[image.filename] = read
            elif isinstance(read, ImageRow):
                known.add_name(read)
            else:
                batch.append(read)
            if len(batch) == size:
                yield batch
                batch = []
    if batch:
        yield batch


def _read(
    work: ImageWork, known: KnownImages, image: ListedImage
) -> ReadPicture | ImageRow | Failure:
    """A picture; its row alone where its content is known; or why there is none. In threads."""
    try:
        data = work.listing.place.read_bytes(image.filename)
    except (NotFoundError, StoreError) as error:
        return Failure(image, str(error), is_final=False)
    image_hash = content_hash(data)
    if (same := known.of_content(image_hash)) is not None:
        return replace(same, filename=image.filename, etag=image.etag)
    try:
        decoded = decode_image(data, image.filename, work.size_px)
    except ImageError as error:
        return Failure(image, str(error))
    row = ImageRow(
        filename=image.filename,
        image_hash=image_hash,
        width_px=decoded.width_px,
        height_px=decoded.height_px,
        lon=decoded.lon,
        lat=decoded.lat,
        read_as=decoded.read_as,
        etag=image.etag,
    )
    return ReadPicture(row, decoded.pixels)


def _land(work: ImageWork, parts: Parts, rows: list[ImageRow], pending: Pending) -> None:
    """Take vectors from the device."""
    vectors = pending.wait()
    finite = np.isfinite(vectors).all(axis=1)
    if not finite.all():
        raise CheckpointError(
            f"checkpoint {work.checkpoint_id} in {work.precision} gives image "
            f"{rows[int(np.argmin(finite))].filename} an embedding that is not finite; use "
            "CLAY_PRECISION=fp32 or another checkpoint"
        )
    parts.add(rows, vectors)
