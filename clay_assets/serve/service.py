"""What every route answers from."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from clay_assets.embeddings import Product
from clay_assets.errors import NotFoundError
from clay_assets.search import Hits, Query
from clay_assets.serve.answers import SearchRequest, answer
from clay_assets.serve.asking import Indexes, one_per_place
from clay_assets.serve.catalogue import Catalogue, ProductChips
from clay_assets.serve.metrics import Metrics
from clay_assets.serve.thumbnails import Thumbnails
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

    def search(self, request: SearchRequest, vector: list[float] | None = None) -> dict[str, Any]:
        """The answer to a search as GeoJSON.

        Raises:
            ClayAssetsError: it cannot be answered.
        """
        started = time.perf_counter()
        chips = self.chips(request.product)
        query = request.query(chips.product, request.k, vector)

        def ask(query: Query) -> Hits:
            asked = time.perf_counter()
            hits = self.indexes.of(request.engine).search(query)
            self.metrics.count_search(hits, time.perf_counter() - asked)
            return hits

        hits = one_per_place(ask, query, chips) if request.one_per_place else ask(query)
        return answer(hits, request, chips, time.perf_counter() - started)

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
            "version": chips.version,
        }
