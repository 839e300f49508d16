"""Examples of what an index answers, for people to look at."""

from dataclasses import dataclass
from datetime import date as Date

from clay_assets.search.duckdb_index import DuckDBIndex
from clay_assets.search.hits import Hits
from clay_assets.search.query import Query
from clay_assets.store import Store


@dataclass(frozen=True)
class NeighbourExample:
    """One chip and its nearest neighbours."""

    chip_id: str
    """The chip that was asked about."""
    mgrs: str
    """Its tile."""
    date: Date
    """Its day."""
    source_url: str
    """Its file."""
    hits: Hits
    """Its neighbours, nearest first."""


def neighbour_examples(
    store: Store, product: str, *, queries: int = 4, k: int = 5, seed: int = 0
) -> list[NeighbourExample]:
    """Neighbours of some chips of the DuckDB index, drawn by seed.

    Raises:
        NotFoundError: there is no index, or it does not hold the product.
    """
    with DuckDBIndex(store) as index:
        drawn = index.sample(product, queries, seed=seed)
        return [
            NeighbourExample(
                row.chip_id,
                row.mgrs,
                row.date,
                row.source_url,
                index.search(Query(product, k, row.id)),
            )
            for row in drawn.itertuples()
        ]
