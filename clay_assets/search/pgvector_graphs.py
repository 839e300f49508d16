"""HNSW graphs over the vectors of half precision, each over the tiles of a range of loads.

A graph is a partial index. Tiles that are loaded later lie beyond its range, so loading does not
slow down, nothing grows old in it but what is taken away, and what is new is scored row by row
until the next graph is built. Building disturbs neither readers nor writers.

Source:
    Measured at 250,000 clustered vectors of 768 numbers in a graph: with m 24, ef_construction 128
    and ef_search 320 a walk finds 0.991 of the true 10 nearest neighbours. Of larger graphs no such
    figure is known, so a large product has several, and their answers are merged. Whether graphs
    are used at all, and how long the walks are, is decided by the recall measured on the product.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil
import psycopg

from clay_assets.search.pgvector_layout import halves_of, numbers_of, quoted
from clay_assets.search.plan import EXACT_MAX_ROWS

M = 24
"""Neighbours of a row in a graph."""
EF_CONSTRUCTION = 128
"""Rows that are kept in hand while a row's neighbours are looked for."""
MIN_ROWS = 50_000
"""A product with fewer rows is answered as fast by its sketches."""
MAX_ROWS = 250_000
"""Most rows of a graph, but for a tile that has more by itself."""
_MAX_LOST_SHARE = 0.1
"""Share of its rows that a graph may have lost before it is built again."""
_MERGE_SHARE = 0.5
"""A graph is built anew together with the rows behind it when they are so many of its own."""
_MOST_WORKERS = 7
_MEMORY_SHARE = 4  # a graph that needs more than this part of the machine's is built slowly
_NEIGHBOUR_BYTES, _ELEMENT_BYTES = 40, 300


@dataclass(frozen=True)
class Tile:
    """Rows that were loaded together."""

    load: int
    rows: int


@dataclass(frozen=True)
class Graph:
    """A range of loads that a graph covers, or is to cover."""

    first_load: int
    """First load it covers."""
    beyond_load: int
    """The load after its last."""
    rows: int
    """Rows it had when it was built, or will have."""


def is_worn(graph: Graph, tiles: Sequence[Tile]) -> bool:
    """Whether too many of a graph's rows were taken away.

    >>> is_worn(Graph(0, 2, 100), [Tile(1, 95), Tile(2, 40)])
    False
    >>> is_worn(Graph(0, 2, 100), [Tile(0, 80)])
    True
    """
    return rows_within(graph, tiles) < (1 - _MAX_LOST_SHARE) * graph.rows


def wanted_graphs(tiles: Sequence[Tile], graphs: Sequence[Graph]) -> list[Graph]:
    """The graphs that are missing, given those that are kept; they may take the place of some.

    Together they cover every load without a gap, up to a rest that is scored row by row.

    >>> wanted_graphs([Tile(1, 30_000), Tile(2, 30_000)], [])
    [Graph(first_load=0, beyond_load=3, rows=60000)]
    >>> wanted_graphs([Tile(1, 70_000), Tile(2, 9_000)], [Graph(0, 2, 70_000)])
    []
    >>> wanted_graphs([Tile(1, 70_000), Tile(2, 11_000)], [Graph(0, 2, 70_000)])
    [Graph(first_load=2, beyond_load=3, rows=11000)]
    >>> wanted_graphs([Tile(1, 70_000), Tile(2, 40_000)], [Graph(0, 2, 70_000)])
    [Graph(first_load=0, beyond_load=3, rows=110000)]
    """
    if sum(tile.rows for tile in tiles) < MIN_ROWS:
        return []
    kept = sorted(graphs, key=lambda graph: graph.first_load)
    wanted, beyond = [], 0
    for graph in kept:
        if graph.first_load > beyond:
            wanted += _cut(beyond, graph.first_load, tiles)
        beyond = graph.beyond_load
    end = 1 + max(tile.load for tile in tiles)
    rest = rows_within(Graph(beyond, end, 0), tiles)
    if rest <= EXACT_MAX_ROWS:
        return wanted
    while kept and rest + kept[-1].rows <= MAX_ROWS and rest >= _MERGE_SHARE * kept[-1].rows:
        merged = kept.pop()
        beyond, rest = merged.first_load, rest + merged.rows
    return wanted + _cut(beyond, end, tiles)


def build_graph(connection: psycopg.Connection, product: str, width: int, graph: Graph) -> None:
    """Build a graph beside all readers and writers, then let it take its place.

    Args:
        connection: commits each statement.
        product: embedding product.
        width: numbers in a vector.
        graph: what it covers.
    """
    started = time.monotonic()
    name = f"graph_{product}_{graph.first_load}_{graph.beyond_load}_{time.time_ns():x}"[-63:]
    first, beyond = numbers_of(graph.first_load, graph.beyond_load)
    needed = graph.rows * (2 * width + _NEIGHBOUR_BYTES * M + _ELEMENT_BYTES)
    most = psutil.virtual_memory().total // _MEMORY_SHARE
    kilobytes = max(64 << 10, min(needed, most) >> 10)
    workers = min(_MOST_WORKERS, os.cpu_count() or 1)
    connection.execute(f"SET maintenance_work_mem = {kilobytes}".encode())
    connection.execute(f"SET max_parallel_maintenance_workers = {workers}".encode())
    connection.execute(
        f"CREATE INDEX CONCURRENTLY {quoted(name)} ON {halves_of(product)} "
        f"USING hnsw (embedding halfvec_ip_ops) "
        f"WITH (m = {M}, ef_construction = {EF_CONSTRUCTION}) "
        f"WHERE number >= {first} AND number < {beyond}".encode()
    )
    with connection.transaction():
        connection.execute(
            "DELETE FROM clay_assets.graphs "
            "WHERE product = %s AND first_load >= %s AND beyond_load <= %s",
            [product, graph.first_load, graph.beyond_load],
        )
        connection.execute(
            "INSERT INTO clay_assets.graphs VALUES (%s, %s, %s, %s, %s, %s)",
            [
                product,
                name,
                graph.first_load,
                graph.beyond_load,
                graph.rows,
                time.monotonic() - started,
            ],
        )


def drop_other_graphs(connection: psycopg.Connection, product: str) -> None:
    """Drop what is not in the books: graphs that were replaced, or whose building was cut off."""
    found = connection.execute(
        "SELECT indexes.relname FROM pg_index JOIN pg_class AS indexes ON indexrelid = indexes.oid "
        "JOIN pg_am ON relam = pg_am.oid WHERE indrelid = %s::regclass AND amname = 'hnsw' "
        "AND NOT EXISTS (SELECT FROM clay_assets.graphs WHERE product = %s AND name = relname)",
        [halves_of(product).replace("%%", "%"), product],
    ).fetchall()
    for (name,) in found:
        connection.execute(f"DROP INDEX CONCURRENTLY clay_halves.{quoted(name)}".encode())


def _cut(first: int, beyond: int, tiles: Sequence[Tile]) -> list[Graph]:
    """Graphs over a range of loads, none much larger than it may be."""
    within = sorted(
        (tile for tile in tiles if first <= tile.load < beyond), key=lambda tile: tile.load
    )
    graphs: list[Graph] = []
    rows = 0
    for tile in within:
        if rows and rows + tile.rows > MAX_ROWS:
            graphs.append(Graph(first, tile.load, rows))
            first, rows = tile.load, 0
        rows += tile.rows
    return [*graphs, Graph(first, beyond, rows)]


def rows_within(graph: Graph, tiles: Sequence[Tile]) -> int:
    """Rows of a graph's range that are there now."""
    return sum(tile.rows for tile in tiles if graph.first_load <= tile.load < graph.beyond_load)
