"""The addresses that tell machines how the server is: alive, ready, and what it did."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from clay_assets import __version__
from clay_assets.errors import ClayAssetsError
from clay_assets.serve.asking import Engine
from clay_assets.serve.documents import Health, Readiness
from clay_assets.serve.failures import problem
from clay_assets.serve.metrics import CONTENT_TYPE
from clay_assets.serve.service import Service


def add_health_routes(routes: APIRouter, service: Service) -> None:
    """Add them to `routes`, answering from `service`."""

    @routes.get("/healthz", response_model=Health)
    async def healthz() -> dict[str, str]:  # async: answers even while every thread searches
        """Whether the server answers."""
        return {"status": "ok", "version": __version__}

    @routes.get("/readyz", response_model=Readiness)
    def readyz(engine: Engine = "duckdb") -> dict[str, Any] | Response:
        """Whether an index opens and holds a product; 503 with the reason if not."""
        try:
            products = service.indexes.of(engine).products()
        except ClayAssetsError as error:
            return problem(503, str(error), "Send no questions here until this is mended.")
        if not products:
            return problem(503, f"the {engine} index is empty", "Materialise embeddings, then it.")
        rows = {product.product: product.rows for product in products}
        return {"status": "ready", "engine": engine, "products": rows}

    @routes.get("/metrics", response_class=PlainTextResponse)
    def metrics() -> Response:
        """Counters and timings in Prometheus' text form."""
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)
