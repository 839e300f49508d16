"""Loading a product into a DuckDB index that is being built: its table and its files of rows."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from clay_assets.errors import SearchError
from clay_assets.progress import track
from clay_assets.search.duckdb_before import Before, Planned
from clay_assets.search.duckdb_tables import product_table, table_of
from clay_assets.search.hits import ROW_SCHEMA
from clay_assets.search.row_files import RowFiles, open_row_files, row_keys, writing_row_files
from clay_assets.search.source import SourceFile
from clay_assets.search.source_rows import BOUNDS, read_source
from clay_assets.store import Store

if TYPE_CHECKING:
    import duckdb


def load_product(
    store: Store,
    stack: ExitStack,
    connection: "duckdb.DuckDBPyConnection",
    product: Planned,
    before: Before,
) -> tuple[RowFiles, int]:
    """Add all rows of a product: those of unchanged tiles are copied, the others read anew.

    Args:
        store: where the embeddings lie, and where the files of rows go.
        stack: when it is left, these are in their place.
        connection: to the index that is built, with the one before attached as `before`.
        product: what is added.
        before: the index that is there.

    Returns:
        Its files of rows, and how many tiles were copied.

    Raises:
        SearchError: an embedding is damaged, two tiles have a chip of the same id, or embeddings
            were written anew meanwhile.
    """
    _add_tables(connection, product)
    copied = _copy_unchanged(connection, product, before)
    files = _add_changed(store, stack, connection, product, before)
    _check_ids(connection, product)
    return files, copied


def _add_tables(connection: "duckdb.DuckDBPyConnection", product: Planned) -> None:
    """Make the product's table, and enter it and its tiles in the books."""
    connection.execute(product_table(product.name))
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
    first = product.first_places
    connection.executemany(
        "INSERT INTO tiles VALUES (?, ?, ?, ?, ?)",
        [
            (file.product, file.tile, file.version, file.rows, first[file.tile])
            for file in product.files
        ],
    )


def _copy_unchanged(
    connection: "duckdb.DuckDBPyConnection", product: Planned, before: Before
) -> int:
    """Copy the rows of unchanged tiles; returns how many tiles."""
    table = table_of(product.name)
    same = [file.tile for file in product.files if before.has(file)]
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


def _add_changed(
    store: Store,
    stack: ExitStack,
    connection: "duckdb.DuckDBPyConnection",
    product: Planned,
    before: Before,
) -> RowFiles:
    """Add the rows of changed tiles, and write the files with those of all; returns these."""
    keys = row_keys(product.row_files)
    paths = [stack.enter_context(store.writing(key)) for key in keys]
    new = [file for file in product.files if not before.has(file)]
    progress = iter(track(new, f"Indexing {product.name}", len(new)))
    centre = product.centre.values if product.centre else None
    with writing_row_files(paths, product.rows, product.width, centre) as append:
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
        connection.register("new_rows", columns)
        connection.execute(
            f"INSERT INTO {table_of(product.name)} BY NAME "
            "SELECT * REPLACE (st_geomfromwkb(geometry) AS geometry) FROM new_rows"
        )
        connection.unregister("new_rows")
        place += len(rows)


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
