"""Writing an image set's file, its failures, and parts of it while it is being made."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from clay_assets.embeddings.file import METADATA_KEY, rows_at_once
from clay_assets.embeddings.unfinished import Waiting
from clay_assets.errors import NotFoundError
from clay_assets.images.file import FOLDER, ImageFileMetadata, image_schema, set_key
from clay_assets.images.listing import ListedImage
from clay_assets.images.rows import ImageRow, KnownImages, image_table, stored_numbers
from clay_assets.provenance import fingerprint
from clay_assets.store import Store

Gather = Callable[[Sequence[ImageRow]], npt.NDArray[np.float32]]
FAILURES = pa.schema([("filename", pa.string()), ("reason", pa.string()), ("etag", pa.string())])
"""Columns of the table of failures."""


@dataclass(frozen=True)
class Failure:
    """A picture that could not be read."""

    image: ListedImage
    """The file."""
    reason: str
    """Why."""
    is_final: bool = True
    """Whether the file is at fault, so that it need not be read again before it changes."""


def write_image_file(
    store: Store,
    key: str,
    rows: Sequence[ImageRow],
    gather: Gather,
    failures: Sequence[Failure],
    metadata: ImageFileMetadata,
) -> ImageFileMetadata:
    """Write an image set's file; memory holds one row group at a time.

    Args:
        store: where to write.
        key: of the file.
        rows: in the order of the file, at least one.
        gather: asked for the vectors of one row group after the other.
        failures: what is not in it.
        metadata: all but the data version.

    Returns:
        The metadata as written, with the data version.

    Raises:
        ProductError: a number is too large for float16.
    """
    schema = image_schema(metadata.shape, metadata.dtype)
    step = rows_at_once(int(np.prod(metadata.shape)))
    digest = hashlib.sha256()
    with store.writing(key) as path, pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, len(rows), step):
            part = rows[start : start + step]
            stored = stored_numbers(part, gather(part), metadata.dtype)
            for numbers in stored.values():
                digest.update(numbers.astype(numbers.dtype.newbyteorder("<"), copy=False).data)
            writer.write_table(image_table(part, stored, schema))
        identity = [row.identity for row in rows]
        failed = [(failure.image.filename, failure.reason) for failure in failures]
        version = fingerprint(identity, failed, metadata.shape, digest.hexdigest())
        metadata = replace(metadata, data_version=version)
        writer.add_key_value_metadata({METADATA_KEY: metadata.to_json()})
    return metadata


def write_failures(store: Store, key: str, failures: Sequence[Failure]) -> None:
    """Write the table of failures, empty where there are none."""
    columns = {
        "filename": [failure.image.filename for failure in failures],
        "reason": [failure.reason for failure in failures],
        "etag": [failure.image.etag if failure.is_final else None for failure in failures],
    }
    with store.writing(key) as path:
        pq.write_table(pa.table(columns, schema=FAILURES), path, compression="zstd")


def read_failures(store: Store, product: str, image_set: str) -> dict[str, tuple[str, str | None]]:
    """File name -> why it could not be read, and its etag; empty without a table.

    The etag is None where the place and not the file was at fault.
    """
    try:
        with store.open(set_key(product, image_set, "_failures.parquet")) as file:
            rows = pq.read_table(file).to_pylist()
    except NotFoundError:
        return {}
    return {row["filename"]: (row["reason"], row["etag"]) for row in rows}


@dataclass
class Parts:
    """New rows of a set until its file is written: what comes quickly stays in memory.

    The rest is kept in files, so that a killed run loses half a minute.
    """

    store: Store
    """Where they lie."""
    product: str
    """Name of the product."""
    image_set: str
    """Name of the set."""
    recipe: str
    """Parts of another recipe are of no use."""
    shape: tuple[int, ...]
    """Of one embedding."""
    known: KnownImages
    """Finds the rows afterwards."""
    _waiting: Waiting[ImageRow] = field(default_factory=Waiting)

    def keys(self) -> list[str]:
        """Keys of the parts that can be used."""
        return [key for key in self._keys() if key.startswith(f"{self._folder}/{self.recipe}_")]

    def add(self, rows: Sequence[ImageRow], vectors: npt.NDArray[np.float32]) -> None:
        """Take the (N, W) vectors of some rows.

        Raises:
            StoreError: a part could not be written.
        """
        if self._waiting.add(rows, vectors):
            self.keep_all()

    def keep_all(self) -> None:
        """Write what is in memory as a part.

        Raises:
            StoreError: it could not be written.
        """
        if (taken := self._waiting.take()) is not None:
            self.known.add_file(self.store, self._write(*taken))

    def gathered(self) -> KnownImages:
        """All rows, once the last was added."""
        if (taken := self._waiting.take()) is not None:
            self.known.add_rows(*taken)
        return self.known

    def clear(self) -> None:
        """Delete all parts, also those of no use."""
        self.store.delete(self._keys())

    def _write(self, rows: Sequence[ImageRow], vectors: npt.NDArray[np.float32]) -> str:
        schema = image_schema(self.shape)
        table = image_table(rows, stored_numbers(rows, vectors, "float32"), schema)
        names = [(row.filename, row.image_hash) for row in rows]
        key = f"{self._folder}/{self.recipe}_{fingerprint(names)}.parquet"
        with self.store.writing(key) as path:
            step = rows_at_once(vectors.shape[1])
            pq.write_table(table, path, row_group_size=step, compression="none")
        return key

    @property
    def _folder(self) -> str:
        return f"{FOLDER}/{self.product}/unfinished/{self.image_set}"

    def _keys(self) -> list[str]:
        return [file.key for file in self.store.files(self._folder)]
