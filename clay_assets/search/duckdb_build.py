"""Building the DuckDB index: aside, from the embedding files, and swapped in whole.

Tiles that did not change are copied from the index before. Readers keep what they have open.
"""

import fcntl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from clay_assets import __version__
from clay_assets.errors import NotFoundError, SearchError
from clay_assets.progress import track
from clay_assets.provenance import fingerprint
from clay_assets.search.centre import product_centre
from clay_assets.search.duckdb_before import Before, Planned, read_before
from clay_assets.search.duckdb_recall import RECALL_SAMPLES, sketch_recall
from clay_assets.search.duckdb_tables import (
    BOOKS,
    CODE_VERSION,
    INDEX_KEY,
    MEMORY_LIMIT,
    DuckDBTables,
    product_table,
    quoted_path,
    table_of,
    word_columns,
)
from clay_assets.search.hits import ROW_SCHEMA, embedding_of
from clay_assets.search.row_files import (
    ROW_FOLDER,
    RowFiles,
    open_row_files,
    row_keys,
    writing_row_files,
)
from clay_assets.search.sketch import sketch_words
from clay_assets.search.source import BOUNDS, SourceFile, find_sources, read_source
from clay_assets.store import PARTIAL_SUFFIX, Store

if TYPE_CHECKING:
    import duckdb

__all__ = ["CODE_VERSION", "IndexReport", "build_duckdb"]

_ABANDONED_S = 3600  # a build that lives writes more often than this


@dataclass(frozen=True)
class IndexReport:
    """What a build did."""

    data_version: str
    """Changes with what the index holds."""
    skipped: bool
    """Whether the index was up to date and no work was done."""
    rows: dict[str, int]
    """Chips, or patches, of each product."""
    recall: dict[str, float]
    """Recall@10 of each product's sketches, of those that have some."""
    tiles: int
    """Tiles, counted once a product."""
    tiles_copied: int
    """Of these, unchanged ones, copied from the index before."""
    left_out: tuple[str, ...]
    """Embedding files that are not indexed, each with the reason."""
    size_bytes: int
    """Of the index file and its files of rows."""
    seconds: float
    """How long it took."""


def build_duckdb(store: Store, *, run_id: str) -> IndexReport:
    """Bring the index up to date with all embedding files.

    Raises:
        NotFoundError: there are no embeddings.
        SearchError: an embedding is damaged, two tiles have a chip of the same id, or embeddings
            were written anew meanwhile.
    """
    started = time.monotonic()
    with _one_builder(store):
        sources = find_sources(store)
        if not sources.files:
            left_out = "".join(f"; left out {name}" for name in sources.left_out)
            raise NotFoundError(
                f"no embeddings to index below {store.url('embeddings')}; materialise embeddings "
                f"with one vector a chip, or of level patch, first{left_out}"
            )
        products = _planned(store, sources.files)
        data_version = fingerprint(
            CODE_VERSION,
            [(product.name, product.centre_version) for product in products],
            [(file.product, file.tile, file.version) for file in sources.files],
        )
        before = read_before(store)
        skipped = before.data_version == data_version
        copied, recall = 0, dict(before.recall)
        if not skipped:
            copied, recall = _build(store, products, before, data_version, run_id)
            _remove_unused(store, products, before)
    return IndexReport(
        data_version,
        skipped,
        {product.name: product.rows for product in products},
        recall,
        len(sources.files),
        copied,
        sources.left_out,
        sum(store.stat(key).size for key in (INDEX_KEY, *_row_keys(products))),
        time.monotonic() - started,
    )


def _planned(store: Store, files: Sequence[SourceFile]) -> list[Planned]:
    products = []
    for name, group in groupby(files, key=lambda file: file.product):
        of_product = tuple(group)
        checkpoint_id, width = of_product[0].checkpoint_id, of_product[0].width
        rows = sum(file.rows for file in of_product)
        centre = product_centre(store, name, checkpoint_id, width, rows, partial(tuple, of_product))
        products.append(Planned(name, centre, of_product))
    return products


def _build(
    store: Store, products: Sequence[Planned], before: Before, data_version: str, run_id: str
) -> tuple[int, dict[str, float]]:
    """Write the files; returns how many tiles were copied, and the recall of the products."""
    import duckdb

    with ExitStack() as stack:
        # Left last: the index appears after all of its rows.
        path = stack.enter_context(store.writing(INDEX_KEY))
        _remove_abandoned(path)
        spill = str(store.cache / "duckdb_spill")
        connection = stack.enter_context(
            duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "temp_directory": spill})
        )
        connection.execute(
            f"ATTACH {quoted_path(path)} AS index "
            "(STORAGE_VERSION 'latest', ROW_GROUP_SIZE 16384); USE index"
        )
        if before.path is not None:
            connection.execute(f"ATTACH {quoted_path(before.path)} AS before (READ_ONLY)")
        connection.execute(f"BEGIN; {BOOKS}")
        copied, recall = 0, {}
        for product in products:
            copied += _add_rows(connection, product, before)
            files = _add_new(store, stack, connection, product, before)
            _check_ids(connection, product)
            measured = _recall(connection, product, files)
            if measured is not None:
                recall[product.name] = measured
        connection.execute(
            "INSERT INTO build VALUES (?, ?, ?, ?)",
            [data_version, CODE_VERSION, run_id, __version__],
        )
        connection.execute("COMMIT; CHECKPOINT index; USE memory; DETACH index")
    return copied, recall


def _add_rows(connection: "duckdb.DuckDBPyConnection", product: Planned, before: Before) -> int:
    """Make a product's table and copy the rows of unchanged tiles; returns how many tiles."""
    table, first = table_of(product.name), product.first_places
    connection.execute(product_table(product.name, product.width))
    connection.execute(
        "INSERT INTO products VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            product.name,
            product.checkpoint_id,
            product.width,
            product.files[0].grid,
            product.row_files,
            product.centre.values.tolist() if product.centre else None,
            product.centre_version,
        ],
    )
    connection.executemany(
        "INSERT INTO tiles VALUES (?, ?, ?, ?, ?)",
        [
            (file.product, file.tile, file.version, file.rows, first[file.tile])
            for file in product.files
        ],
    )
    same = [file.tile for file in product.files if before.has(product, file)]
    if same:
        connection.execute(
            f"""
            INSERT INTO {table}
            SELECT old.* REPLACE (old.place - was.first_place + now.first_place AS place)
            FROM before.{table} AS old
            JOIN before.tiles AS was ON was.product = $product AND was.mgrs = old.mgrs
            JOIN tiles AS now ON now.product = $product AND now.mgrs = old.mgrs
            WHERE old.mgrs = ANY($same)
            """,
            {"product": product.name, "same": same},
        )
    return len(same)


def _add_new(
    store: Store,
    stack: ExitStack,
    connection: "duckdb.DuckDBPyConnection",
    product: Planned,
    before: Before,
) -> RowFiles:
    """Add the rows of changed tiles, and write the files with those of all; returns these."""
    keys = row_keys(product.row_files)
    paths = [stack.enter_context(store.writing(key)) for key in keys]
    new = [file for file in product.files if not before.has(product, file)]
    progress = iter(track(new, f"Indexing {product.name}", len(new)))
    with writing_row_files(paths, product.rows, product.width) as append:
        for file in product.files:
            if file in new:
                next(progress)
                _add_tile(store, connection, product, file, append)
            else:
                for rows in before.rows_of(file):
                    append(rows)
    next(progress, None)
    return open_row_files(paths)


def _add_tile(
    store: Store,
    connection: "duckdb.DuckDBPyConnection",
    product: Planned,
    file: SourceFile,
    append: Callable[[pa.Table], None],
) -> None:
    place = product.first_places[file.tile]
    for rows in read_source(store, file):
        append(rows)
        columns = rows.select([*ROW_SCHEMA.names, *BOUNDS])
        places = np.arange(place, place + len(rows), dtype=np.uint32)
        columns = columns.append_column("place", pa.array(places))
        if product.centre is not None:
            words = sketch_words(embedding_of(rows), product.centre.values)
            for name, column in zip(word_columns(product.width), words.T, strict=True):
                columns = columns.append_column(name, pa.array(column))
        connection.register("new_rows", columns)
        connection.execute(
            f"INSERT INTO {table_of(product.name)} BY NAME "
            "SELECT * REPLACE (st_geomfromwkb(geometry) AS geometry) FROM new_rows"
        )
        connection.unregister("new_rows")
        place += len(rows)


def _recall(
    connection: "duckdb.DuckDBPyConnection", product: Planned, files: RowFiles
) -> float | None:
    """Of its sketches; kept with them."""
    tables = DuckDBTables(connection, {product.name: files})
    measured = sketch_recall(tables, product, files.vectors)
    if measured is not None:
        connection.execute(
            "INSERT INTO recall VALUES (?, 'sketch', ?, ?)",
            [product.name, measured, RECALL_SAMPLES],
        )
    return measured


def _check_ids(connection: "duckdb.DuckDBPyConnection", product: Planned) -> None:
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
    folders = {path.parent: Path(INDEX_KEY).name, path.parent / Path(ROW_FOLDER).name: ""}
    for folder, name in folders.items():
        for leftover in folder.glob(f".{name}*{PARTIAL_SUFFIX}"):
            if time.time() - leftover.stat().st_mtime > _ABANDONED_S:
                leftover.unlink()


def _row_keys(products: Sequence[Planned]) -> set[str]:
    return {key for product in products for key in row_keys(product.row_files)}


def _remove_unused(store: Store, products: Sequence[Planned], before: Before) -> None:
    """Remove rows of indexes that are gone: those just replaced, or left long ago."""
    used = _row_keys(products)
    for file in store.files(ROW_FOLDER):
        is_old = time.time() - file.modified.timestamp() > _ABANDONED_S
        if file.key not in used and (file.key in before.keys or is_old):
            store.delete([file.key])


@contextmanager
def _one_builder(store: Store) -> Iterator[None]:
    """One build at a time on this machine; one that waits then finds its work done."""
    store.cache.mkdir(parents=True, exist_ok=True)
    with (store.cache / "duckdb_index.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
