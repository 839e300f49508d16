"""Where every file lies, local or on S3 by one root URL, and how it is read and written.

A file appears whole or not at all: it is written aside and published in one step. Nothing here
knows what is in a file.
"""

import errno
import hashlib
import io
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlparse

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url

from clay_assets.errors import NotFoundError, StoreError

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
    """Local folder for copies of remote files."""

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
            raise StoreError(f"{self.url(key)}: {_first_line(error)}") from error
        return True

    def stat(self, key: str) -> StoredFile:
        """Size, etag and time of a file.

        Raises:
            NotFoundError: there is no such file.
        """
        with self._reading(key):
            return _stored(obstore.head(self._objects, key))

    def read_bytes(self, key: str) -> bytes:
        """All bytes of a file.

        Raises:
            NotFoundError: there is no such file.
            StoreError: it could not be read.
        """
        with self._reading(key):
            return bytes(obstore.get(self._objects, key).bytes())

    def open(self, key: str) -> BinaryIO:
        """A seekable binary file that reads ranges as they are asked for, for pyarrow.

        Raises:
            NotFoundError: there is no such file.
        """
        with self._reading(key):
            return cast(BinaryIO, _RangeReader(obstore.open_reader(self._objects, key)))

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
            raise StoreError(f"{self.url(prefix)}: {_first_line(error)}") from error
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
            raise StoreError(f"{self.url(prefix)}: {_first_line(error)}") from error
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
                raise StoreError(f"{self.url(key)}: {_first_line(error)}") from error

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
        return _cached(self._objects, key, self.url(key), self.cache)

    @property
    def _folder(self) -> Path:
        return Path(unquote(urlparse(self.root).path) if "://" in self.root else self.root)

    @property
    def _objects(self) -> ObjectStore:
        return _object_store(str(self._folder) if self.is_local else self.root)

    def _publish(self, path: Path, key: str) -> None:
        if self.is_local:
            with path.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(path, self._folder / key)
            return
        try:
            obstore.put(self._objects, key, path)
        except (BaseError, FileNotFoundError) as error:
            raise StoreError(f"{self.url(key)}: {_first_line(error)}") from error

    @contextmanager
    def _reading(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise NotFoundError(f"{self.url(key)} does not exist") from error
        except BaseError as error:
            raise StoreError(f"{self.url(key)}: {_first_line(error)}") from error


def fetch(href: str, cache: Path) -> Path:
    """A file of anywhere (`s3://`, `https://`, `file://` or a path) as a local path.

    Remote files are copied once and again when their etag changes.

    Raises:
        NotFoundError: there is no such file.
        StoreError: it could not be read.
    """
    if "://" not in href or href.startswith("file://"):
        path = Path(unquote(urlparse(href).path) if "://" in href else href).expanduser()
        if not path.is_file():
            raise NotFoundError(f"{path} does not exist or is not a file")
        return path
    parent, _, name = href.partition("?")[0].rpartition("/")
    return _cached(_object_store(parent), name, href, cache)


def gdal_options() -> dict[str, Any]:
    """Options for `rasterio.Env`: S3 endpoint of `AWS_ENDPOINT_URL`, patience, no folder lists.

    GDAL's own variables in the environment win.
    """
    options: dict[str, Any] = {
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
        "GDAL_HTTP_MAX_RETRY": 3,
        "GDAL_HTTP_RETRY_DELAY": 1,
        "GDAL_HTTP_CONNECTTIMEOUT": 30,
        "GDAL_HTTP_LOW_SPEED_LIMIT": 1,
        "GDAL_HTTP_LOW_SPEED_TIME": 60,
        # Else GDAL serves an overwritten object's old bytes, and a failed request's failure, for
        # as long as the process lives.
        "CPL_VSIL_CURL_NON_CACHED": "/vsicurl/:/vsis3/",
    }
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        options |= {
            "AWS_S3_ENDPOINT": urlparse(endpoint).netloc,
            "AWS_HTTPS": "NO" if endpoint.startswith("http://") else "YES",
            "AWS_VIRTUAL_HOSTING": "FALSE",
        }
    return {name: value for name, value in options.items() if name not in os.environ}


def free_bytes(folder: Path) -> int:
    """Free space of the disk that holds `folder`, which need not exist yet."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _object_store(root: str) -> ObjectStore:
    if "://" not in root:
        Path(root).mkdir(parents=True, exist_ok=True)
        return obstore.store.LocalStore(root)
    environ = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    return _connected(root, tuple(sorted(environ.items())))


@lru_cache(maxsize=64)
def _connected(root: str, environ: tuple[tuple[str, str], ...]) -> ObjectStore:
    """A client with its open connections; another one when the environment has changed."""
    endpoint = dict(environ).get("AWS_ENDPOINT_URL", "")
    options: dict[str, Any] = {"timeout": "120s"}
    if endpoint.startswith("http://") or root.startswith("http://"):
        options["allow_http"] = True
    try:
        return from_url(root, client_options=cast(Any, options))
    except (BaseError, ValueError) as error:
        raise StoreError(
            f"{root!r} is not a place to read from; use a folder, s3://bucket/prefix or https://"
        ) from error


def _cached(objects: ObjectStore, key: str, url: str, cache: Path) -> Path:
    try:
        meta = obstore.head(objects, key)
        tag = hashlib.sha256(f"{url}\n{meta['e_tag']}\n{meta['size']}".encode()).hexdigest()[:16]
        path = cache / "files" / tag / Path(key).name
        if path.is_file() and path.stat().st_size == meta["size"]:
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            copy = Path(folder) / path.name
            with copy.open("wb") as file:
                for chunk in obstore.get(objects, key).stream(min_chunk_size=8 << 20):
                    file.write(bytes(chunk))
            os.replace(copy, path)
    except FileNotFoundError as error:
        raise NotFoundError(f"{url} does not exist") from error
    except BaseError as error:
        raise StoreError(f"{url}: {_first_line(error)}") from error
    return path


class _RangeReader(io.RawIOBase):
    """obstore's reader as a Python file; pyarrow takes obstore's own for a closed one."""

    def __init__(self, reader: Any) -> None:  # noqa: ANN401
        super().__init__()
        self._reader = reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._reader.seek(offset, whence))

    def tell(self) -> int:
        return int(self._reader.tell())

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401
        data = self._reader.read(len(buffer))
        buffer[: len(data)] = bytes(data)
        return len(data)

    def close(self) -> None:
        self._reader.close()
        super().close()


def _stored(meta: Any) -> StoredFile:  # noqa: ANN401
    return StoredFile(meta["path"], meta["size"], str(meta["e_tag"] or ""), meta["last_modified"])


def _disk_is_full(error: Exception, folder: Path) -> bool:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return True
    return folder.exists() and free_bytes(folder) < _ALMOST_FULL_BYTES


def _first_line(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return "the bucket does not exist" if "NoSuchBucket" in text else text.splitlines()[0]
