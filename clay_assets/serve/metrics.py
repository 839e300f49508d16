"""What the server did, for Prometheus."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clay_assets.search import Hits

CONTENT_TYPE = CONTENT_TYPE_LATEST
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of the histograms' buckets."""


class Metrics:
    """Counters of one application."""

    def __init__(self) -> None:
        """All at zero."""
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "clay_requests",
            "Answered requests.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self.request_seconds = Histogram(
            "clay_request_seconds",
            "From a request's arrival to the end of its answer.",
            ["method", "route"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self.requests_now = Gauge(
            "clay_requests_in_progress", "Requests being answered.", registry=self._registry
        )
        self.search_seconds = Histogram(
            "clay_search_seconds",
            "Time in the index, by engine and by how it answered.",
            ["engine", "how"],
            buckets=SECONDS,
            registry=self._registry,
        )

    def count_search(self, hits: Hits, seconds: float) -> None:
        """Count one answer of an index."""
        self.search_seconds.labels(hits.engine, hits.how).observe(seconds)

    def text(self) -> bytes:
        """All of them in Prometheus' text form."""
        return generate_latest(self._registry)


class CountRequests:
    """Middleware: every answer is counted, refusals too."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        """Stand before `app`."""
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on to the app and count its answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500

        async def send_noting_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        with self.metrics.requests_now.track_inprogress():
            try:
                await self.app(scope, receive, send_noting_status)
            finally:
                # The route's pattern, as addresses are without number.
                route = getattr(scope.get("route"), "path", "other")
                method = scope["method"] if scope["method"] in METHODS else "other"
                self.metrics.requests.labels(method, route, status).inc()
                self.metrics.request_seconds.labels(method, route).observe(
                    time.perf_counter() - started
                )
