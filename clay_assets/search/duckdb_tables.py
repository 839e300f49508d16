"""The tables of `indexes/index.duckdb`, and the statements that search them.

`products`, `tiles` and `reranks` say what is there. The rows of a product are in
`embeddings."<product>"`, tile by tile, so that filters skip whole row groups. A statement finds
the places that pass a filter; sketches, vectors and what else is at a place are in files of rows.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from clay_assets.search.best_rows import best_places
from clay_assets.search.hits import ENGINE_ERROR, SKETCH_RANK, Examples
from clay_assets.search.plan import Plan, Rerank
from clay_assets.search.row_files import RowFiles
from clay_assets.search.sketch import Places, Words, nearest_sketches, sketch_words
from clay_assets.search.tables import IndexedProduct

if TYPE_CHECKING:
    # Imported where it is called: a module that keeps it makes it complain of leaks at exit.
    import duckdb

INDEX_KEY = "indexes/index.duckdb"
"""Where the file lies in the store."""
CODE_VERSION = 4
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
CREATE TABLE reranks (
    product VARCHAR, k INTEGER, is_hard BOOLEAN, first INTEGER, rows INTEGER, recall DOUBLE
);
CREATE SCHEMA embeddings;
"""
"""Statements that make the file's tables, save those of the products."""


def table_of(product: str) -> str:
    """The quoted name of a product's table."""
    return 'embeddings."' + product.replace('"', '""') + '"'


def quoted_path(path: Path) -> str:
    """A path as it stands in ATTACH, which takes no parameters."""
    return "'" + str(path).replace("'", "''") + "'"


def product_table(product: str) -> str:
    """Statement that makes the table of a product."""
    return f"""
        CREATE TABLE {table_of(product)} (
            place UINTEGER, id VARCHAR, mgrs VARCHAR, date DATE, cloud_share FLOAT,
            source_url VARCHAR, geometry GEOMETRY,
            west DOUBLE, south DOUBLE, east DOUBLE, north DOUBLE
        )
    """


def read_products(cursor: "duckdb.DuckDBPyConnection") -> list[IndexedProduct]:
    """All products of the current database, sorted by name."""
    reranks: dict[str, list[Rerank]] = {}
    measured = "SELECT product, k, is_hard, first, rows, recall FROM reranks"
    for product, *one in cursor.execute(measured).fetchall():
        reranks.setdefault(product, []).append(Rerank(*one))
    found = cursor.execute("""
        SELECT product, checkpoint_id, width, grid, centre, sum(rows), count(*)
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
            None if grid is None else (grid[0], grid[1]),
            tuple(reranks.get(product, ())),
        )
        for product, checkpoint_id, width, grid, centre, rows, tiles in found
    ]


class DuckDBTables:
    """One opened index file."""

    score_error = ENGINE_ERROR
    """Vectors are float32, and so are the sums."""

    def __init__(
        self,
        cursor: "duckdb.DuckDBPyConnection",
        products: Sequence[IndexedProduct],
        files: Mapping[str, RowFiles],
    ) -> None:
        """Search through `cursor`, whose current database is the index, and files by product."""
        self._cursor = cursor
        self._products = products
        self._files = files

    @staticmethod
    def mark(name: str) -> str:
        """How DuckDB writes a named parameter."""
        return f"${name}"

    def products(self) -> list[IndexedProduct]:
        """All products, sorted by name."""
        return list(self._products)

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
        """Ids, tiles and vectors of all rows."""
        for rows in self._files[product.product].parts(0, product.rows):
            yield rows.select(["id", "mgrs", "embedding"])

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
        files = self._files[product.product]
        places = self._places(product, condition, values) if condition != "TRUE" else None
        if plan.how == "sketch" and plan.rerank is not None and product.centre is not None:
            sketches = sketch_words(examples.sketched(product.centre), product.centre)
            proposed, ranks = _proposed(files, sketches, plan.rerank, places)
            best = best_places(files.vectors, examples, most, proposed)
            found = files.take(best, vectors=True)
            return found.append_column(SKETCH_RANK, [ranks[np.searchsorted(proposed, best)]])
        return files.take(best_places(files.vectors, examples, most, places), vectors=True)

    def _places(self, product: IndexedProduct, condition: str, values: dict[str, Any]) -> Places:
        found: Places = self._cursor.execute(
            f"SELECT place FROM {table_of(product.product)} WHERE {condition}", values
        ).fetchnumpy()["place"]
        return found


def _proposed(
    files: RowFiles, sketches: Words, most: int, places: Places | None
) -> tuple[Places, npt.NDArray[np.int64]]:
    """Places, in order, of the rows whose sketches are nearest, then by id; and their ranks."""
    found, differing = nearest_sketches(files.words, sketches, most, places)
    if len(found) > most:
        is_tied = differing == differing.max()
        tied = found[is_tied]
        tied = tied[np.argsort(files.ids_at(tied))[: most - (len(found) - len(tied))]]
        kept = ~is_tied | np.isin(found, tied)
        found, differing = found[kept], differing[kept]
    order = np.argsort(found)
    ranks = np.searchsorted(np.sort(differing), differing[order], side="right")
    return found[order], ranks
