"""What every route answers from."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from clay_assets.embeddings import Product
from clay_assets.errors import InvalidValueError, NotFoundError
from clay_assets.search import Hits, Query
from clay_assets.search.query import MAX_K
from clay_assets.serve.answers import Answer
from clay_assets.serve.asking import Indexes, one_per_place
from clay_assets.serve.catalogue import Catalogue, ProductChips
from clay_assets.serve.metrics import Metrics
from clay_assets.serve.requests import SearchFields
from clay_assets.serve.thumbnails import Patch, Thumbnails
from clay_assets.settings import Settings
from clay_assets.store import Store


@dataclass(frozen=True)
class Service:
    """What the API answers from."""

    settings: Settings
    """Which installation is served, and who may ask it."""
    store: Store
    """Where the assets' files lie."""
    products: Mapping[str, Product]
    """Declared products by name, the default one first."""
    indexes: Indexes
    """The search indexes."""
    catalogue: Catalogue
    """The chips of each product."""
    thumbnails: Thumbnails
    """Their pictures."""
    dagster_url: str | None
    """Where the Dagster UI is, for links to runs; None for no links."""
    metrics: Metrics = field(default_factory=Metrics)
    """What was asked and how long it took."""

    def product(self, name: str | None) -> Product:
        """A declared product, the first one by default.

        Raises:
            NotFoundError: there is no such product.
        """
        name = name or next(iter(self.products))
        if name not in self.products:
            raise NotFoundError(
                f"there is no product {name!r}; declared are {', '.join(self.products)}"
            )
        return self.products[name]

    def chips(self, product: str | None) -> ProductChips:
        """Chips of a declared product, of the first one by default.

        Raises:
            NotFoundError: there is no such product.
        """
        return self.catalogue.of(self.product(product).name)

    def patch(self, chip_id: str, row: int | None, col: int | None) -> Patch | None:
        """Which part of a chip is asked for; None for all of it.

        Raises:
            InvalidValueError: half of a patch is named, one that the chip has not, or no product
                has patches of this chip.
        """
        if row is None and col is None:
            return None
        if row is None or col is None:
            raise InvalidValueError(f"row and col go together, got row {row} and col {col}")
        held = (self.catalogue.of(product) for product in self.products)
        grids = (chips.grid for chips in held if chip_id in chips.chips)
        grid = next((grid for grid in grids if grid is not None), None)
        if grid is None:
            raise InvalidValueError(
                f"no product has patches of chip {chip_id!r}; leave out row and col"
            )
        return Patch(row, col, *grid)

    def search(
        self,
        request: SearchFields,
        members: Mapping[str, Any] | None = None,
        **more: Any,  # noqa: ANN401
    ) -> Answer:
        """The answer to a search.

        Args:
            request: what is asked.
            members: more members of the answer.
            **more: fields of the query that the request does not say.

        Raises:
            ClayAssetsError: it cannot be answered.
        """
        started = time.perf_counter()
        chips = self.chips(request.product)
        query = request.query(chips.product, **more)
        # One more than a page shows whether there is another.
        longer = replace(query, k=query.k + 1) if query.last_rank < MAX_K else query
        hits = self._hits(request, longer, chips)
        has_more = len(hits.frame) > query.k
        hits = replace(hits, frame=hits.frame.iloc[: query.k])
        said = {
            "product": chips.product,
            "engine": hits.engine,
            "exact": hits.exact,
            "how": hits.how,
            "expected_recall": hits.expected_recall,
            "seconds": round(time.perf_counter() - started, 4),
            "request": request.model_dump(exclude_defaults=True, exclude={"vector", "format"}),
            "query_chips": list(hits.query_chips),
            "stale_tiles": list(
                self.indexes.stale_tiles(self.store, request.engine, chips.product)
            ),
            "next_offset": query.last_rank if has_more else None,
        }
        return Answer(hits, chips, said | dict(members or {}), query.offset + 1)

    def _hits(self, request: SearchFields, query: Query, chips: ProductChips) -> Hits:
        def ask(query: Query) -> Hits:
            asked = time.perf_counter()
            hits = self.indexes.of(request.engine).search(query, exact=request.exact)
            self.metrics.count_search(hits, time.perf_counter() - asked)
            return hits

        return one_per_place(ask, query, chips) if request.one_per_place else ask(query)

    def describe(self, product: Product) -> dict[str, Any]:
        """A product and how much there is of it."""
        chips = self.catalogue.of(product.name)
        return {
            "name": product.name,
            "checkpoint": product.checkpoint,
            "level": product.level,
            "chips": len(chips.chips),
            "places": len(chips.places),
            "dates": chips.dates,
            "tiles": list(chips.tiles),
            "bbox": chips.bounds_wgs84,
            "grid": chips.grid,
            "version": chips.version,
        }
