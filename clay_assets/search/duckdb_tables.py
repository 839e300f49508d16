"""The tables of `indexes/index.duckdb`, and the statements that search them.

`products`, `tiles` and `recall` say what is there. The rows of a product are in
`embeddings."<product>"`, tile by tile, so that filters skip whole row groups. A statement finds
places; what is at a place comes from the files of rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from clay_assets.search.hits import ENGINE_ERROR, Examples
from clay_assets.search.plan import Plan
from clay_assets.search.row_files import Places, RowFiles, best_places
from clay_assets.search.sketch import sketch_words
from clay_assets.search.tables import IndexedProduct

if TYPE_CHECKING:
    # Imported where it is called: a module that keeps it makes it complain of leaks at exit.
    import duckdb

INDEX_KEY = "indexes/index.duckdb"
"""Where the file lies in the store."""
CODE_VERSION = 2
"""Raised when the same embeddings would give other tables."""
MEMORY_LIMIT = "1GB"
"""What the database may take for itself; rows come straight from the disk's cache."""
BOOKS = """
CREATE TABLE build (
    data_version VARCHAR, code_version INTEGER, run_id VARCHAR, package_version VARCHAR
);
CREATE TABLE products (
    product VARCHAR, checkpoint_id VARCHAR, width INTEGER, grid INTEGER[], row_files VARCHAR,
    centre FLOAT[], centre_version VARCHAR
);
CREATE TABLE tiles (
    product VARCHAR, mgrs VARCHAR, data_version VARCHAR, rows INTEGER, first_place UINTEGER
);
CREATE TABLE recall (product VARCHAR, how VARCHAR, recall DOUBLE, samples INTEGER);
CREATE SCHEMA embeddings;
"""
"""Statements that make the file's tables, save those of the products."""


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
    words = "".join(f", {name} UBIGINT" for name in word_columns(width))
    return f"""
        CREATE TABLE {table_of(product)} (
            place UINTEGER, id VARCHAR, mgrs VARCHAR, date DATE, cloud_share FLOAT,
            source_url VARCHAR, geometry GEOMETRY,
            west DOUBLE, south DOUBLE, east DOUBLE, north DOUBLE {words}
        )
    """


class DuckDBTables:
    """One opened index file."""

    score_error = ENGINE_ERROR
    """Vectors are float32, and so are the sums."""

    def __init__(self, cursor: "duckdb.DuckDBPyConnection", files: Mapping[str, RowFiles]) -> None:
        """Search through `cursor`, whose current database is the index, and files by product."""
        self._cursor = cursor
        self._files = files

    @staticmethod
    def mark(name: str) -> str:
        """How DuckDB writes a named parameter."""
        return f"${name}"

    def products(self) -> list[IndexedProduct]:
        """All products, sorted by name."""
        found = self._cursor.execute("""
            SELECT product, checkpoint_id, width, grid, centre, sum(rows), count(*)
            FROM products JOIN tiles USING (product) GROUP BY ALL ORDER BY product
        """).fetchall()
        measured: dict[str, dict[str, float]] = {}
        for product, how, recall in self._cursor.execute(
            "SELECT product, how, recall FROM recall"
        ).fetchall():
            measured.setdefault(product, {})[how] = recall
        return [
            IndexedProduct(
                product,
                checkpoint_id,
                width,
                int(rows),
                tiles,
                None if centre is None else np.asarray(centre, dtype=np.float32),
                None if grid is None else (grid[0], grid[1]),
                measured.get(product, {}),
            )
            for product, checkpoint_id, width, grid, centre, rows, tiles in found
        ]

    def tile_versions(self, product: IndexedProduct) -> Mapping[str, str]:
        """Tile -> version of the file whose rows it holds."""
        return dict(
            self._cursor.execute(
                "SELECT mgrs, data_version FROM tiles WHERE product = ?", [product.product]
            ).fetchall()
        )

    def count(
        self, product: IndexedProduct, condition: str, values: dict[str, Any], *, most: int
    ) -> int:
        """How many rows meet a condition, counted up to `most`."""
        table = table_of(product.product)
        counted = self._cursor.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {condition} LIMIT {most})", values
        ).fetchall()
        return int(counted[0][0])

    def chips(
        self, product: IndexedProduct, condition: str, values: dict[str, Any], *, vectors: bool
    ) -> pa.Table:
        """Rows that meet a condition."""
        places = self._places(product, condition, values)
        return self._files[product.product].take(places, vectors=vectors)

    def named(self, product: IndexedProduct, ids: Sequence[str], *, vectors: bool) -> pa.Table:
        """Rows of some ids, of those that there are."""
        files = self._files[product.product]
        return files.take(files.places_of(ids), vectors=vectors)

    def sample(
        self, product: IndexedProduct, seed: int, most: int, *, vectors: bool = False
    ) -> pa.Table:
        """Some rows, drawn by seed."""
        drawn = f"TRUE ORDER BY md5(id || $seed), id LIMIT {most}"
        places = self._places(product, drawn, {"seed": str(seed)})
        return self._files[product.product].take(places, vectors=vectors)

    def vectors(self, product: IndexedProduct) -> Iterator[pa.Table]:
        """Ids and vectors of all rows."""
        for rows in self._files[product.product].parts(0, product.rows):
            yield rows.select(["id", "embedding"])

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
        """The best rows by score, then id."""
        best = self.best(product, examples, condition, values, plan=plan, most=most)
        return self._files[product.product].take(best, vectors=True)

    def best(
        self,
        product: IndexedProduct,
        examples: Examples,
        condition: str,
        values: dict[str, Any],
        *,
        plan: Plan,
        most: int,
    ) -> np.ndarray:
        """Places of the best rows by score, in no order."""
        if plan.how == "sketch" and product.centre is not None:
            words = sketch_words(examples.sketched(product.centre), product.centre)
            differing = _differing_bits(words, product.width)
            condition += f" ORDER BY {differing}, id LIMIT {plan.rerank}"
        places = self._places(product, condition, values) if condition != "TRUE" else None
        return best_places(self._files[product.product].vectors, examples, most, places)

    def _places(self, product: IndexedProduct, condition: str, values: dict[str, Any]) -> Places:
        found: Places = self._cursor.execute(
            f"SELECT place FROM {table_of(product.product)} WHERE {condition}", values
        ).fetchnumpy()["place"]
        return found


def _differing_bits(words: np.ndarray, width: int) -> str:
    """Bits in which a row's sketch differs from the nearest of some sketches, as SQL."""
    counts = [
        # bit_count gives a TINYINT, which twelve words would overflow
        " + ".join(
            f"bit_count(xor({name}, {word}::UBIGINT))::SMALLINT"
            for name, word in zip(word_columns(width), row.tolist(), strict=True)
        )
        for row in words
    ]
    return f"least({', '.join(counts)})" if len(counts) > 1 else counts[0]
