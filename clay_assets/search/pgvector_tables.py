"""The tables of the pgvector index, and the statements that search them.

`clay_assets.products` and `.tiles` say what is there. The chips of a product are in two tables:
`clay_chips.<product>`, narrow, has what is filtered and the sketches; `clay_vectors.<product>`
has the vectors and what is read of the hits only. Vectors are float32: DuckDB gives the same
answer only if none is rounded to half precision.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
from pgvector import Vector

from clay_assets.search.hits import ENGINE_ERROR, ROW_SCHEMA, Examples
from clay_assets.search.plan import Plan
from clay_assets.search.query import NEGATIVE_WEIGHT
from clay_assets.search.sketch import sketch_text
from clay_assets.search.tables import IndexedProduct

MAX_WIDTH = 16_000
"""Most numbers in a vector of pgvector."""
SCHEMAS = ("clay_assets", "clay_chips", "clay_vectors")
"""Everything of ours; made again when the code wants other tables."""
BOOKS = b"""
CREATE SCHEMA clay_assets;
CREATE SCHEMA clay_chips;
CREATE SCHEMA clay_vectors;
CREATE TABLE clay_assets.version (code_version integer NOT NULL);
CREATE TABLE clay_assets.products (
    product text COLLATE "C" PRIMARY KEY, checkpoint_id text NOT NULL, width integer NOT NULL,
    centre real[], centre_version text
);
CREATE TABLE clay_assets.tiles (
    product text COLLATE "C" REFERENCES clay_assets.products ON DELETE CASCADE, mgrs text,
    data_version text NOT NULL, rows integer NOT NULL, run_id text NOT NULL,
    loaded_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (product, mgrs)
);
"""
"""Statements that make them, save the tables of the products."""
CHIP_COLUMNS = {
    "id": "text",
    "mgrs": "text",
    "date": "date",
    "cloud_share": "float4",
    "west": "float8",
    "south": "float8",
    "east": "float8",
    "north": "float8",
    "sketch": "bit",
}
"""Columns and types of `clay_chips.<product>`."""
VECTOR_COLUMNS = {
    "id": "text",
    "source_url": "text",
    "geometry": "bytea",
    "embedding": "vector",
}
"""Columns and types of `clay_vectors.<product>`."""
_INLINE_WIDTH = 1_900  # a row has to fit a page of 8 kB

_ROWS_AT_ONCE = 4096
_ROW = ", ".join(ROW_SCHEMA.names)


def chips_of(product: str) -> str:
    """The quoted name of a product's narrow table."""
    return f"clay_chips.{_quoted(product)}"


def vectors_of_product(product: str) -> str:
    """The quoted name of a product's wide table."""
    return f"clay_vectors.{_quoted(product)}"


def product_tables(product: str, width: int) -> bytes:
    """Statements that make the tables of a product.

    A wide vector is left whole in its row: reading it from a side table takes five times as long.
    """
    chips, vectors = chips_of(product), vectors_of_product(product)
    storage = "PLAIN" if width <= _INLINE_WIDTH else "EXTERNAL"
    return f"""
        CREATE TABLE {chips} (
            id text COLLATE "C" PRIMARY KEY, mgrs text NOT NULL, date date NOT NULL,
            cloud_share float4, west float8 NOT NULL, south float8 NOT NULL, east float8 NOT NULL,
            north float8 NOT NULL, sketch bit({width})
        );
        CREATE INDEX ON {chips} (mgrs, date);
        CREATE INDEX ON {chips} (date);
        CREATE TABLE {vectors} (
            id text COLLATE "C" PRIMARY KEY, source_url text, geometry bytea NOT NULL,
            embedding vector({width}) NOT NULL
        );
        ALTER TABLE {vectors} ALTER embedding SET STORAGE {storage};
        ALTER TABLE {vectors} ALTER embedding SET STATISTICS 0;
    """.encode()


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
            SELECT product, checkpoint_id, width, centre, sum(rows), count(*)
            FROM clay_assets.products JOIN clay_assets.tiles USING (product)
            GROUP BY product ORDER BY product
        """).fetchall()
        return [
            IndexedProduct(
                product,
                checkpoint_id,
                width,
                int(rows),
                tiles,
                None if centre is None else np.asarray(centre, dtype=np.float32),
            )
            for product, checkpoint_id, width, centre, rows, tiles in found
        ]

    def count(
        self, product: IndexedProduct, condition: str, values: dict[str, Any], *, most: int
    ) -> int:
        """How many chips meet a condition, counted up to `most`."""
        chips = chips_of(product.product)
        limited = f"SELECT 1 FROM {chips} WHERE {condition} LIMIT {most}"
        counted = self._connection.execute(
            f"SELECT count(*) FROM ({limited}) AS met".encode(), values
        ).fetchall()
        return int(counted[0][0])

    def chips(
        self, product: IndexedProduct, condition: str, values: dict[str, Any], *, vectors: bool
    ) -> pa.Table:
        """Rows of the chips that meet a condition."""
        statement = (
            f"SELECT {_ROW}{', embedding' if vectors else ''} FROM {chips_of(product.product)} "
            f"JOIN {vectors_of_product(product.product)} USING (id) WHERE {condition}"
        )
        return self._table(statement, values, product.width if vectors else None)

    def sample(
        self, product: IndexedProduct, seed: int, most: int, *, vectors: bool = False
    ) -> pa.Table:
        """Some rows, drawn by seed."""
        chips = chips_of(product.product)
        drawn = f"SELECT * FROM {chips} ORDER BY md5(id || %(seed)s), id LIMIT {most}"
        return self._table(
            f"SELECT {_ROW}{', embedding' if vectors else ''} FROM ({drawn}) AS drawn "
            f"JOIN {vectors_of_product(product.product)} USING (id) "
            "ORDER BY md5(id || %(seed)s), id",
            {"seed": str(seed)},
            product.width if vectors else None,
        )

    def vectors(self, product: IndexedProduct) -> Iterator[pa.Table]:
        """All rows' vectors, read by a cursor of the server."""
        statement = f"SELECT id, embedding FROM {vectors_of_product(product.product)}"
        with self._connection.cursor(name="vectors", binary=True) as cursor:
            cursor.execute(statement.encode())
            while rows := cursor.fetchmany(_ROWS_AT_ONCE):
                ids, vectors = zip(*rows, strict=True)
                yield pa.table({"id": ids, "embedding": _lists(vectors, product.width)})

    def tile_versions(self, product: IndexedProduct) -> Mapping[str, str]:
        """Tile -> version of the file whose rows it holds."""
        found = self._connection.execute(
            "SELECT mgrs, data_version FROM clay_assets.tiles WHERE product = %s",
            [product.product],
        ).fetchall()
        return dict(found)

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
        """The best chips by score, then id."""
        scored, parameters = _score(examples)
        proposed = f"SELECT * FROM {chips_of(product.product)} WHERE {condition}"
        if plan.how == "sketch" and product.centre is not None:
            differing, sketches = _differing_bits(examples.sketched(product.centre), product.centre)
            proposed += f" ORDER BY {differing}, id LIMIT {plan.rerank}"
            parameters |= sketches
        statement = f"""
            SELECT {_ROW}, embedding FROM ({proposed}) AS proposed
            JOIN {vectors_of_product(product.product)} USING (id)
            ORDER BY {scored} DESC, id LIMIT {most}
        """
        return self._table(statement, values | parameters, product.width)

    def _table(self, statement: str, values: dict[str, Any], width: int | None) -> pa.Table:
        """Rows of `hits.ROW_SCHEMA`, and of `embedding` if it has a width."""
        with self._connection.cursor(binary=True) as cursor:
            rows = cursor.execute(statement.encode(), values).fetchall()
        columns = list(zip(*rows, strict=True)) or [()] * (len(ROW_SCHEMA) + 1)
        arrays = [
            pa.array(column, field.type) for column, field in zip(columns, ROW_SCHEMA, strict=False)
        ]
        table = pa.table(arrays, schema=ROW_SCHEMA)
        if width is None:
            return table
        return table.append_column("embedding", _lists(columns[-1], width))


def _lists(vectors: Sequence[Vector], width: int) -> pa.FixedSizeListArray:
    flat = np.concatenate([np.empty(0, np.float32), *(v.to_numpy() for v in vectors)])
    return pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float32()), width)


def _quoted(product: str) -> str:
    return '"' + product.replace('"', '""').replace("%", "%%") + '"'


def _score(examples: Examples) -> tuple[str, dict[str, Any]]:
    """The score as SQL, and the examples as its parameters."""
    values: dict[str, Any] = {}

    def nearest(name: str, vectors: np.ndarray) -> str:
        values.update({f"{name}{number}": vector for number, vector in enumerate(vectors)})
        # <#> is the inner product below zero
        products = ", ".join(
            f"-(embedding <#> %({name}{number})b::vector)" for number in range(len(vectors))
        )
        return f"greatest({products})"

    scored = nearest("positive", examples.positives)
    if len(examples.negatives):
        scored += f" - {NEGATIVE_WEIGHT} * {nearest('negative', examples.negatives)}"
    return scored, values


def _differing_bits(positives: np.ndarray, centre: np.ndarray) -> tuple[str, dict[str, Any]]:
    """Bits in which a chip's sketch differs from the nearest positive's, as SQL."""
    values = {
        f"sketch{number}": sketch_text(vector, centre) for number, vector in enumerate(positives)
    }
    counts = ", ".join(f"(sketch <~> %({name})s::bit({len(centre)}))" for name in values)
    return f"least({counts})", values
