"""Image sets brought up to date: what is known is kept, what is new is encoded."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clay_assets.embeddings.encoding import EncoderSettings
from clay_assets.embeddings.products import Product
from clay_assets.errors import ImageError, InvalidValueError, NotFoundError
from clay_assets.images.encoding import encode_images
from clay_assets.images.file import (
    FOLDER,
    ImageFileMetadata,
    read_image_metadata,
    read_image_rows,
    set_key,
)
from clay_assets.images.outputs import remove_old_outputs, write_set_files
from clay_assets.images.rows import ImageRow, KnownImages
from clay_assets.images.work import ImageWork, plan_images
from clay_assets.images.writing import Failure, Parts, read_failures
from clay_assets.store import Store


@dataclass(frozen=True)
class ImagesReport:
    """What embedding an image set came to."""

    data_version: str
    """Fingerprint of the file's rows and of what failed."""
    skipped: bool
    """Whether the file was there already, made from the same inputs."""
    key: str
    """The file."""
    outputs: dict[str, str]
    """Name -> key of the files beside it."""
    checkpoint_id: str
    """Checkpoint of the embeddings."""
    shape: tuple[int, ...]
    """Of one embedding."""
    dtype: str
    """Kind of the stored numbers."""
    images: int
    """Pictures of the set, read or not."""
    rows: int
    """Pictures in the file."""
    embedded: int
    """Pictures that went through the encoder; the others were known, or failed."""
    failures: dict[str, str]
    """File name -> why it could not be read."""
    read_as: dict[str, int]
    """What was done to pictures to have red, green and blue of 8 bits upright -> how many."""
    seconds: float
    """Time it took."""


def embed_images(
    store: Store,
    product: Product,
    name: str,
    *,
    device: str = "auto",
    precision: str = "fp32",
    batch_size: int = 32,
    run_id: str,
) -> ImagesReport:
    """Bring the embeddings of an image set up to date.

    Only pictures that are new or have changed are read, and only those of unknown content go
    through the encoder. Pictures that cannot be read are listed with the reason; those that are
    gone leave the table. The files are replaced whole at the end; a killed run leaves the old ones,
    and what it has computed for the next run.

    Args:
        store: with the checkpoint, and for the files.
        product: how to embed.
        name: of the image set.
        device: one of `settings.DEVICES`.
        precision: one of `settings.PRECISIONS`.
        batch_size: pictures that go through the encoder together.
        run_id: run to note.

    Raises:
        ImageError: the set has no picture that can be read.
        CheckpointError: the checkpoint was damaged, or gives numbers that are not finite.
        InvalidValueError: device, precision or batch size is not allowed here.
        NotFoundError: there is no such image set, folder, checkpoint or projection.
        ProductError: the product is for chips, its network takes no pictures or cannot give what
            the product takes, or its CSV belongs to something else.
        StoreError: a file could not be written, or the pictures cannot be listed.
    """
    started = time.monotonic()
    if batch_size < 1:
        raise InvalidValueError(f"batch_size must be 1 or more, got {batch_size}")
    work = plan_images(store, product, name, device=device, precision=precision)
    before = _metadata_if_any(store, work.key)
    if before is not None and _is_up_to_date(store, work, before):
        return _report(store, work, before, started, skipped=True)
    known, failures = KnownImages(int(np.prod(work.shape))), {}
    parts = Parts(store, product.name, name, work.recipe, work.shape, known)
    if before is not None and before.recipe == work.recipe:
        known.add_file(store, work.key)
        failures = _known_failures(store, work)
    for key in parts.keys():
        known.add_file(store, key)
    settings = EncoderSettings(device, precision, batch_size)
    embedded = encode_images(store, work, parts, failures, settings)
    rows = _rows(work, parts.gathered(), failures)
    failed = [failures[filename] for filename in sorted(failures)]
    metadata = write_set_files(store, work, rows, known.gather, failed, run_id=run_id)
    remove_old_outputs(store, work, before)
    parts.clear()
    return _report(store, work, metadata, started, embedded=embedded)


def embedded_products(store: Store, name: str) -> list[str]:
    """Products that an image set is embedded by, sorted."""
    return [product for product in store.folders(FOLDER) if store.exists(set_key(product, name))]


def _is_up_to_date(store: Store, work: ImageWork, before: ImageFileMetadata) -> bool:
    return before.inputs == work.inputs and all(map(store.exists, work.outputs.values()))


def _known_failures(store: Store, work: ImageWork) -> dict[str, Failure]:
    """Pictures that could not be read last time and have not changed since."""
    found = {}
    known = read_failures(store, work.product.name, work.image_set.name)
    for image in work.listing.images:
        reason, etag = known.get(image.filename, ("", None))
        if etag == image.etag:
            found[image.filename] = Failure(image, reason)
    return found


def _rows(work: ImageWork, known: KnownImages, failures: dict[str, Failure]) -> Sequence[ImageRow]:
    """The rows of the file, sorted by file name.

    Raises:
        ImageError: there is none.
    """
    names = [image.filename for image in work.listing.images if image.filename not in failures]
    if not names:
        first = failures[min(failures)].reason
        raise ImageError(
            f"image set {work.image_set.name} has no image that can be read: of the "
            f"{len(failures)} in {work.image_set.location} the first says {first}"
        )
    return [known.rows[name] for name in names]


def _report(
    store: Store,
    work: ImageWork,
    metadata: ImageFileMetadata,
    started: float,
    *,
    skipped: bool = False,
    embedded: int = 0,
) -> ImagesReport:
    failed = read_failures(store, work.product.name, work.image_set.name)
    notes: Counter[str] = Counter()
    for table in read_image_rows(store, work.key, ["read_as"]):
        notes.update(note for note in table["read_as"].to_pylist() if note)
    return ImagesReport(
        data_version=metadata.data_version,
        skipped=skipped,
        key=work.key,
        outputs=work.outputs,
        checkpoint_id=metadata.checkpoint_id,
        shape=metadata.shape,
        dtype=metadata.dtype,
        images=len(work.listing.images),
        rows=len(work.listing.images) - len(failed),
        embedded=embedded,
        failures={filename: reason for filename, (reason, _) in failed.items()},
        read_as=dict(notes.most_common()),
        seconds=time.monotonic() - started,
    )


def _metadata_if_any(store: Store, key: str) -> ImageFileMetadata | None:
    """How a file was made; None without it, or if something else wrote it."""
    try:
        return read_image_metadata(store, key)
    except NotFoundError:
        return None
