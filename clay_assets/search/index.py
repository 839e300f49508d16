"""What an index answers, whatever its engine: the steps of a search are the same for all.

An engine opens its tables and runs four statements; examples, routing, the final scoring and the
order of the hits are decided here, so that every engine gives the same answer.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import geopandas
import numpy as np
import pyarrow as pa
import shapely

from clay_assets.errors import NotFoundError, SearchError
from clay_assets.search.filters import covers, where
from clay_assets.search.hits import (
    Examples,
    Hits,
    embedding_of,
    hits_frame,
    rank,
    unit_vectors,
)
from clay_assets.search.plan import most_scored, rerank_rows
from clay_assets.search.query import Query

_SPARE_CANDIDATES = 64
_MOST_CANDIDATES = 100_000  # beyond, chips that score alike to 1e-5 come in the engine's order


@dataclass(frozen=True)
class IndexedProduct:
    """One product of an index."""

    product: str
    """Its name."""
    checkpoint_id: str
    """Checkpoint of all its embeddings."""
    width: int
    """Numbers in an embedding."""
    rows: int
    """Chips."""
    tiles: int
    """Tiles they lie in."""
    centre: np.ndarray | None
    """(width,) float32 that the sketches are centred on; None while there are none."""


class Tables(Protocol):
    """One consistent view of an index."""

    @staticmethod
    def mark(name: str) -> str:
        """How a named parameter is written."""

    def products(self) -> list[IndexedProduct]:
        """All products, sorted by name."""

    def count(
        self, product: IndexedProduct, condition: str, values: dict[str, Any], *, most: int
    ) -> int:
        """How many chips meet a condition, counted up to `most`."""

    def chips(
        self, product: IndexedProduct, condition: str, values: dict[str, Any], *, vectors: bool
    ) -> pa.Table:
        """`hits.ROW_SCHEMA` of the chips that meet a condition, and `embedding` if asked for."""

    def sample(self, product: IndexedProduct, seed: int, most: int) -> pa.Table:
        """Rows of `most` chips, drawn and ordered by the MD5 of id and seed."""

    def candidates(
        self,
        product: IndexedProduct,
        examples: Examples,
        condition: str,
        values: dict[str, Any],
        *,
        rerank: int | None,
        most: int,
    ) -> pa.Table:
        """The `most` best chips by score, then id: `hits.ROW_SCHEMA` and `embedding`.

        With `rerank`, only so many chips are scored: those whose sketch is nearest to that of
        a positive, then by id.
        """


class Index(ABC):
    """A search index; close it, or use it in a `with`, when it is no longer needed."""

    engine: ClassVar[str]
    """`duckdb` or `pgvector`."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Tables]:
        """One consistent view, while the block lasts.

        Raises:
            NotFoundError: nothing has been indexed yet.
            DatabaseError: the server cannot be reached.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections."""

    def __enter__(self) -> "Index":
        """The index itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def products(self) -> list[IndexedProduct]:
        """What can be searched, sorted by name."""
        with self.reading() as tables:
            return tables.products()

    def search(self, query: Query, *, exact: bool = False) -> Hits:
        """The chips that answer a query.

        Args:
            query: what is looked for.
            exact: score every chip, however many there are.

        Raises:
            NotFoundError: no such product or chip, or no chip over the place.
            SearchError: the vector does not fit the product.
        """
        with self.reading() as tables:
            product = _product(tables, query.product)
            examples = _examples(tables, product, query)
            condition, values = where(query, tables.mark)
            rerank = None if exact else _rerank(tables, product, query, examples)
            most = query.k + len(examples.chip_ids) + _SPARE_CANDIDATES
            while True:
                candidates = tables.candidates(
                    product, examples, condition, values, rerank=rerank, most=most
                )
                ranking = rank(candidates, examples, query, most)
                if ranking.is_complete or most >= _MOST_CANDIDATES:
                    break
                most *= 4
        frame = hits_frame(ranking.rows, query.product, ranking.scores)
        return Hits(frame, self.engine, rerank is None, examples.chip_ids)

    def chips(self, product: str, chip_ids: Sequence[str] | None = None) -> geopandas.GeoDataFrame:
        """Chips of a product with their footprints, all or those named, sorted by id.

        Raises:
            NotFoundError: no such product, or no such chip in it.
        """
        with self.reading() as tables:
            found = _product(tables, product)
            if chip_ids is None:
                rows = tables.chips(found, "TRUE", {}, vectors=False)
            else:
                rows = _named(tables, found, chip_ids, vectors=False)
        return hits_frame(rows.sort_by("chip_id"), product)

    def sample(self, product: str, count: int, *, seed: int = 0) -> geopandas.GeoDataFrame:
        """At most `count` chips in random order, the same in every engine.

        Raises:
            NotFoundError: no such product.
        """
        with self.reading() as tables:
            rows = tables.sample(_product(tables, product), seed, count)
        return hits_frame(rows, product)


def _product(tables: Tables, name: str) -> IndexedProduct:
    products = {product.product: product for product in tables.products()}
    if name not in products:
        raise NotFoundError(
            f"no product {name!r} in the index, it holds {', '.join(products) or 'none'}; "
            "materialise its embeddings, then the index"
        )
    return products[name]


def _rerank(
    tables: Tables, product: IndexedProduct, query: Query, examples: Examples
) -> int | None:
    """How many chips a sketch proposes; None to score all that pass the filters."""
    rerank = rerank_rows(query, examples)
    most = most_scored(rerank)
    if product.centre is None or product.rows <= most:
        return None
    if query.has_filter:
        condition, values = where(query, tables.mark)
        if tables.count(product, condition, values, most=most + 1) <= most:
            return None
    return rerank


def _examples(tables: Tables, product: IndexedProduct, query: Query) -> Examples:
    positives = [query.chip_id] if query.chip_id is not None else []
    if query.lonlat is not None:
        positives.append(_chip_over(tables, product, query.lonlat))
    positives = list(dict.fromkeys([*positives, *query.positives]))
    chip_ids = list(dict.fromkeys([*positives, *query.negatives]))
    by_id: dict[str, np.ndarray] = {}
    if chip_ids:
        rows = _named(tables, product, chip_ids, vectors=True)
        by_id = dict(zip(rows["chip_id"].to_pylist(), embedding_of(rows), strict=True))
    wanted = [by_id[chip_id] for chip_id in positives]
    if query.vector is not None:
        wanted.append(_unit(query.vector, product))
    unwanted = [by_id[chip_id] for chip_id in query.negatives]
    shape = (-1, product.width)
    return Examples(
        np.asarray(wanted, dtype=np.float32).reshape(shape),
        np.asarray(unwanted, dtype=np.float32).reshape(shape),
        tuple(chip_ids),
    )


def _unit(vector: Sequence[float], product: IndexedProduct) -> np.ndarray:
    if len(vector) != product.width:
        raise SearchError(
            f"vector must have {product.width} numbers, like the embeddings of product "
            f"{product.product!r} (checkpoint {product.checkpoint_id}), got {len(vector)}"
        )
    unit: np.ndarray = unit_vectors(np.asarray([vector]))[0]
    return unit


def _named(
    tables: Tables, product: IndexedProduct, chip_ids: Sequence[str], *, vectors: bool
) -> pa.Table:
    """Rows of some chips, in no order; each must exist."""
    condition = f"chip_id = ANY({tables.mark('chip_ids')})"
    rows = tables.chips(product, condition, {"chip_ids": list(chip_ids)}, vectors=vectors)
    missing = sorted(set(chip_ids) - set(rows["chip_id"].to_pylist()))
    if missing:
        raise NotFoundError(
            f"no chip {', '.join(map(repr, missing[:3]))} in product {product.product!r} of the "
            f"index, which holds {product.rows} chips of {product.tiles} tiles"
        )
    return rows


def _chip_over(tables: Tables, product: IndexedProduct, lonlat: tuple[float, float]) -> str:
    """The clearest chip over a place, then the latest; unknown cloud comes last."""
    condition, values = covers(lonlat, tables.mark)
    rows = tables.chips(product, condition, values, vectors=False)
    over = shapely.intersects_xy(shapely.from_wkb(rows["geometry"].to_numpy()), *lonlat)
    frame = rows.filter(pa.array(over, pa.bool_())).drop_columns(["geometry"]).to_pandas()
    if frame.empty:
        raise NotFoundError(
            f"no chip of product {product.product!r} covers lon {lonlat[0]}, lat {lonlat[1]}; "
            f"its {product.rows} chips lie in {product.tiles} tiles, the map shows where"
        )
    frame = frame.sort_values(
        ["cloud_share", "date", "chip_id"], ascending=[True, False, True], na_position="last"
    )
    return str(frame["chip_id"].iloc[0])
