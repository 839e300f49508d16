"""Bringing the pgvector index up to date, one tile in one transaction.

Writers of different tiles work side by side; one that changes what all rows of a product share,
its checkpoint or its sketches, waits for the others and works alone.
"""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import psycopg

from clay_assets.chips import has_no_chips
from clay_assets.errors import SearchError
from clay_assets.provenance import fingerprint
from clay_assets.search.centre import Centre, product_centre
from clay_assets.search.pgvector_layout import (
    MAX_WIDTH,
    numbers_of,
    product_tables,
    rows_of,
    tables_of,
    vectors_of_product,
)
from clay_assets.search.pgvector_load import load_tile
from clay_assets.search.pgvector_schema import (
    CODE_VERSION,
    lock_product,
    lock_tile,
    prepare_database,
)
from clay_assets.search.postgres import connected
from clay_assets.search.source import SourceFile, SourceListing
from clay_assets.store import Store

_ANALYZE_AFTER_GROWTH = 1.5


@dataclass(frozen=True)
class TileSyncReport:
    """What was done for one tile of one product."""

    data_version: str
    """Changes with what the index holds of the tile."""
    skipped: bool
    """Whether it was up to date and no work was done."""
    rows: int
    """Rows of the tile."""
    product_rows: int
    """Rows of the product in all tiles."""
    seconds: float
    """How long it took."""


def sync_tile(
    url: str,
    store: Store,
    product: str,
    tile: str,
    *,
    run_id: str,
    listing: SourceListing | None = None,
) -> TileSyncReport:
    """Replace a tile's rows by those of its embedding file, unless they are the same.

    A tile that has no chips any more loses its rows. Readers see the tile as it was until all is
    done. When the product has a new checkpoint, the rows of the old one go, of all tiles: they
    cannot be compared with the new.

    Args:
        url: of the server.
        store: holds the embeddings.
        product: embedding product.
        tile: MGRS tile.
        run_id: of the Dagster run, kept with the tile.
        listing: the product's files, where many tiles are brought in one after the other.

    Raises:
        NotFoundError: the tile has no embeddings of the product.
        SearchError: the embeddings cannot be searched.
        DatabaseError: the server cannot be reached or used.
    """
    started = time.monotonic()
    if has_no_chips(store, tile):
        removed, total = _take_out(url, product, tile)
        return TileSyncReport(
            fingerprint(CODE_VERSION, []), not removed, 0, total, time.monotonic() - started
        )
    file = (listing or SourceListing(store, product)).find(product, tile)
    if file.width > MAX_WIDTH:
        raise SearchError(
            f"{file.key}: embeddings have {file.width} numbers, pgvector takes at most "
            f"{MAX_WIDTH}; search product {product} with duckdb"
        )
    with connected(url) as connection:
        prepare_database(connection)
        skipped = _is_held(connection, file) or not _replace(connection, store, file, run_id)
        total = _total(connection, product)
    return TileSyncReport(
        fingerprint(CODE_VERSION, file.version),
        skipped,
        file.rows,
        total,
        time.monotonic() - started,
    )


def remove_tile(url: str, product: str, tile: str) -> int:
    """Take a tile out of the index; returns how many rows it had, 0 if it was not there.

    Raises:
        DatabaseError: the server cannot be reached or used.
    """
    return _take_out(url, product, tile)[0]


def _take_out(url: str, product: str, tile: str) -> tuple[int, int]:
    """Rows that were removed, and those the product has still."""
    with connected(url) as connection:
        prepare_database(connection)
        lock_product(connection, product, alone=False)
        lock_tile(connection, product, tile)
        removed = _remove(connection, product, tile)
        return removed, _total(connection, product)


def _is_held(connection: psycopg.Connection, file: SourceFile) -> bool:
    """Whether the index has the tile's rows as they are in the file."""
    held = connection.execute(
        "SELECT version FROM clay_assets.tiles WHERE product = %s AND mgrs = %s",
        [file.product, file.tile],
    ).fetchone()
    return held is not None and held[0] == file.version


def _replace(connection: psycopg.Connection, store: Store, file: SourceFile, run_id: str) -> bool:
    """Whether there was still something to do when it was this writer's turn."""
    for alone in (False, True):
        connection.commit()
        lock_product(connection, file.product, alone=alone)
        lock_tile(connection, file.product, file.tile)
        if _is_held(connection, file):
            return False
        centre = _centre(connection, store, file)
        if alone:
            _prepare_product(connection, file, centre)
        elif _held_product(connection, file) != (*_of_file(file), centre and centre.version):
            continue
        _remove(connection, file.product, file.tile)
        load_tile(connection, store, file, centre, run_id)
        _refresh_statistics(connection, file.product)
        break
    return True


def _centre(connection: psycopg.Connection, store: Store, file: SourceFile) -> Centre | None:
    """What the product's sketches are centred on once the tile is there."""
    others = connection.execute(
        "SELECT coalesce(sum(rows), 0) FROM clay_assets.tiles JOIN clay_assets.products "
        "USING (product) WHERE product = %s AND mgrs <> %s AND checkpoint_id = %s",
        [file.product, file.tile, file.checkpoint_id],
    ).fetchall()[0][0]
    centre = product_centre(
        store,
        file.product,
        file.checkpoint_id,
        file.width,
        int(others) + file.rows,
        lambda: SourceListing(store, file.product).sources().files,
    )
    if centre is not None:
        return centre
    held = connection.execute(  # a product that has shrunk keeps its sketches
        "SELECT centre FROM clay_assets.products "
        "WHERE product = %s AND checkpoint_id = %s AND width = %s AND centre IS NOT NULL",
        [file.product, file.checkpoint_id, file.width],
    ).fetchone()
    return Centre(np.asarray(held[0], dtype=np.float32)) if held else None


def _held_product(connection: psycopg.Connection, file: SourceFile) -> tuple[Any, ...] | None:
    """Checkpoint, width, grid and version of the centre of the product as it is held."""
    return connection.execute(
        "SELECT checkpoint_id, width, grid, centre_version FROM clay_assets.products "
        "WHERE product = %s",
        [file.product],
    ).fetchone()


def _of_file(file: SourceFile) -> tuple[Any, ...]:
    """Checkpoint, width and grid of the product as the file has them."""
    return file.checkpoint_id, file.width, None if file.grid is None else list(file.grid)


def _prepare_product(
    connection: psycopg.Connection, file: SourceFile, centre: Centre | None
) -> None:
    """Make the product's tables, anew if its checkpoint changed, and sketch what they hold."""
    held = _held_product(connection, file)
    if held and held[:3] != _of_file(file):
        # Readers begin with a lock on this table, so none is between it and the ones dropped.
        connection.execute("LOCK TABLE clay_assets.products IN ACCESS EXCLUSIVE MODE")
        tables = ", ".join(tables_of(file.product, held[1]))
        connection.execute(f"DROP TABLE {tables}".encode())
        connection.execute("DELETE FROM clay_assets.products WHERE product = %s", [file.product])
        held = None
    if not held:
        connection.execute(
            "INSERT INTO clay_assets.products (product, checkpoint_id, width, grid) "
            "VALUES (%s, %s, %s, %s)",
            [file.product, *_of_file(file)],
        )
        connection.execute(product_tables(file.product, file.width))
    if centre is not None and (not held or held[3] != centre.version):
        _sketch(connection, file.product, centre)


def _sketch(connection: psycopg.Connection, product: str, centre: Centre) -> None:
    """Sketch all rows of a product around a new centre."""
    connection.execute(
        "UPDATE clay_assets.products SET centre = %s, centre_version = %s WHERE product = %s",
        [centre.values.tolist(), centre.version, product],
    )
    rows, vectors = rows_of(product), vectors_of_product(product)
    connection.execute(
        f"UPDATE {rows} SET sketch = binary_quantize(embedding - %s::vector) FROM {vectors} "
        f"WHERE {rows}.number = {vectors}.number".encode(),
        [centre.values],
    )


def _remove(connection: psycopg.Connection, product: str, tile: str) -> int:
    held = connection.execute(
        "DELETE FROM clay_assets.tiles USING clay_assets.products WHERE tiles.product = %s "
        "AND products.product = tiles.product AND mgrs = %s RETURNING load, rows, width",
        [product, tile],
    ).fetchone()
    if held is None:
        return 0
    load, rows, width = held
    for table in tables_of(product, width):
        connection.execute(
            f"DELETE FROM {table} WHERE number >= %s AND number < %s".encode(),
            numbers_of(load, load + 1),
        )
    return int(rows)


def _refresh_statistics(connection: psycopg.Connection, product: str) -> None:
    """Let the planner know of growth; an embedded server may stop before it does so itself."""
    known = connection.execute(
        "SELECT reltuples FROM pg_class WHERE oid = %s::regclass", [rows_of(product)]
    ).fetchall()[0][0]
    if _total(connection, product) > _ANALYZE_AFTER_GROWTH * known:
        connection.execute(f"ANALYZE {rows_of(product)}".encode())


def _total(connection: psycopg.Connection, product: str) -> int:
    counted = connection.execute(
        "SELECT coalesce(sum(rows), 0) FROM clay_assets.tiles WHERE product = %s", [product]
    ).fetchall()
    return int(counted[0][0])
