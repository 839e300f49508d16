"""Fitting a product's projection on a sample of the pictures of image sets."""

# N pictures of the sample, D numbers of an embedding

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from clay_assets import progress
from clay_assets.checkpoints import find_checkpoint
from clay_assets.embeddings.encoder import load_encoder
from clay_assets.embeddings.encoding import EncoderSettings
from clay_assets.embeddings.fitting import SAMPLE, fitted_before
from clay_assets.embeddings.products import Product
from clay_assets.embeddings.projection import (
    check_sample,
    fit,
    put_projection,
)
from clay_assets.embeddings.read_ahead import read_ahead
from clay_assets.errors import (
    CheckpointError,
    ImageError,
    InvalidValueError,
    NotFoundError,
)
from clay_assets.images.decoding import decode_image
from clay_assets.images.encoding import reading_threads
from clay_assets.images.listing import ListedImage, list_images
from clay_assets.images.sets import list_sets, read_set
from clay_assets.images.work import network_for_pictures, picture_kind
from clay_assets.models.token_encoder import Place
from clay_assets.provenance import fingerprint
from clay_assets.store import Store

FIT_VERSION = "1"
"""Raised when the same pictures would give another projection."""


@dataclass(frozen=True)
class ImageProjectionReport:
    """What fitting a projection came to."""

    data_version: str
    """Content id of the projection."""
    skipped: bool
    """Whether it was fitted before, on the same pictures in the same way."""
    checkpoint_id: str
    """Checkpoint that embedded the sample."""
    images: int
    """Pictures it was fitted on."""
    image_sets: tuple[str, ...]
    """Sets they were drawn from."""
    width: int
    """Numbers that are left of an embedding."""
    explained: tuple[float, ...]
    """Share of the sample's variance in each component; empty without a PCA."""
    seconds: float
    """Time it took."""


@dataclass(frozen=True)
class _Drawn:
    """A picture of the sample."""

    image_set: str
    place: Store
    image: ListedImage


def fit_image_projection(
    store: Store,
    product: Product,
    settings: EncoderSettings,
    *,
    image_sets: Sequence[str] = (),
    sample: int = SAMPLE,
    seed: int = 0,
    run_id: str,
) -> ImageProjectionReport:
    """Fit what a product declares on pictures drawn by seed, and let the product use it.

    Args:
        store: with the checkpoint.
        product: with `standardise` or `pca`, of images.
        settings: how the encoder runs.
        image_sets: to draw from; all that are registered where none is named.
        sample: pictures to draw; all where there are fewer. Those that cannot be read are left out.
        seed: of the draw.
        run_id: run to note.

    Raises:
        NotFoundError: there is no such set, folder or checkpoint, or no picture.
        ProductError: the sample does not suffice, or the product does not suit the checkpoint.
        CheckpointError: an embedding is not finite.
        InvalidValueError: the sample is empty, or the device or precision is not allowed.
        StoreError: a picture could not be fetched.
    """
    started = time.monotonic()
    if sample < 1:
        raise InvalidValueError(f"sample must be 1 picture or more, got {sample}")
    checkpoint = find_checkpoint(store, product.checkpoint)
    size_px, _ = network_for_pictures(product, checkpoint)
    names = tuple(sorted(image_sets)) or tuple(one.name for one in list_sets(store))
    drawn = _draw(store, names, sample, seed)
    check_sample(product, len(drawn))
    pictures = [(one.image_set, one.image.filename, one.image.etag) for one in drawn]
    inputs = fingerprint(FIT_VERSION, settings.precision, pictures)
    stored = fitted_before(store, product, checkpoint.id, inputs)
    skipped = stored is not None
    if stored is None:
        embedded = list(_embedded(store, product, checkpoint.id, size_px, drawn, settings))
        check_sample(product, sum(map(len, embedded)))
        vectors = np.concatenate(embedded)
        made = {
            "checkpoint_id": checkpoint.id,
            "inputs": inputs,
            "run_id": run_id,
            "sample": sample,
            "seed": seed,
            "image_sets": list(names),
        }
        stored = put_projection(store, product, fit(product, vectors), made)
    return ImageProjectionReport(
        data_version=stored.id,
        skipped=skipped,
        checkpoint_id=checkpoint.id,
        images=stored.made["vectors"],
        image_sets=names,
        width=stored.made["width"],
        explained=tuple(stored.made["explained"]),
        seconds=time.monotonic() - started,
    )


def _draw(store: Store, names: Sequence[str], count: int, seed: int) -> list[_Drawn]:
    """So many pictures of all sets, each as likely.

    Raises:
        NotFoundError: there is none.
    """
    listings = [(name, list_images(read_set(store, name).location)) for name in names]
    there = [_Drawn(name, found.place, image) for name, found in listings for image in found.images]
    if not there:
        raise NotFoundError(
            f"image sets {', '.join(names) or '(none is registered)'} have no images, and a "
            "projection is fitted on a sample of them; register a set: `clay-assets images add`"
        )
    rng = np.random.default_rng(seed)
    places = np.sort(rng.choice(len(there), min(count, len(there)), replace=False))
    return [there[place] for place in places]


def _embedded(
    store: Store,
    product: Product,
    checkpoint_id: str,
    size_px: int,
    drawn: Sequence[_Drawn],
    settings: EncoderSettings,
) -> Iterator[npt.NDArray[np.float32]]:
    """(B, D) of the pictures that can be read, batch after batch, as the extraction gives them."""
    encoder = load_encoder(
        store,
        checkpoint_id,
        picture_kind(size_px),
        product.extraction,
        device=settings.device,
        precision=settings.precision,
        batch_size=settings.batch_size,
    )

    def load(one: _Drawn) -> npt.NDArray[np.uint8] | None:
        data = one.place.read_bytes(one.image.filename)
        try:
            return decode_image(data, one.image.filename, size_px).pixels
        except ImageError:
            return None

    threads = reading_threads()
    loaded = read_ahead(drawn, load, threads=threads, ahead=threads + settings.batch_size)
    tracked = progress.track(loaded, "Embedding a sample", len(drawn))
    pixels = (one for one in tracked if one is not None)
    while batch := list(islice(pixels, settings.batch_size)):
        vectors = encoder.embed_pixels(batch, [Place(None, None, None)] * len(batch)).wait()
        if not np.isfinite(vectors).all():
            raise CheckpointError(
                f"checkpoint {checkpoint_id} in {settings.precision} gives pictures of the sample "
                "embeddings that are not finite; use CLAY_PRECISION=fp32 or another checkpoint"
            )
        yield vectors
