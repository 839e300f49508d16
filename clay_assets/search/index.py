"""What an index answers, whatever its engine."""

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import ClassVar

import geopandas
import numpy as np
import pyarrow as pa

from clay_assets.provenance import fingerprint
from clay_assets.search.answering import answer
from clay_assets.search.examples import find_product, named_rows
from clay_assets.search.hits import Hits, embedding_of, hits_frame
from clay_assets.search.modes import BACKGROUND_ROWS
from clay_assets.search.query import Query
from clay_assets.search.tables import IndexedProduct, Tables

__all__ = ["Index", "IndexedProduct", "Tables"]

_TURNS = threading.BoundedSemaphore(max(2, os.cpu_count() or 1))
"""As many searches at a time as there are processors: more would only wait for each other at every
step of numpy, and each would take three times the processor's time."""


class Index(ABC):
    """A search index; close it, or use it in a `with`, when it is no longer needed."""

    engine: ClassVar[str]
    """`duckdb` or `pgvector`."""

    def __init__(self) -> None:
        """Nothing is opened before the first question."""
        self._backgrounds: dict[str, tuple[str, pa.Table]] = {}

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
        """The rows that answer a query.

        Args:
            query: what is looked for.
            exact: score every row, however many there are.

        Raises:
            NotFoundError: no such product or example, or no row over the place.
            SearchError: the vector does not fit the product.
            DatabaseError: the server cannot be reached, or went away meanwhile.
        """
        with _TURNS, self.reading() as tables:
            return answer(
                tables,
                self.engine,
                query,
                lambda: self._background(tables, query.product),
                exact=exact,
            )

    def chips(self, product: str, ids: Sequence[str] | None = None) -> geopandas.GeoDataFrame:
        """Rows of a product with their footprints, all or those named, sorted by id.

        Raises:
            NotFoundError: no such product, or no such row in it.
        """
        with self.reading() as tables:
            found = find_product(tables, product)
            if ids is None:
                rows = tables.chips(found, "TRUE", {}, vectors=False)
            else:
                rows = named_rows(tables, found, ids, vectors=False)
        return hits_frame(rows.sort_by("id"), product, grid=found.grid)

    def sample(self, product: str, count: int, *, seed: int = 0) -> geopandas.GeoDataFrame:
        """At most `count` rows in random order, the same in every engine.

        Raises:
            NotFoundError: no such product.
        """
        with self.reading() as tables:
            found = find_product(tables, product)
            rows = tables.sample(found, seed, count)
        return hits_frame(rows, product, grid=found.grid)

    def vectors(
        self, product: str, ids: Sequence[str] | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Ids and unit vectors, (N,) text and (N, D) float32: of all rows, or as named.

        Raises:
            NotFoundError: no such product, or no such row in it.
        """
        if ids is None:
            batches = list(self.vector_batches(product))
            return tuple(map(np.concatenate, zip(*batches, strict=True)))  # type: ignore[return-value]
        with self.reading() as tables:
            rows = named_rows(tables, find_product(tables, product), ids, vectors=True)
        place = {one: number for number, one in enumerate(rows["id"].to_pylist())}
        order = [place[one] for one in ids]
        return np.asarray(ids, dtype=object), embedding_of(rows)[order]

    def vector_batches(self, product: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Ids and unit vectors of all rows in no order, some thousand at a time.

        Raises:
            NotFoundError: no such product.
        """
        with self.reading() as tables:
            for rows in tables.vectors(find_product(tables, product)):
                yield rows["id"].to_numpy(), embedding_of(rows)

    def tile_versions(self, product: str) -> Mapping[str, str]:
        """Tile -> version of the embedding file that it holds; empty without the product."""
        with self.reading() as tables:
            for found in tables.products():
                if found.product == product:
                    return tables.tile_versions(found)
        return {}

    def _background(self, tables: Tables, name: str) -> pa.Table:
        """Random rows of a product with vectors, kept while the index holds the same."""
        product = find_product(tables, name)
        version = fingerprint(sorted(tables.tile_versions(product).items()))
        held, rows = self._backgrounds.get(name, ("", None))
        if held != version:
            rows = tables.sample(product, 0, BACKGROUND_ROWS, vectors=True)
            self._backgrounds[name] = version, rows.select(["id", "embedding"])
        return self._backgrounds[name][1]
