"""Building the DuckDB index: aside, from the embedding files, and swapped in whole.

Tiles that did not change are copied from the index before. Readers keep what they have open.
"""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING

from clay_assets import __version__
from clay_assets.errors import NotFoundError
from clay_assets.provenance import fingerprint
from clay_assets.search.centre import product_centre
from clay_assets.search.duckdb_before import Before, Planned, read_before
from clay_assets.search.duckdb_leftovers import remove_abandoned, remove_unused
from clay_assets.search.duckdb_load import load_product
from clay_assets.search.duckdb_tables import (
    BOOKS,
    CODE_VERSION,
    INDEX_KEY,
    MEMORY_LIMIT,
    DuckDBTables,
    quoted_path,
)
from clay_assets.search.row_files import RowFiles, row_keys
from clay_assets.search.sketch_recall import (
    SAMPLES,
    draw_queries,
    find_truth,
    needed_reranks,
)
from clay_assets.search.source import SourceFile, find_sources
from clay_assets.store import Store

if TYPE_CHECKING:
    import duckdb

__all__ = ["CODE_VERSION", "IndexReport", "build_duckdb"]


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
    """Least recall of each product's sketches, of those that have some."""
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
    with store.one_at_a_time("duckdb_index"):  # who waits then finds the work done
        sources = find_sources(store)
        if not sources.files:
            left_out = "".join(f"; left out {name}" for name in sources.left_out)
            raise NotFoundError(
                f"no embeddings to index below {store.url('embeddings')}; materialise embeddings "
                f"with one vector a chip, or of level patch, first{left_out}"
            )
        products = _planned(store, sources.files)
        row_files = {key for product in products for key in row_keys(product.row_files)}
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
            remove_unused(store, row_files, before)
    return IndexReport(
        data_version,
        skipped,
        {product.name: product.rows for product in products},
        recall,
        len(sources.files),
        copied,
        sources.left_out,
        sum(store.stat(key).size for key in (INDEX_KEY, *row_files)),
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
        remove_abandoned(path)
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
            files, same = load_product(store, stack, connection, product, before)
            copied += same
            measured = _measure(connection, product, files)
            if measured is not None:
                recall[product.name] = measured
        connection.execute(
            "INSERT INTO build VALUES (?, ?, ?, ?)",
            [data_version, CODE_VERSION, run_id, __version__],
        )
        connection.execute("COMMIT; CHECKPOINT index; USE memory; DETACH index")
    return copied, recall


def _measure(
    connection: "duckdb.DuckDBPyConnection", product: Planned, files: RowFiles
) -> float | None:
    """What its sketches have to propose, which is written down; returns the least recall."""
    if product.centre is None:
        return None
    tables = DuckDBTables(connection, [product.indexed], {product.name: files})
    drawn = tables.sample(product.indexed, 0, SAMPLES, vectors=True)
    queries = draw_queries(drawn, [file.tile for file in product.files])
    truth = find_truth(queries, tables.vectors(product.indexed), product.centre.values)
    reranks = needed_reranks(queries, truth)
    connection.executemany(
        "INSERT INTO reranks VALUES (?, ?, ?, ?, ?, ?)",
        [(product.name, *astuple(one)) for one in reranks],
    )
    return min(one.recall for one in reranks)
