"""Where every file lies, local or on S3 by one root URL, and how it is read and written.

A file appears whole or not at all: it is written aside and published in one step. Nothing here
knows what is in a file.
"""

import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlparse

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore

from clay_assets.errors import NotFoundError, StoreError
from clay_assets.remote import RangeReader, cached_copy, first_line, object_store

PARTIAL_SUFFIX = ".partial"
_ALMOST_FULL_BYTES = 1 << 20


@dataclass(frozen=True)
class StoredFile:
    """One file of a store."""

    key: str
    """Path under the root, with forward slashes."""
    size: int
    """Bytes."""
    etag: str
    """Changes whenever the content is written anew."""
    modified: datetime
    """When it was last written, UTC."""


@dataclass(frozen=True)
class Store:
    """The files under one root, a local folder or `s3://bucket/prefix`.

    S3 endpoint and credentials come from the usual `AWS_*` environment variables.
    """

    root: str
    """Local folder or `s3://` URL."""
    cache: Path
    """Local folder for copies of remote files, and for locks."""

    @property
    def is_local(self) -> bool:
        """Whether files lie on this machine's disk."""
        return "://" not in self.root or self.root.startswith("file://")

    def url(self, key: str) -> str:
        """Full path or URL of a key, whether or not it exists."""
        if self.is_local:
            return str(self._folder / key)
        return f"{self.root.rstrip('/')}/{key}"

    def exists(self, key: str) -> bool:
        """Whether there is a file of that key."""
        try:
            obstore.head(self._objects, key)
        except FileNotFoundError:
            return False
        except BaseError as error:
            raise StoreError(f"{self.url(key)}: {first_line(error)}") from error
        return True

    def stat(self, key: str) -> StoredFile:
        """Size, etag and time of a file.

        Raises:
            NotFoundError: there is no such file.
        """
        with self._reading(key):
            return _stored(obstore.head(self._objects, key))

    def read_bytes(self, key: str, *, limit_s: float | None = None) -> bytes:
        """All bytes of a file.

        Args:
            key: its path under the root.
            limit_s: seconds that a remote file may take before it is asked for again, see
                `object_store`; None for patience.

        Raises:
            NotFoundError: there is no such file.
            StoreError: it could not be read.
        """
        with self._reading(key):
            return bytes(obstore.get(self._client(limit_s), key).bytes())

    def open(self, key: str) -> BinaryIO:
        """A seekable binary file that reads ranges as they are asked for, for pyarrow.

        Raises:
            NotFoundError: there is no such file.
        """
        with self._reading(key):
            return cast(BinaryIO, RangeReader(obstore.open_reader(self._objects, key)))

    def write_bytes(self, key: str, data: bytes) -> None:
        """Write a file whole, replacing any of that key."""
        with self.writing(key) as path:
            path.write_bytes(data)

    @contextmanager
    def writing(self, key: str) -> Iterator[Path]:
        """A local path to write to; the file appears under `key` when the block ends well.

        Raises:
            StoreError: the disk is full or the file could not be published.
        """
        folder = (self._folder / key).parent if self.is_local else self.cache / "partial"
        path = folder / f".{Path(key).name}.{uuid.uuid4().hex[:8]}{PARTIAL_SUFFIX}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            yield path
            self._publish(path, key)
        except Exception as error:  # raised again below: rasterio hides the errno of a full disk
            if _disk_is_full(error, folder):
                raise StoreError(
                    f"{self.url(key)} could not be written: the disk of {folder} is full; free "
                    "some space or set CLAY_DATA_ROOT to another disk, then run again"
                ) from error
            raise
        finally:
            path.unlink(missing_ok=True)

    @contextmanager
    def one_at_a_time(self, name: str) -> Iterator[None]:
        """Wait for a turn to do what is called so: one thread of all processes with this cache."""
        self.cache.mkdir(parents=True, exist_ok=True)
        with (self.cache / f"{name}.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def files(self, prefix: str = "") -> list[StoredFile]:
        """Files under the folder `prefix`, sorted by key; half-written ones left out."""
        try:
            found = [
                _stored(meta)
                for batch in obstore.list(self._objects, prefix or None)
                for meta in batch
            ]
        except FileNotFoundError:
            return []
        except BaseError as error:
            raise StoreError(f"{self.url(prefix)}: {first_line(error)}") from error
        return sorted(
            (file for file in found if not file.key.endswith(PARTIAL_SUFFIX)),
            key=lambda file: file.key,
        )

    def folders(self, prefix: str = "") -> list[str]:
        """Names of the folders directly under the folder `prefix`, sorted."""
        return self.entries(prefix)[0]

    def entries(self, prefix: str = "") -> tuple[list[str], list[StoredFile]]:
        """Names of the folders directly under the folder `prefix`, and the files there, sorted."""
        try:
            found = obstore.list_with_delimiter(self._objects, prefix or None)
        except FileNotFoundError:
            return [], []
        except BaseError as error:
            raise StoreError(f"{self.url(prefix)}: {first_line(error)}") from error
        files = [_stored(m) for m in found["objects"] if not m["path"].endswith(PARTIAL_SUFFIX)]
        folders = sorted(Path(folder).name for folder in found["common_prefixes"])
        return folders, sorted(files, key=lambda file: file.key)

    def delete(self, keys: list[str]) -> None:
        """Delete files; those already gone are no error."""
        for key in keys:
            try:
                obstore.delete(self._objects, key)
            except FileNotFoundError:
                continue
            except BaseError as error:
                raise StoreError(f"{self.url(key)}: {first_line(error)}") from error

    def local_path(self, key: str) -> Path:
        """The file on this machine's disk: itself, or a copy that follows its etag.

        Raises:
            NotFoundError: there is no such file.
        """
        if self.is_local:
            path = self._folder / key
            if not path.is_file():
                raise NotFoundError(f"{path} does not exist")
            return path
        return cached_copy(self._objects, key, self.url(key), self.cache)

    @property
    def _folder(self) -> Path:
        return Path(unquote(urlparse(self.root).path) if "://" in self.root else self.root)

    @property
    def _objects(self) -> ObjectStore:
        return self._client(None)

    def _client(self, limit_s: float | None) -> ObjectStore:
        return object_store(str(self._folder) if self.is_local else self.root, limit_s=limit_s)

    def _publish(self, path: Path, key: str) -> None:
        if self.is_local:
            with path.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(path, self._folder / key)
            return
        try:
            obstore.put(self._objects, key, path)
        except (BaseError, FileNotFoundError) as error:
            raise StoreError(f"{self.url(key)}: {first_line(error)}") from error

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise NotFoundError(f"{self.url(key)} does not exist") from error
        except BaseError as error:
            raise StoreError(f"{self.url(key)}: {first_line(error)}") from error


def free_bytes(folder: Path) -> int:
    """Free space of the disk that holds `folder`, which need not exist yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _stored(meta: Any) -> StoredFile:  # noqa: ANN401
    return StoredFile(meta["path"], meta["size"], str(meta["e_tag"] or ""), meta["last_modified"])


def _disk_is_full(error: Exception, folder: Path) -> bool:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return True
    return folder.exists() and free_bytes(folder) < _ALMOST_FULL_BYTES
