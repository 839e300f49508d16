"""What the footers of Parquet files say, read once as long as a file stays the same."""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from clay_assets.embeddings.file import METADATA_KEY
from clay_assets.embeddings.listing import EmbeddingFile
from clay_assets.errors import NotFoundError
from clay_assets.store import Store

_AT_ONCE = 16
_MOST_PARAMETERS = 500
_WAIT_S = 10
_TABLE = """
    CREATE TABLE IF NOT EXISTS footers (
        url TEXT PRIMARY KEY, etag TEXT NOT NULL, rows INTEGER NOT NULL, metadata BLOB
    ) WITHOUT ROWID
"""


@dataclass(frozen=True)
class Footer:
    """Of one embedding file."""

    rows: int
    """How many it has; -1 when it is no Parquet file."""
    metadata: bytes | None
    """JSON that this package wrote into it; None where it did not."""


def read_footers(store: Store, files: Sequence[EmbeddingFile]) -> dict[str, Footer]:
    """Footers by key; files that are gone by now are left out.

    They are kept below the store's cache by etag, so that a file is opened once as long as nobody
    writes it anew, by whichever process. Without a cache that can be written, all are opened.
    """
    known = _recall(store, files)
    new = [file for file in files if file.key not in known]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        read = dict(zip(new, pool.map(lambda file: _read(store, file.key), new), strict=True))
    found = {file: footer for file, footer in read.items() if footer is not None}
    if found:
        _remember(store, found)
    return known | {file.key: footer for file, footer in found.items()}


def _read(store: Store, key: str) -> Footer | None:
    try:
        with store.open(key) as opened:
            footer = pq.read_metadata(opened)
    except NotFoundError:
        return None
    except pa.ArrowInvalid:
        return Footer(-1, None)
    return Footer(footer.num_rows, (footer.metadata or {}).get(METADATA_KEY.encode()))


def _recall(store: Store, files: Sequence[EmbeddingFile]) -> dict[str, Footer]:
    by_url = {store.url(file.key): file for file in files}
    known = {}
    with contextlib.suppress(sqlite3.Error, OSError), _cache(store) as cache:
        for urls in _portions(list(by_url)):
            marks = ", ".join("?" * len(urls))
            found = cache.execute(
                f"SELECT url, etag, rows, metadata FROM footers WHERE url IN ({marks})", urls
            )
            for url, etag, rows, metadata in found:
                if by_url[url].etag == etag:
                    known[by_url[url].key] = Footer(rows, metadata)
    return known


def _remember(store: Store, found: dict[EmbeddingFile, Footer]) -> None:
    with contextlib.suppress(sqlite3.Error, OSError), _cache(store) as cache, cache:
        cache.executemany(
            "INSERT OR REPLACE INTO footers VALUES (?, ?, ?, ?)",
            [
                (store.url(file.key), file.etag, footer.rows, footer.metadata)
                for file, footer in found.items()
            ],
        )


@contextmanager
def _cache(store: Store) -> Iterator[sqlite3.Connection]:
    store.cache.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(store.cache / "footers.sqlite", timeout=_WAIT_S)) as cache:
        cache.execute(_TABLE)
        yield cache


def _portions(urls: Sequence[str]) -> Iterable[Sequence[str]]:
    return (
        urls[start : start + _MOST_PARAMETERS] for start in range(0, len(urls), _MOST_PARAMETERS)
    )
