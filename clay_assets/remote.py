"""Files elsewhere: object stores, copies of their files on this disk, and how GDAL gets there."""

import hashlib
import io
import os
import tempfile
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlparse

import obstore
from obstore.exceptions import BaseError
from obstore.store import ObjectStore, from_url

from clay_assets.errors import NotFoundError, StoreError

RETRIES = 3
"""Times that a request with a limit is made again."""
_PATIENCE_S = 120.0
_PAUSES_S = 10.0  # between retries, together


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
    return cached_copy(object_store(parent), name, href, cache)


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


def object_store(root: str, *, limit_s: float | None = None) -> ObjectStore:
    """A client of a local folder, which is made, or of an `s3://` or `https://` prefix.

    Args:
        root: folder or URL.
        limit_s: seconds that one request may take with its answer; it is then made again, as after
            an error of the network or the server, `RETRIES` times. None for patience.

    Raises:
        StoreError: not a place to read from.
    """
    if "://" not in root:
        Path(root).mkdir(parents=True, exist_ok=True)
        return obstore.store.LocalStore(root)
    environ = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    return _connected(root, tuple(sorted(environ.items())), limit_s)


@lru_cache(maxsize=64)
def _connected(
    root: str, environ: tuple[tuple[str, str], ...], limit_s: float | None
) -> ObjectStore:
    """A client with its open connections; another one when the environment has changed."""
    endpoint = dict(environ).get("AWS_ENDPOINT_URL", "")
    options: dict[str, Any] = {"timeout": timedelta(seconds=limit_s or _PATIENCE_S)}
    retries: Any = None
    if limit_s is not None:
        whole = timedelta(seconds=(RETRIES + 1) * limit_s + _PAUSES_S)
        retries = {"max_retries": RETRIES, "retry_timeout": whole}
    if endpoint.startswith("http://") or root.startswith("http://"):
        options["allow_http"] = True
    try:
        return from_url(root, client_options=cast(Any, options), retry_config=retries)
    except (BaseError, ValueError) as error:
        raise StoreError(
            f"{root!r} is not a place to read from; use a folder, s3://bucket/prefix or https://"
        ) from error


def cached_copy(objects: ObjectStore, key: str, url: str, cache: Path) -> Path:
    """A copy of an object that follows its etag; `url` is what errors call it.

    Raises:
        NotFoundError: there is no such object.
        StoreError: it could not be read.
    """
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
        raise StoreError(f"{url}: {first_line(error)}") from error
    return path


class RangeReader(io.RawIOBase):
    """obstore's reader as a Python file; pyarrow takes obstore's own for a closed one."""

    def __init__(self, reader: Any) -> None:  # noqa: ANN401
        """Read from an open reader."""
        super().__init__()
        self._reader = reader

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a byte; returns where it is."""
        return int(self._reader.seek(offset, whence))

    def tell(self) -> int:
        """Where it is."""
        return int(self._reader.tell())

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401
        """Fill a buffer; returns how many bytes came."""
        data = self._reader.read(len(buffer))
        buffer[: len(data)] = bytes(data)
        return len(data)

    def close(self) -> None:
        """Let go of the reader."""
        self._reader.close()
        super().close()


def first_line(error: Exception) -> str:
    """What an object store's error says, without its inner workings."""
    text = str(error).strip() or type(error).__name__
    return "the bucket does not exist" if "NoSuchBucket" in text else text.splitlines()[0]
