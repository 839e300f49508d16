"""Which error becomes which HTTP answer: one table, one shape of JSON."""

import logging
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from clay_assets.errors import (
    ClayAssetsError,
    ConflictError,
    DatabaseError,
    InvalidValueError,
    NotFoundError,
    ProductError,
    SearchError,
    ServiceError,
    StoreError,
    TileError,
    UnusableIndexError,
)

MOST_SAID = 5
log = logging.getLogger(__name__)

ANSWERS: tuple[tuple[type[ClayAssetsError], int, str], ...] = (
    (InvalidValueError, 400, "Mend the value and ask again."),
    (TileError, 400, "Give a tile that exists, like 32VKM."),
    (UnusableIndexError, 503, "Materialise the index again, then ask again."),
    (SearchError, 400, "Mend the query and ask again."),
    (ProductError, 400, "Mend the products file, then start the server again."),
    (NotFoundError, 404, "Check the name; what has just been deleted is gone after a reload."),
    (ConflictError, 412, "Read it again, then decide."),
    (DatabaseError, 503, "Start the database, or choose the engine duckdb."),
    (StoreError, 503, "Check that the data root can be reached, then ask again."),
    (ServiceError, 503, "Start the service, then ask again."),
    (ClayAssetsError, 500, "Materialise the asset again; Dagster's run log says more."),
)
"""Error, HTTP code, next step. The first row whose error fits is used."""

STEPS = {
    404: "The addresses are listed at /openapi.json.",
    413: "Send less, or set CLAY_API_MAX_UPLOAD_MB on the server to more.",
}
"""Next step for what is refused before it reaches this package's code; 404's for all others."""


def handle_failures(app: FastAPI) -> None:
    """Answer every error of `app` with JSON `{"error": ..., "next_step": ...}`."""
    app.add_exception_handler(ClayAssetsError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(Exception, _unknown)


async def _known(_request: Request, error: Exception) -> JSONResponse:
    status, step = next((code, step) for kind, code, step in ANSWERS if isinstance(error, kind))
    return problem(status, str(error), step)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    found = words_of(error) if isinstance(error, RequestValidationError) else str(error)
    return problem(400, found, "The parameters are listed at /openapi.json.")


def words_of(error: RequestValidationError | ValidationError) -> str:
    """The first few things that are wrong, each with where."""
    details = error.errors()
    is_request = isinstance(error, RequestValidationError)
    words = [
        f"{'.'.join(str(part) for part in detail['loc'][is_request:]) or 'request'}: "
        f"{detail['msg']}"
        for detail in details[:MOST_SAID]
    ]
    more = len(details) - len(words)
    return "; ".join(words) + (f"; and {more} more" if more else "")


async def _refused(_request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else str(error)
    headers = error.headers if isinstance(error, HTTPException) else None
    return problem(status, str(detail), STEPS.get(status, STEPS[404]), headers)


async def _unknown(request: Request, error: Exception) -> JSONResponse:
    log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(
        500,
        f"{type(error).__name__} in {request.url.path}",
        "The server's log has the details; please report it.",
    )


def problem(
    status: int, error: str, next_step: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """The answer to whatever went wrong: `{"error": ..., "next_step": ...}`."""
    return JSONResponse({"error": error, "next_step": next_step}, status, headers)
