"""Loading the rows of an embedding file into the tables of the pgvector index, by binary COPY."""

from collections import Counter

import numpy as np
import psycopg
import pyarrow as pa

from clay_assets.errors import SearchError
from clay_assets.search.centre import Centre
from clay_assets.search.hits import embedding_of
from clay_assets.search.pgvector_copy import (
    bit_field,
    copy_rows,
    date_field,
    number_field,
    share_field,
    text_field,
    vector_field,
)
from clay_assets.search.pgvector_layout import (
    MAX_HALF_WIDTH,
    details_of,
    halves_of,
    numbers_of,
    rows_of,
    vectors_of_product,
)
from clay_assets.search.source import SourceFile
from clay_assets.search.source_rows import BOUNDS, read_source
from clay_assets.store import Store


def load_tile(
    connection: psycopg.Connection,
    store: Store,
    file: SourceFile,
    centre: Centre | None,
    run_id: str,
) -> None:
    """Append the rows of a file, and write down that they are there.

    Args:
        connection: in a transaction that holds the tile's lock.
        store: holds the file.
        file: whose rows.
        centre: what the product's sketches are centred on; None where it has none.
        run_id: of the Dagster run, kept with the tile.

    Raises:
        SearchError: a row of that id is there already, or an embedding is damaged.
    """
    (load,) = connection.execute(
        "INSERT INTO clay_assets.tiles (product, mgrs, load, version, rows, run_id) "
        "VALUES (%s, %s, nextval('clay_assets.loads'), %s, %s, %s) RETURNING load",
        [file.product, file.tile, file.version, file.rows, run_id],
    ).fetchall()[0]
    first, _ = numbers_of(load, load + 1)
    for rows in read_source(store, file):
        _check_ids(connection, file, rows["id"].to_pylist())
        _append(connection, file.product, rows, first, centre)
        first += len(rows)


def _append(
    connection: psycopg.Connection,
    product: str,
    rows: pa.Table,
    first: int,
    centre: Centre | None,
) -> None:
    vectors = embedding_of(rows)
    number = {"number": number_field(np.arange(first, first + len(rows)), "i8")}
    filtered = number | {
        "id": text_field(rows["id"]),
        "mgrs": text_field(rows["mgrs"]),
        "date": date_field(rows["date"]),
        "cloud_share": share_field(rows["cloud_share"]),
        **{side: number_field(rows[side].to_numpy(), "f8") for side in BOUNDS},
    }
    if centre is not None:
        filtered["sketch"] = bit_field(vectors > centre.values)
    copy_rows(connection, rows_of(product), filtered)
    told = {name: text_field(rows[name]) for name in ("source_url", "geometry")}
    copy_rows(connection, details_of(product), number | told)
    whole = number | {"embedding": vector_field(vectors, "f4")}
    copy_rows(connection, vectors_of_product(product), whole)
    if vectors.shape[1] <= MAX_HALF_WIDTH:
        half = number | {"embedding": vector_field(vectors, "f2")}
        copy_rows(connection, halves_of(product), half)


def _check_ids(connection: psycopg.Connection, file: SourceFile, ids: list[str]) -> None:
    elsewhere = connection.execute(
        f"SELECT id, mgrs FROM {rows_of(file.product)} WHERE id = ANY(%s) "
        "ORDER BY id LIMIT 1".encode(),
        [ids],
    ).fetchone()
    twice = [row_id for row_id, times in Counter(ids).items() if times > 1]
    if elsewhere or twice:
        row_id, tile = elsewhere or (twice[0], file.tile)
        raise SearchError(
            f"chip {row_id} is more than once in product {file.product}, in tiles "
            f"{tile}, {file.tile}; chip ids must be unique: rename the chips of one, then "
            "materialise from `chips` on"
        )
