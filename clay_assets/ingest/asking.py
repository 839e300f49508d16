"""How services are asked over HTTP: with a timeout, and again where they are busy or stumble."""

import json
import re
from http import HTTPStatus
from typing import Any

from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from requests.exceptions import RequestException
from urllib3 import Retry

from clay_assets.errors import ImageryError, UnreachableError

TIMEOUT_S = 30.0
"""Without a byte, before an answer is given up."""
_RETRIES = 4
_BACKOFF_S = 1.0
_LONGEST_WAIT_S = 60
_PASSING = (408, 429, 500, 502, 503, 504)
_BROKEN_OFF = "Connection broken"
_QUERY = re.compile(r"\?[^\s'\")]*")

_ADVICE = {
    401: "it wants credentials: use an address that can be read without, or a signed one",
    403: "it refuses this address: check that it may be read",
    404: "check the address",
    408: "it is overloaded: run again later",
    429: "it is asked too often: wait some minutes, or run fewer tiles at once",
}


class _PatientIO(StacApiIO):
    """Asks again for an answer that breaks off, which urllib3 does not."""

    def request(
        self,
        href: str,
        method: str | None = None,
        headers: dict[str, str] | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> str:
        """Text of an answer.

        Raises:
            APIError: an error is answered, or nothing whole.
        """
        for _ in range(_RETRIES):
            try:
                return str(super().request(href, method, headers, parameters))
            except APIError as error:
                if _BROKEN_OFF not in str(error):
                    raise
        return str(super().request(href, method, headers, parameters))


def api_io(headers: dict[str, str] | None = None) -> StacApiIO:
    """How a STAC API is asked: again when it is busy, as late as it says or later and later."""
    again = Retry(
        _RETRIES,
        backoff_factor=_BACKOFF_S,
        backoff_max=_LONGEST_WAIT_S,
        retry_after_max=_LONGEST_WAIT_S,
        status_forcelist=_PASSING,
        allowed_methods=None,  # searches are POST, and safe to repeat
        raise_on_status=False,
    )
    return _PatientIO(headers=headers, timeout=TIMEOUT_S, max_retries=again)


def get_json(url: str, headers: dict[str, str] | None = None) -> Any:  # noqa: ANN401
    """The JSON a service answers.

    Raises:
        APIError: it answers with an error, or not at all; `status_code` says which.
        ImageryError: it answers something else.
    """
    text = api_io(headers).request(url)
    try:
        return json.loads(text)
    except ValueError as error:
        raise ImageryError(f"{without_query(url)} answered what is not JSON: {error}") from error


def unreachable(href: str, error: Exception) -> UnreachableError:
    """The error for a service that answers with an error, or not at all."""
    place, status = without_query(href), status_of(error)
    if status is None:
        reason = without_query(str(error)).splitlines()[0] if str(error) else type(error).__name__
        return UnreachableError(
            f"{place} did not answer: {reason}; check the address and the network, then run again"
        )
    times = f" {_RETRIES + 1} times" if status in _PASSING else ""
    advice = _ADVICE.get(status) or (
        "it is overloaded or down: run again later" if status >= 500 else _first_words(error)
    )
    return UnreachableError(f"{place} answered {_named(status)}{times}; {advice}")


def status_of(error: Exception) -> int | None:
    """HTTP status of an error; None where nothing was answered."""
    if isinstance(error, RequestException):
        return None if error.response is None else error.response.status_code
    status = getattr(error, "status_code", None) if isinstance(error, APIError) else None
    return None if status is None else int(status)


def without_query(text: str) -> str:
    """A text whose URLs have lost their queries, which may hold a token.

    >>> without_query("https://a.net/b.tif?sig=secret cannot be read")
    'https://a.net/b.tif cannot be read'
    """
    return _QUERY.sub("", text)


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _first_words(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"it says: {without_query(lines[0])[:200]}" if lines else "check the address"
