"""The tables of `indexes/index.duckdb`, and the statements that search them.

`products` and `tiles` say what is there; the chips of a product are in `embeddings."<product>"`,
in the order of their tiles, so that filters skip whole row groups.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from clay_assets.search.hits import ENGINE_ERROR, ROW_SCHEMA, Examples
from clay_assets.search.plan import Plan
from clay_assets.search.query import NEGATIVE_WEIGHT
from clay_assets.search.sketch import sketch_words
from clay_assets.search.tables import IndexedProduct

if TYPE_CHECKING:
    # Imported where it is called: a module that keeps it makes it complain of leaks at exit.
    import duckdb

INDEX_KEY = "indexes/index.duckdb"
"""Where the file lies in the store."""
BOOKS = """
CREATE TABLE build (
    data_version VARCHAR, code_version INTEGER, run_id VARCHAR, package_version VARCHAR
);
CREATE TABLE products (
    product VARCHAR, checkpoint_id VARCHAR, width INTEGER, centre FLOAT[], centre_version VARCHAR
);
CREATE TABLE tiles (product VARCHAR, mgrs VARCHAR, data_version VARCHAR, rows INTEGER);
CREATE SCHEMA embeddings;
"""
"""Statements that make the file's tables, save those of the products."""

_ROWS_AT_ONCE = 4096
_ROW = ", ".join(
    "st_aswkb(geometry)::BLOB AS geometry" if name == "geometry" else name
    for name in ROW_SCHEMA.names
)


def table_of(product: str) -> str:
    """The quoted name of a product's table."""
    return 'embeddings."' + product.replace('"', '""') + '"'


def quoted_path(path: Path) -> str:
    """A path as it stands in ATTACH, which takes no parameters."""
    return "'" + str(path).replace("'", "''") + "'"


def word_columns(width: int) -> list[str]:
    """Columns of the sketch, 64 bits each."""
    return [f"s{number:02d}" for number in range(-(-width // 64))]


def product_table(product: str, width: int) -> str:
    """Statement that makes the table of a product."""
    words = "".join(f"{name} UBIGINT, " for name in word_columns(width))
    return f"""
        CREATE TABLE {table_of(product)} (
            id VARCHAR, mgrs VARCHAR, date DATE, cloud_share FLOAT, source_url VARCHAR,
            geometry GEOMETRY, west DOUBLE, south DOUBLE, east DOUBLE, north DOUBLE,
            {words} embedding FLOAT[{width}]
        )
    """


class DuckDBTables:
    """One opened index file."""

    score_error = ENGINE_ERROR

    def __init__(self, cursor: "duckdb.DuckDBPyConnection") -> None:
        """Search through `cursor`, whose current database is the index."""
        self._cursor = cursor

    @staticmethod
    def mark(name: str) -> str:
        """How DuckDB writes a named parameter."""
        return f"${name}"

    def products(self) -> list[IndexedProduct]:
        """All products, sorted by name."""
        found = self._cursor.execute("""
            SELECT product, checkpoint_id, width, centre, sum(rows), count(*)
            FROM products JOIN tiles USING (product) GROUP BY ALL ORDER BY product
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
        table = table_of(product.product)
        counted = self._cursor.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {condition} LIMIT {most})", values
        ).fetchall()
        return int(counted[0][0])

    def chips(
        self, product: IndexedProduct, condition: str, values: dict[str, Any], *, vectors: bool
    ) -> pa.Table:
        """Rows of the chips that meet a condition."""
        columns = _ROW + (", embedding" if vectors else "")
        return self._table(f"SELECT {columns} FROM {_some_of(product, condition)}", values)

    def sample(
        self, product: IndexedProduct, seed: int, most: int, *, vectors: bool = False
    ) -> pa.Table:
        """Some rows, drawn by seed."""
        columns = _ROW + (", embedding" if vectors else "")
        return self._table(
            f"SELECT {columns} FROM {table_of(product.product)} "
            f"ORDER BY md5(id || $seed), id LIMIT {most}",
            {"seed": str(seed)},
        )

    def vectors(self, product: IndexedProduct) -> Iterator[pa.Table]:
        """All rows' vectors, as they lie in the file."""
        statement = f"SELECT id, embedding FROM {table_of(product.product)}"
        batches: pa.RecordBatchReader = self._cursor.execute(statement).to_arrow_reader(
            _ROWS_AT_ONCE
        )
        for batch in batches:
            yield pa.Table.from_batches([batch])

    def tile_versions(self, product: IndexedProduct) -> Mapping[str, str]:
        """Tile -> version of the file whose rows it holds."""
        found = self._cursor.execute(
            "SELECT mgrs, data_version FROM tiles WHERE product = ?", [product.product]
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
        width = product.width
        scored, parameters = _score(examples, width)
        if plan.how == "sketch" and product.centre is not None:
            sketched = sketch_words(examples.sketched(product.centre), product.centre)
            differing = _differing_bits(sketched, width)
            condition += f" ORDER BY {differing}, id LIMIT {plan.rerank}"
        return self._table(
            f"""
            SELECT {_ROW}, embedding FROM {_some_of(product, condition)}
            ORDER BY {scored} DESC, id LIMIT {most}
            """,
            values | parameters,
        )

    def _table(self, statement: str, values: dict[str, Any]) -> pa.Table:
        table: pa.Table = self._cursor.sql(statement, params=values).to_arrow_table()
        # An empty answer has no columns of its own to tell the types by.
        return table.cast(
            pa.schema(
                [*ROW_SCHEMA, *(field for field in table.schema if field.name == "embedding")]
            )
        )


def _some_of(product: IndexedProduct, condition: str) -> str:
    """The rows of a product that meet a condition, chosen before their vectors are read."""
    table = table_of(product.product)
    if condition == "TRUE":
        return table
    return f"(SELECT * FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE {condition}))"


def _score(examples: Examples, width: int) -> tuple[str, dict[str, Any]]:
    """The score as SQL, and the examples as its parameters."""
    values: dict[str, Any] = {}

    def nearest(name: str, vectors: np.ndarray) -> str:
        for number, vector in enumerate(vectors):
            values[f"{name}{number}"] = vector
        products = ", ".join(
            f"array_inner_product(embedding, ${name}{number}::FLOAT[{width}])"
            for number in range(len(vectors))
        )
        return f"greatest({products})" if len(vectors) > 1 else products

    scored = nearest("positive", examples.positives)
    if len(examples.negatives):
        scored += f" - {NEGATIVE_WEIGHT} * {nearest('negative', examples.negatives)}"
    return scored, values


def _differing_bits(words: np.ndarray, width: int) -> str:
    """Bits in which a chip's sketch differs from the nearest of some sketches, as SQL."""
    counts = [
        # bit_count gives a TINYINT, which twelve words would overflow
        " + ".join(
            f"bit_count(xor({name}, {word}::UBIGINT))::SMALLINT"
            for name, word in zip(word_columns(width), row.tolist(), strict=True)
        )
        for row in words
    ]
    return f"least({', '.join(counts)})" if len(counts) > 1 else counts[0]
