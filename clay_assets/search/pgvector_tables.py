"""What the tables of a pgvector index answer; `pgvector_layout` says what is in them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa

from clay_assets.search.hits import ENGINE_ERROR, ROW_SCHEMA, SKETCH_RANK, Examples
from clay_assets.search.pgvector_layout import (
    LOAD_BITS,
    numbers_of,
    rows_of,
    vectors_of_product,
)
from clay_assets.search.pgvector_statements import (
    EMBEDDING,
    best,
    met,
    nearest_by_graphs,
    nearest_by_sketch,
    told,
)
from clay_assets.search.plan import EXACT_MAX_ROWS, Plan, Rerank, Walk
from clay_assets.search.tables import IndexedProduct

_STREAMED_BYTES = 16 << 20
"""About so much of the vectors is in memory at a time when all are read."""


class PgvectorTables:
    """One transaction of a connection that knows pgvector's types."""

    score_error = ENGINE_ERROR

    def __init__(self, connection: psycopg.Connection) -> None:
        """Search through `connection`."""
        self._connection = connection

    @staticmethod
    def mark(name: str) -> str:
        """How psycopg writes a named parameter."""
        return f"%({name})s"

    def products(self) -> list[IndexedProduct]:
        """All products, sorted by name."""
        found = self._connection.execute("""
            SELECT product, checkpoint_id, width, sum(rows), count(*), centre, grid, recall,
                coalesce(sum(rows) FILTER (WHERE load >= beyond), 0)
            FROM clay_assets.products JOIN clay_assets.tiles USING (product)
            LEFT JOIN (
                SELECT product, max(beyond_load) AS beyond FROM clay_assets.graphs GROUP BY product
            ) AS covered USING (product)
            GROUP BY product, beyond ORDER BY product
        """).fetchall()
        return [_product(*row) for row in found]

    def tile_versions(self, product: IndexedProduct) -> Mapping[str, str]:
        """Tile -> `SourceFile.version` of the file whose rows it holds."""
        return dict(
            self._connection.execute(
                "SELECT mgrs, version FROM clay_assets.tiles WHERE product = %s ORDER BY mgrs",
                [product.product],
            ).fetchall()
        )

    def count(
        self, product: IndexedProduct, condition: str, values: dict[str, Any], *, most: int
    ) -> int:
        """How many rows meet a condition, counted up to `most`."""
        limited = f"SELECT 1 FROM {rows_of(product.product)} WHERE {condition} LIMIT {most}"
        counted = self._connection.execute(
            f"SELECT count(*) FROM ({limited}) AS met".encode(), values
        ).fetchall()
        return int(counted[0][0])

    def chips(
        self, product: IndexedProduct, condition: str, values: dict[str, Any], *, vectors: bool
    ) -> pa.Table:
        """Rows that meet a condition, and `embedding` if asked for."""
        some = met(product.product, condition)
        return self._told(product, some, values, vectors=vectors)

    def named(self, product: IndexedProduct, ids: Sequence[str], *, vectors: bool) -> pa.Table:
        """Rows of some ids, of those that there are."""
        return self.chips(product, "id = ANY(%(ids)s)", {"ids": list(ids)}, vectors=vectors)

    def sample(
        self, product: IndexedProduct, seed: int, most: int, *, vectors: bool = False
    ) -> pa.Table:
        """Rows drawn by seed, and `embedding` if asked for."""
        order = "md5(id || %(seed)s), id"
        some = f"{met(product.product, 'TRUE')} ORDER BY {order} LIMIT {most}"
        return self._told(product, some, {"seed": str(seed)}, vectors=vectors, order=order)

    def vectors(self, product: IndexedProduct) -> Iterator[pa.Table]:
        """`id`, `mgrs` and `embedding` of all rows, tile by tile, some thousand at a time."""
        rows, vectors = rows_of(product.product), vectors_of_product(product.product)
        statement = (
            f"SELECT id, mgrs, {EMBEDDING} FROM {rows} JOIN {vectors} USING (number) "
            "WHERE number >= %s AND number < %s"
        ).encode()
        step = max(1, _STREAMED_BYTES // (4 * product.width))
        tiles = self._connection.execute(
            "SELECT load, rows FROM clay_assets.tiles WHERE product = %s ORDER BY load",
            [product.product],
        ).fetchall()
        for load, count in tiles:
            start = load << LOAD_BITS
            for first in range(start, start + count, step):
                with self._connection.cursor(binary=True) as cursor:
                    found = cursor.execute(statement, [first, min(first + step, start + count)])
                    ids, mgrs, embeddings = zip(*found.fetchall(), strict=True)
                yield pa.table(
                    {
                        "id": pa.array(ids, pa.string()),
                        "mgrs": pa.array(mgrs, pa.string()),
                        "embedding": _lists(embeddings, product),
                    }
                )

    def candidates(
        self,
        product: IndexedProduct,
        examples: Examples,
        condition: str,
        values: dict[str, Any],
        *,
        plan: Plan,
        most: int,
    ) -> pa.Table:
        """The best rows by score, then id, as the plan says."""
        some, parameters, ranks = met(product.product, condition), dict(values), False
        if plan.how == "hnsw":
            some, parameters = self._walked(product, examples, plan, most)
        elif plan.how == "sketch" and plan.rerank is not None and product.centre is not None:
            some, sketches = nearest_by_sketch(
                product.product,
                condition,
                examples.sketched(product.centre),
                product.centre,
                plan.rerank,
            )
            parameters, ranks = parameters | sketches, True
        chosen, scores = best(product.product, examples, some, most)
        return self._told(product, chosen, parameters | scores, vectors=True, ranks=ranks)

    def _walked(
        self, product: IndexedProduct, examples: Examples, plan: Plan, most: int
    ) -> tuple[str, dict[str, Any]]:
        """What walks over the graphs find, and the nearest of the rows that are in none."""
        # Without sorting: the planner would rather score a small range, or one it knows too little
        # of, than walk its graph, and the walk is what was measured.
        self._connection.execute(
            "SELECT set_config('hnsw.ef_search', %s, true), set_config('enable_sort', 'off', true)",
            [str(plan.ef)],
        )
        covered = self._connection.execute(
            "SELECT first_load, beyond_load FROM clay_assets.graphs WHERE product = %s "
            "ORDER BY first_load",
            [product.product],
        ).fetchall()
        ranges = [numbers_of(first, beyond) for first, beyond in covered]
        rest = (ranges[-1][1] if ranges else 0, 2**63 - 1)
        return nearest_by_graphs(product.product, examples.positives[0], [*ranges, rest], most)

    def _told(
        self,
        product: IndexedProduct,
        some: str,
        values: dict[str, Any],
        *,
        vectors: bool,
        ranks: bool = False,
        order: str | None = None,
    ) -> pa.Table:
        """Rows of `hits.ROW_SCHEMA`, and `embedding` and `SKETCH_RANK` if asked for."""
        statement = told(product.product, some, vectors=vectors, ranks=ranks)
        if order is not None:
            statement += f" ORDER BY {order}"
        with self._connection.cursor(binary=True) as cursor:
            rows = cursor.execute(statement.encode(), values).fetchall()
        columns = list(zip(*rows, strict=True)) or [()] * (len(ROW_SCHEMA) + 2)
        arrays = [
            pa.array(column, field.type) for column, field in zip(columns, ROW_SCHEMA, strict=False)
        ]
        table = pa.table(arrays, schema=ROW_SCHEMA)
        if ranks:
            table = table.append_column(SKETCH_RANK, pa.array(columns[len(ROW_SCHEMA)], pa.int64()))
        if vectors:
            table = table.append_column("embedding", _lists(columns[-1], product))
        return table


def _product(
    name: str,
    checkpoint_id: str,
    width: int,
    rows: int,
    tiles: int,
    centre: list[float] | None,
    grid: list[int] | None,
    recall: dict[str, Any],
    rows_in_no_graph: int,
) -> IndexedProduct:
    return IndexedProduct(
        name,
        checkpoint_id,
        width,
        int(rows),
        tiles,
        None if centre is None else np.asarray(centre, dtype=np.float32),
        None if grid is None else (grid[0], grid[1]),
        tuple(Rerank(**one) for one in recall.get("sketch", ())),
        # Rows in no graph are scored one by one; with many of them, sketches are faster.
        tuple(Walk(**one) for one in recall.get("hnsw", ()) if rows_in_no_graph <= EXACT_MAX_ROWS),
    )


def _lists(sent: tuple[bytes, ...], product: IndexedProduct) -> pa.Array:
    """Vectors as the server sends them: four bytes before the numbers, highest byte first."""
    kind = np.dtype([("head", ">i4"), ("numbers", ">f4", (product.width,))])
    numbers = np.frombuffer(b"".join(sent), kind)["numbers"].astype(np.float32)
    return pa.FixedSizeListArray.from_arrays(pa.array(numbers.ravel()), product.width)
