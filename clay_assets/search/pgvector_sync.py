"""Bringing the pgvector index up to date, one tile in one transaction."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import psycopg
import pyarrow as pa
from pgvector import Bit

from clay_assets.chips import has_no_chips
from clay_assets.errors import SearchError
from clay_assets.provenance import fingerprint
from clay_assets.search.centre import product_centre
from clay_assets.search.hits import embedding_of
from clay_assets.search.pgvector_schema import CODE_VERSION, lock_writers, prepare_database
from clay_assets.search.pgvector_tables import (
    CHIP_COLUMNS,
    MAX_WIDTH,
    VECTOR_COLUMNS,
    chips_of,
    product_tables,
    vectors_of_product,
)
from clay_assets.search.postgres import connected
from clay_assets.search.source import SourceFile, find_source, find_sources, read_source
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
    """Chips of the tile."""
    product_rows: int
    """Chips of the product in all tiles."""
    seconds: float
    """How long it took."""


def sync_tile(url: str, store: Store, product: str, tile: str, *, run_id: str) -> TileSyncReport:
    """Replace a tile's rows by those of its embedding file, unless they are the same.

    A tile that has no chips any more loses its rows. Readers see the tile as it was until all is
    done. When the product has a new checkpoint, the rows of the old one go, of all tiles: they
    cannot be compared with the new.

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
    file = find_source(store, product, tile)
    if file.width > MAX_WIDTH:
        raise SearchError(
            f"{file.key}: embeddings have {file.width} numbers, pgvector takes at most "
            f"{MAX_WIDTH}; search product {product} with duckdb"
        )
    with connected(url) as connection:
        prepare_database(connection)
        skipped = _held_version(connection, file) == file.version
        if not skipped:
            batches = list(read_source(store, file))  # before others have to wait
            lock_writers(connection)
            skipped = _held_version(connection, file) == file.version
            if not skipped:
                _replace(connection, store, file, batches, run_id)
        total = _total(connection, product)
    version = fingerprint(CODE_VERSION, file.version)
    return TileSyncReport(version, skipped, file.rows, total, time.monotonic() - started)


def remove_tile(url: str, product: str, tile: str) -> int:
    """Take a tile out of the index; returns how many chips it had, 0 if it was not there.

    Raises:
        DatabaseError: the server cannot be reached or used.
    """
    return _take_out(url, product, tile)[0]


def _take_out(url: str, product: str, tile: str) -> tuple[int, int]:
    """Chips that were removed, and those the product has still."""
    with connected(url) as connection:
        prepare_database(connection)
        lock_writers(connection)
        known = connection.execute(
            "SELECT 1 FROM clay_assets.products WHERE product = %s", [product]
        ).fetchone()
        removed = _remove(connection, product, tile) if known else 0
        return removed, _total(connection, product)


def _held_version(connection: psycopg.Connection, file: SourceFile) -> str | None:
    """Version of the tile's rows in the index; None when there are none."""
    held = connection.execute(
        "SELECT data_version FROM clay_assets.tiles WHERE product = %s AND mgrs = %s",
        [file.product, file.tile],
    ).fetchone()
    return held[0] if held else None


def _replace(
    connection: psycopg.Connection,
    store: Store,
    file: SourceFile,
    batches: Sequence[pa.Table],
    run_id: str,
) -> None:
    centre = _make_product(connection, file)
    _remove(connection, file.product, file.tile)
    for rows in batches:
        _check_ids(connection, file, rows["id"].to_pylist())
        _load(connection, file.product, rows, centre)
    connection.execute(
        "INSERT INTO clay_assets.tiles (product, mgrs, data_version, rows, run_id) "
        "VALUES (%s, %s, %s, %s, %s)",
        [file.product, file.tile, file.version, file.rows, run_id],
    )
    _refresh_sketches(connection, store, file)
    _refresh_statistics(connection, file.product)


def _make_product(connection: psycopg.Connection, file: SourceFile) -> np.ndarray | None:
    """Make the product's tables, anew if its checkpoint changed; returns its centre."""
    held = connection.execute(
        "SELECT checkpoint_id, width, centre FROM clay_assets.products WHERE product = %s",
        [file.product],
    ).fetchone()
    if held and held[:2] == (file.checkpoint_id, file.width):
        return None if held[2] is None else np.asarray(held[2], dtype=np.float32)
    if held:
        # Readers begin with a lock on this table, so none is between it and the ones dropped.
        connection.execute("LOCK TABLE clay_assets.products IN ACCESS EXCLUSIVE MODE")
        connection.execute(
            f"DROP TABLE {chips_of(file.product)}, {vectors_of_product(file.product)}".encode()
        )
        connection.execute("DELETE FROM clay_assets.products WHERE product = %s", [file.product])
    connection.execute(
        "INSERT INTO clay_assets.products (product, checkpoint_id, width) VALUES (%s, %s, %s)",
        [file.product, file.checkpoint_id, file.width],
    )
    connection.execute(product_tables(file.product, file.width))
    return None


def _remove(connection: psycopg.Connection, product: str, tile: str) -> int:
    chips, vectors = chips_of(product), vectors_of_product(product)
    connection.execute(
        f"DELETE FROM {vectors} USING {chips} "
        f"WHERE {vectors}.id = {chips}.id AND mgrs = %s".encode(),
        [tile],
    )
    removed = connection.execute(f"DELETE FROM {chips} WHERE mgrs = %s".encode(), [tile])
    connection.execute(
        "DELETE FROM clay_assets.tiles WHERE product = %s AND mgrs = %s", [product, tile]
    )
    return removed.rowcount


def _check_ids(connection: psycopg.Connection, file: SourceFile, chip_ids: list[str]) -> None:
    elsewhere = connection.execute(
        f"SELECT id, mgrs FROM {chips_of(file.product)} WHERE id = ANY(%s) "
        "ORDER BY id LIMIT 1".encode(),
        [chip_ids],
    ).fetchone()
    twice = [chip_id for chip_id, times in Counter(chip_ids).items() if times > 1]
    if elsewhere or twice:
        chip_id, tile = elsewhere or (twice[0], file.tile)
        raise SearchError(
            f"chip {chip_id} is more than once in product {file.product}, in tiles "
            f"{tile}, {file.tile}; chip ids must be unique: rename the chips of one, then "
            "materialise from `chips` on"
        )


def _load(
    connection: psycopg.Connection, product: str, rows: pa.Table, centre: np.ndarray | None
) -> None:
    vectors = embedding_of(rows)
    bits = [None] * len(rows) if centre is None else [Bit(row) for row in vectors > centre]
    columns = {name: rows[name].to_pylist() for name in rows.column_names if name != "embedding"}
    columns |= {"sketch": bits, "embedding": list(vectors)}
    for table, types in (
        (chips_of(product), CHIP_COLUMNS),
        (vectors_of_product(product), VECTOR_COLUMNS),
    ):
        statement = f"COPY {table} ({', '.join(types)}) FROM STDIN WITH (FORMAT BINARY)"
        with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            copy.set_types(list(types.values()))
            for row in zip(*(columns[name] for name in types), strict=True):
                copy.write_row(row)


def _refresh_sketches(connection: psycopg.Connection, store: Store, file: SourceFile) -> None:
    """Sketch all chips of the product if it just got a centre, or another one."""
    centre = product_centre(
        store,
        file.product,
        file.checkpoint_id,
        file.width,
        _total(connection, file.product),
        lambda: find_sources(store, file.product).files,
    )
    if centre is None:
        return
    changed = connection.execute(
        "UPDATE clay_assets.products SET centre = %s, centre_version = %s "
        "WHERE product = %s AND centre_version IS DISTINCT FROM %s",
        [centre.values.tolist(), centre.version, file.product, centre.version],
    )
    if changed.rowcount:
        chips, vectors = chips_of(file.product), vectors_of_product(file.product)
        connection.execute(
            f"UPDATE {chips} SET sketch = binary_quantize(embedding - %s::vector) "
            f"FROM {vectors} WHERE {chips}.id = {vectors}.id".encode(),
            [centre.values],
        )


def _refresh_statistics(connection: psycopg.Connection, product: str) -> None:
    """Let the planner know of growth; an embedded server may stop before it does so itself."""
    known = connection.execute(
        "SELECT reltuples FROM pg_class WHERE oid = %s::regclass", [chips_of(product)]
    ).fetchall()[0][0]
    if _total(connection, product) > _ANALYZE_AFTER_GROWTH * known:
        connection.execute(f"ANALYZE {chips_of(product)}".encode())


def _total(connection: psycopg.Connection, product: str) -> int:
    counted = connection.execute(
        "SELECT coalesce(sum(rows), 0) FROM clay_assets.tiles WHERE product = %s", [product]
    ).fetchall()
    return int(counted[0][0])
