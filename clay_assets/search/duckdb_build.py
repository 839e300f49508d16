"""Building `indexes/index.duckdb`: aside, from the embedding files, and swapped in whole.

Tiles that did not change are copied from the file before. Readers keep what they have open.
"""

import fcntl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from clay_assets import __version__
from clay_assets.errors import NotFoundError, SearchError
from clay_assets.progress import track
from clay_assets.provenance import fingerprint
from clay_assets.search.centre import Centre, product_centre
from clay_assets.search.duckdb_tables import (
    BOOKS,
    INDEX_KEY,
    product_table,
    quoted_path,
    table_of,
    word_columns,
)
from clay_assets.search.hits import embedding_of
from clay_assets.search.sketch import sketch_words
from clay_assets.search.source import SourceFile, find_sources, read_source
from clay_assets.store import Store

if TYPE_CHECKING:
    import duckdb

CODE_VERSION = 2
"""Raised when the same embeddings would give other tables."""
_ABANDONED_S = 3600  # a build that lives writes more often than this


@dataclass(frozen=True)
class IndexReport:
    """What a build did."""

    data_version: str
    """Changes with what the index holds."""
    skipped: bool
    """Whether the index was up to date and no work was done."""
    rows: dict[str, int]
    """Chips of each product."""
    tiles: int
    """Tiles, counted once a product."""
    tiles_copied: int
    """Of these, unchanged ones, copied from the index before."""
    left_out: tuple[str, ...]
    """Embedding files that are not indexed, each with the reason."""
    size_bytes: int
    """Of the file."""
    seconds: float
    """How long it took."""


@dataclass(frozen=True)
class _Product:
    """What is indexed of one product."""

    name: str
    checkpoint_id: str
    width: int
    centre: Centre | None
    files: tuple[SourceFile, ...]

    @property
    def centre_version(self) -> str | None:
        """Of its sketches; None while it has none."""
        return self.centre.version if self.centre else None


@dataclass(frozen=True)
class _Before:
    """What the index of before holds that can be used again."""

    path: Path | None = None
    data_version: str | None = None
    centre_versions: Mapping[str, str | None] = field(default_factory=dict)
    tiles: frozenset[tuple[str, str, str]] = frozenset()

    def has(self, product: _Product, file: SourceFile) -> bool:
        """Whether it holds the rows of a file as they would be written now."""
        if (file.product, file.tile, file.version) not in self.tiles:
            return False
        return self.centre_versions.get(product.name) == product.centre_version


def build_duckdb(store: Store, *, run_id: str) -> IndexReport:
    """Bring the index up to date with all embedding files.

    Raises:
        NotFoundError: there are no embeddings.
        SearchError: an embedding is damaged, or two tiles have a chip of the same id.
    """
    started = time.monotonic()
    with _one_builder(store):
        sources = find_sources(store)
        if not sources.files:
            left_out = "".join(f"; left out {name}" for name in sources.left_out)
            raise NotFoundError(
                f"no embeddings to index below {store.url('embeddings')}; materialise embeddings "
                f"with one vector a chip first{left_out}"
            )
        products = _products(store, sources.files)
        data_version = fingerprint(
            CODE_VERSION,
            [(product.name, product.centre_version) for product in products],
            [(file.product, file.tile, file.version) for file in sources.files],
        )
        before = _before(store)
        skipped = before.data_version == data_version
        copied = 0
        if not skipped:
            with store.writing(INDEX_KEY) as path:
                _remove_abandoned(path)
                copied = _build(store, path, products, before, data_version, run_id)
    return IndexReport(
        data_version,
        skipped,
        {product.name: sum(file.rows for file in product.files) for product in products},
        len(sources.files),
        copied,
        sources.left_out,
        store.stat(INDEX_KEY).size,
        time.monotonic() - started,
    )


def _products(store: Store, files: Sequence[SourceFile]) -> list[_Product]:
    products = []
    for name, group in groupby(files, key=lambda file: file.product):
        of_product = tuple(group)
        checkpoint_id, width = of_product[0].checkpoint_id, of_product[0].width
        rows = sum(file.rows for file in of_product)
        centre = product_centre(store, name, checkpoint_id, width, rows, partial(tuple, of_product))
        products.append(_Product(name, checkpoint_id, width, centre, of_product))
    return products


def _before(store: Store) -> _Before:
    """The index that is there; nothing if there is none or it cannot be used."""
    import duckdb

    try:
        path = store.local_path(INDEX_KEY)
        with duckdb.connect() as connection:
            connection.execute(f"ATTACH {quoted_path(path)} AS before (READ_ONLY); USE before")
            data_version, code_version = connection.execute(
                "SELECT data_version, code_version FROM build"
            ).fetchall()[0]
            if code_version != CODE_VERSION:
                return _Before()
            centres = connection.execute("SELECT product, centre_version FROM products").fetchall()
            tiles = connection.execute("SELECT product, mgrs, data_version FROM tiles").fetchall()
    except (NotFoundError, duckdb.Error):  # damaged or of another version: built anew
        return _Before()
    return _Before(path, data_version, dict(centres), frozenset(tiles))


def _build(
    store: Store,
    path: Path,
    products: Sequence[_Product],
    before: _Before,
    data_version: str,
    run_id: str,
) -> int:
    """Write the file; returns how many tiles were copied."""
    import duckdb

    copied = 0
    with duckdb.connect() as connection:
        connection.execute(
            f"ATTACH {quoted_path(path)} AS index "
            "(STORAGE_VERSION 'latest', ROW_GROUP_SIZE 16384); USE index"
        )
        # Embeddings do not get smaller, and are read at half the speed.
        connection.execute("SET force_compression = 'uncompressed'")
        if before.path is not None:
            connection.execute(f"ATTACH {quoted_path(before.path)} AS before (READ_ONLY)")
        connection.execute(f"BEGIN; {BOOKS}")
        for product in products:
            copied += _add_product(store, connection, product, before)
        connection.execute(
            "INSERT INTO build VALUES (?, ?, ?, ?)",
            [data_version, CODE_VERSION, run_id, __version__],
        )
        connection.execute("COMMIT; CHECKPOINT index; USE memory; DETACH index")
    return copied


def _add_product(
    store: Store, connection: "duckdb.DuckDBPyConnection", product: _Product, before: _Before
) -> int:
    table = table_of(product.name)
    connection.execute(product_table(product.name, product.width))
    connection.execute(
        "INSERT INTO products VALUES (?, ?, ?, ?, ?)",
        [
            product.name,
            product.checkpoint_id,
            product.width,
            product.centre.values.tolist() if product.centre else None,
            product.centre_version,
        ],
    )
    connection.executemany(
        "INSERT INTO tiles VALUES (?, ?, ?, ?)",
        [(file.product, file.tile, file.version, file.rows) for file in product.files],
    )
    same = [file.tile for file in product.files if before.has(product, file)]
    if same:
        connection.execute(
            f"INSERT INTO {table} SELECT * FROM before.{table} WHERE mgrs = ANY(?)", [same]
        )
    new = [file for file in product.files if not before.has(product, file)]
    for file in track(new, f"Indexing {product.name}", len(new)):
        for rows in read_source(store, file):
            _insert(connection, product, rows)
    _check_ids(connection, product)
    return len(same)


def _insert(connection: "duckdb.DuckDBPyConnection", product: _Product, rows: pa.Table) -> None:
    if product.centre is not None:
        words = sketch_words(embedding_of(rows), product.centre.values)
        for name, column in zip(word_columns(product.width), words.T, strict=True):
            rows = rows.append_column(name, pa.array(column))
    connection.register("new_rows", rows)
    connection.execute(
        f"INSERT INTO {table_of(product.name)} BY NAME "
        "SELECT * REPLACE (st_geomfromwkb(geometry) AS geometry) FROM new_rows"
    )
    connection.unregister("new_rows")


def _check_ids(connection: "duckdb.DuckDBPyConnection", product: _Product) -> None:
    twice = connection.execute(
        f"SELECT id, list(mgrs ORDER BY mgrs) FROM {table_of(product.name)} "
        "GROUP BY id HAVING count(*) > 1 ORDER BY id LIMIT 1"
    ).fetchone()
    if twice is not None:
        raise SearchError(
            f"chip {twice[0]} is more than once in product {product.name}, in tiles "
            f"{', '.join(twice[1])}; chip ids must be unique: rename the chips of one, then "
            "materialise from `chips` on"
        )


def _remove_abandoned(path: Path) -> None:
    """Remove what builds that were killed have left behind."""
    for leftover in path.parent.glob(f".{Path(INDEX_KEY).name}.*"):
        if time.time() - leftover.stat().st_mtime > _ABANDONED_S:
            leftover.unlink()


@contextmanager
def _one_builder(store: Store) -> Iterator[None]:
    """One build at a time on this machine; one that waits then finds its work done."""
    store.cache.mkdir(parents=True, exist_ok=True)
    with (store.cache / "duckdb_index.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
