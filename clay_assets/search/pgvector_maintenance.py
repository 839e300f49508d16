"""Keeping the pgvector index of a product fast and its recall known, after tiles were loaded."""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import psycopg

from clay_assets.errors import NotFoundError
from clay_assets.provenance import fingerprint
from clay_assets.search.pgvector_bloat import tidy
from clay_assets.search.pgvector_graphs import (
    EF_CONSTRUCTION,
    Graph,
    M,
    Tile,
    build_graph,
    drop_other_graphs,
    is_worn,
    rows_within,
    wanted_graphs,
)
from clay_assets.search.pgvector_index import PgvectorIndex
from clay_assets.search.pgvector_layout import MAX_HALF_WIDTH, tables_of
from clay_assets.search.pgvector_recall import MeasuredRecall, measured_recall
from clay_assets.search.pgvector_schema import CODE_VERSION, prepare_database
from clay_assets.search.plan import Walk
from clay_assets.search.postgres import connected
from clay_assets.search.tables import IndexedProduct

_TURN_S = 1.0
"""Time between two looks whether it is this process's turn."""


@dataclass(frozen=True)
class MaintenanceReport:
    """What was found and done for one product."""

    data_version: str
    """Changes with the rows that the product has."""
    skipped: bool
    """Whether there was nothing to do."""
    rows: int
    """Rows of the product."""
    rows_in_graphs: int
    """Of these, rows that a graph covers."""
    graphs_built: int
    """Graphs that were built now."""
    walks: tuple[Walk, ...]
    """How long walks over the graphs have to be; empty where sketches answer."""
    tried: tuple[Walk, ...]
    """Walks that were measured now."""
    recall: Mapping[str, float]
    """How a plan works -> its least recall."""
    tidied: Mapping[str, str]
    """Table -> `vacuumed` or `rewritten`."""
    size_bytes: int
    """Of all tables and graphs."""
    seconds: float
    """How long it took."""


def maintain_products(url: str) -> dict[str, MaintenanceReport]:
    """Maintain all products, by name, if any was loaded yet; see `maintain_pgvector`.

    Raises:
        DatabaseError: the server cannot be reached or used.
    """
    with connected(url) as connection:
        prepare_database(connection)
    with PgvectorIndex(url) as index:
        products = [indexed.product for indexed in index.products()]
    return {product: maintain_pgvector(url, product) for product in products}


def maintain_pgvector(url: str, product: str) -> MaintenanceReport:
    """Give back the space of removed rows, build the graphs that are due, and measure recall.

    Searches and loads go on meanwhile. While a worn graph is built anew, sketches answer.

    Raises:
        NotFoundError: nothing of the product was loaded yet.
        DatabaseError: the server cannot be reached or used.
    """
    started = time.monotonic()
    with connected(url) as connection:
        prepare_database(connection)
        connection.commit()
        connection.autocommit = True
        _wait_for_turn(connection, product)
        width, measured = _held(connection, product)
        tiles = _tiles(connection, product)
        has_halves = width <= MAX_HALF_WIDTH
        if has_halves:
            _forget_worn_graphs(connection, product, tiles)
        tidied = {
            table.partition(".")[0]: done
            for table in tables_of(product, width)
            if (done := tidy(connection, table))
        }
        wanted = wanted_graphs(tiles, _graphs(connection, product)) if has_halves else []
        for graph in wanted:
            build_graph(connection, product, width, graph)
        if has_halves:
            drop_other_graphs(connection, product)
        graphs = _graphs(connection, product)
        version = fingerprint(
            CODE_VERSION, M, EF_CONSTRUCTION, [(tile.load, tile.rows) for tile in tiles]
        )
        skipped = measured == version and not wanted
        tried: tuple[Walk, ...] = ()
        if not skipped:
            tried = _measure(connection, url, product, version, has_graphs=bool(graphs))
        indexed = _indexed(url, product)
        return MaintenanceReport(
            data_version=version,
            skipped=skipped,
            rows=sum(tile.rows for tile in tiles),
            rows_in_graphs=sum(rows_within(graph, tiles) for graph in graphs),
            graphs_built=len(wanted),
            walks=indexed.walks if indexed else (),
            tried=tried,
            recall=indexed.recall if indexed else {},
            tidied=tidied,
            size_bytes=_size(connection, tables_of(product, width)),
            seconds=time.monotonic() - started,
        )


def _wait_for_turn(connection: psycopg.Connection, product: str) -> None:
    """Only one process maintains a product; the lock goes with the connection.

    It is asked for again and again: a statement that waits would hold up the building of a graph,
    which waits for all statements that began before.
    """
    while not connection.execute(
        "SELECT pg_try_advisory_lock(hashtext('clay_assets graphs'), hashtext(%s))", [product]
    ).fetchall()[0][0]:
        time.sleep(_TURN_S)


def _held(connection: psycopg.Connection, product: str) -> tuple[int, str | None]:
    """Width of the product's vectors, and for which rows its recall was measured."""
    held = connection.execute(
        "SELECT product, width, measured FROM clay_assets.products ORDER BY product"
    ).fetchall()
    for name, width, measured in held:
        if name == product:
            return width, measured
    names = ", ".join(row[0] for row in held) or "none"
    raise NotFoundError(
        f"no product {product!r} in the database, it holds {names}; materialise pgvector_index "
        "of its tiles first"
    )


def _tiles(connection: psycopg.Connection, product: str) -> list[Tile]:
    found = connection.execute(
        "SELECT load, rows FROM clay_assets.tiles WHERE product = %s ORDER BY load", [product]
    ).fetchall()
    return [Tile(*row) for row in found]


def _graphs(connection: psycopg.Connection, product: str) -> list[Graph]:
    found = connection.execute(
        "SELECT first_load, beyond_load, rows FROM clay_assets.graphs WHERE product = %s "
        "ORDER BY first_load",
        [product],
    ).fetchall()
    return [Graph(*row) for row in found]


def _forget_worn_graphs(
    connection: psycopg.Connection, product: str, tiles: Sequence[Tile]
) -> None:
    """Let sketches answer where graphs have lost many rows, and drop those before a vacuum."""
    graphs = _graphs(connection, product)
    worn = [graph for graph in graphs if is_worn(graph, tiles)]
    if not worn:
        return
    with connection.transaction():
        connection.execute(
            "UPDATE clay_assets.products SET recall = recall - 'hnsw' WHERE product = %s",
            [product],
        )
        connection.execute(
            "DELETE FROM clay_assets.graphs WHERE product = %s AND first_load = ANY(%s)",
            [product, [graph.first_load for graph in worn]],
        )
    drop_other_graphs(connection, product)


def _measure(
    connection: psycopg.Connection, url: str, product: str, version: str, *, has_graphs: bool
) -> tuple[Walk, ...]:
    """Measure the recall and write it down; returns the walks that were tried."""
    with closing(PgvectorIndex(url)) as index, index.reading() as tables:
        indexed = {one.product: one for one in tables.products()}.get(product)
        # None when its last tile was taken out
        found = measured_recall(tables, indexed, has_graphs=has_graphs) if indexed else None
    found = found or MeasuredRecall()
    connection.execute(
        "UPDATE clay_assets.products SET recall = %s, measured = %s WHERE product = %s",
        [json.dumps(found.kept), version, product],
    )
    return found.tried


def _indexed(url: str, product: str) -> IndexedProduct | None:
    """What the index tells of the product; None when its last tile was taken out."""
    with closing(PgvectorIndex(url)) as index:
        return {one.product: one for one in index.products()}.get(product)


def _size(connection: psycopg.Connection, tables: Sequence[str]) -> int:
    """Of the tables with their indexes and graphs."""
    names = [table.replace("%%", "%") for table in tables]
    total = connection.execute(
        "SELECT sum(pg_total_relation_size(name::regclass)) FROM unnest(%s::text[]) AS name",
        [names],
    ).fetchall()
    return int(total[0][0])
