"""The search page's own files and MapLibre's from the installed wheel.

Nothing comes from the network, but for the base map where its address was given.
"""

from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clay_assets.errors import ServiceError

STATIC_FOLDER = Path(__file__).parent / "static"

CONTENT_POLICY = (
    "default-src 'self'",
    "img-src 'self' data: blob:",
    "connect-src 'self'",
    "style-src 'self' 'unsafe-inline'",  # MapLibre places its parts by style attributes
    "worker-src blob:",  # MapLibre starts its workers from blobs
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "form-action 'self'",
)
"""What the page may load. It names no other host, so a stray request to one would fail."""


def add_page(app: FastAPI, basemap_url: str | None = None) -> None:
    """Serve the page at `/`, its files under `/static` and MapLibre under `/maplibre`.

    Args:
        app: what serves.
        basemap_url: web tiles that the page may load as well, the only ones of another host.

    Raises:
        ServiceError: the MapLibre wheel is not installed.
    """
    app.add_middleware(PageHeaders, policy=content_policy(basemap_url))
    app.mount("/static", StaticFiles(directory=STATIC_FOLDER), name="static")
    app.mount("/maplibre", StaticFiles(directory=maplibre_folder()), name="maplibre")

    @app.get("/", include_in_schema=False)
    def index() -> FileResponse:
        return FileResponse(STATIC_FOLDER / "index.html")


def content_policy(basemap_url: str | None) -> str:
    """What the page may load, the base map's host included.

    >>> content_policy("https://tiles.example/{z}/{x}/{y}.png").split("; ")[1]
    "img-src 'self' data: blob: https://tiles.example"
    """
    if basemap_url is None:
        return "; ".join(CONTENT_POLICY)
    scheme, host = urlsplit(basemap_url)[:2]
    is_allowed = ("img-src", "connect-src")  # MapLibre fetches tiles in its workers
    return "; ".join(
        f"{part} {scheme}://{host}" if part.startswith(is_allowed) else part
        for part in CONTENT_POLICY
    )


def maplibre_folder() -> Path:
    """Folder of `maplibre-gl.js` and `maplibre-gl.css`.

    Raises:
        ServiceError: the MapLibre wheel is not installed.
    """
    # Found, not imported: importing the package warns about its optional parts.
    spec = find_spec("maplibre")
    folder = Path(spec.origin or "").parent / "srcjs" if spec else None
    if folder is None or not (folder / "maplibre-gl.js").is_file():
        raise ServiceError(
            "the search page needs the package maplibre, which is not installed here; "
            "pip install maplibre"
        )
    return folder


class PageHeaders:
    """Middleware: the content policy on every answer, and files revalidated at each load."""

    def __init__(self, app: ASGIApp, policy: str) -> None:
        """Stand before `app`."""
        self.app, self.policy = app, policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on to the app and add the headers to its answer."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", []),
                    *_headers(scope["path"], self.policy),
                ]
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)


def _headers(path: str, policy: str) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"content-security-policy", policy.encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
    ]
    if path == "/" or path.startswith(("/static/", "/maplibre/")):
        # Files keep their names between versions, so a browser must ask; the answer is mostly 304.
        headers.append((b"cache-control", b"no-cache"))
    return headers
