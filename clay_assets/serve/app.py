"""The web application: API, page and errors put together."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware

from clay_assets import __version__
from clay_assets.embeddings import Product, load_products
from clay_assets.errors import ProductError
from clay_assets.search import open_index
from clay_assets.serve.api import add_api_routes
from clay_assets.serve.asking import Indexes, IndexFactory
from clay_assets.serve.beyond_routes import add_beyond_routes
from clay_assets.serve.catalogue import Catalogue
from clay_assets.serve.cell_routes import add_cell_routes
from clay_assets.serve.failures import handle_failures
from clay_assets.serve.health_routes import add_health_routes
from clay_assets.serve.label_routes import add_label_routes
from clay_assets.serve.limits import BodyLimit, RateLimit
from clay_assets.serve.map_tile_routes import add_map_tile_routes
from clay_assets.serve.metrics import CountRequests
from clay_assets.serve.openapi import describe_api
from clay_assets.serve.page import add_page
from clay_assets.serve.search_routes import add_search_routes, add_upload_routes
from clay_assets.serve.service import Service
from clay_assets.serve.sign_in import TokenGate
from clay_assets.serve.thumbnails import Thumbnails
from clay_assets.settings import Settings

COMPRESS_FROM_BYTES = 10_000
COMPRESS_LEVEL = 5
ROUTES = (
    add_health_routes,
    add_api_routes,
    add_search_routes,
    add_upload_routes,
    add_label_routes,
    add_map_tile_routes,
    add_cell_routes,
    add_beyond_routes,
)
"""Each adds its addresses to a router, answering from a service."""


def create_app(settings: Settings, *, dagster_url: str | None = None) -> FastAPI:
    """The application of one installation.

    Args:
        settings: which data root, products and database are served.
        dagster_url: where the Dagster UI is, for links to runs; None for no links.

    Raises:
        ProductError: the products file makes no sense.
        ServiceError: the MapLibre wheel is not installed.
    """
    return assemble(
        settings,
        load_products(settings.products_file),
        lambda engine: open_index(settings, engine),
        dagster_url=dagster_url,
    )


def assemble(
    settings: Settings,
    products: Mapping[str, Product],
    open_engine: IndexFactory,
    *,
    dagster_url: str | None = None,
) -> FastAPI:
    """The application over any products and indexes.

    Raises:
        ProductError: no product can be searched.
        ServiceError: the MapLibre wheel is not installed.
    """
    searchable = {name: product for name, product in products.items() if product.is_searched}
    if not searchable:
        raise ProductError(
            f"none of the products {', '.join(products)} gives one vector a chip, by level mean, "
            "cls or chip, or one a patch, and only those can be searched; declare one in the file "
            "of CLAY_PRODUCTS"
        )
    indexes = Indexes(open_engine)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        indexes.close()

    app = FastAPI(
        title="Clay search",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # FastAPI's own pages load from elsewhere; /openapi.json stays
        redoc_url=None,
    )
    handle_failures(app)
    store = settings.store
    service = Service(
        settings, store, searchable, indexes, Catalogue(store), Thumbnails(store), dagster_url
    )
    routes = APIRouter()
    for add_routes in ROUTES:
        add_routes(routes, service)
    app.include_router(routes)
    describe_api(app, has_token=settings.api.token is not None)
    _add_gates(app, service)
    add_page(app, settings.api.basemap_url)
    return app


def _add_gates(app: FastAPI, service: Service) -> None:
    """What stands before the routes, from the inside out."""
    api = service.settings.api
    app.add_middleware(
        GZipMiddleware, minimum_size=COMPRESS_FROM_BYTES, compresslevel=COMPRESS_LEVEL
    )
    app.add_middleware(BodyLimit, max_megabytes=api.max_upload_mb)
    if api.token is not None:
        app.add_middleware(TokenGate, token=api.token)
    if api.rate is not None:  # counts wrong tokens too, so that they cannot be guessed
        app.add_middleware(RateLimit, questions=api.rate)
    if api.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=api.origins,
            allow_methods=["GET", "POST", "PUT", "DELETE"],
            allow_headers=["authorization", "content-type", "if-match", "if-none-match"],
            expose_headers=["etag", "retry-after", "content-disposition"],
        )
    app.add_middleware(CountRequests, metrics=service.metrics)
