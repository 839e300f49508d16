"""Read tokens of the Planetary Computer, whose files are public but not without one."""

import os
import time
from datetime import datetime
from threading import Lock
from urllib.parse import urlparse

from pystac_client.exceptions import APIError

from clay_assets.errors import ImageryError
from clay_assets.ingest.asking import get_json, status_of, unreachable, without_query

TOKENS_URL = "https://planetarycomputer.microsoft.com/api/sas/v1/token"
"""Where tokens are given out, without `PC_SDK_SAS_URL`."""
_BLOB_HOST = ".blob.core.windows.net"
_RENEW_BEFORE_S = 300

_lock = Lock()
_tokens: dict[str, tuple[str, float]] = {}


def signed(href: str) -> str:
    """`href` with a read token, if it lies in Azure's blob storage and has none; else unchanged.

    Raises:
        ImageryError: the token server does not answer.
    """
    if not is_signable(href) or urlparse(href).query:
        return href
    token = _token(_container(href))
    return f"{href}?{token}" if token else href


def signed_anew(href: str) -> str:
    """`href` with a token that was not used before, for one that is refused.

    Raises:
        ImageryError: the token server does not answer.
    """
    with _lock:
        _tokens.pop(_container(href), None)
    return signed(without_query(href))


def is_signable(href: str) -> bool:
    """Whether a file lies where tokens may be needed."""
    return urlparse(href).netloc.endswith(_BLOB_HOST)


def _container(href: str) -> str:
    url = urlparse(href)
    return f"{url.netloc.removesuffix(_BLOB_HOST)}/{url.path.split('/')[1]}"


def _token(place: str) -> str:
    """A token that is good for some minutes more; empty where the Planetary Computer has none."""
    with _lock:
        token, expires = _tokens.get(place, ("", 0.0))
        if time.time() > expires - _RENEW_BEFORE_S:
            root = os.environ.get("PC_SDK_SAS_URL") or TOKENS_URL
            token, expires = _tokens[place] = _fetch(f"{root.rstrip('/')}/{place}")
        return token


def _fetch(url: str) -> tuple[str, float]:
    key = os.environ.get("PC_SDK_SUBSCRIPTION_KEY")
    try:
        answer = get_json(url, {"Ocp-Apim-Subscription-Key": key} if key else None)
    except APIError as error:
        if status_of(error) == 404:  # somebody else's storage
            return "", time.time() + 10 * _RENEW_BEFORE_S
        raise unreachable(url, error) from error
    try:
        return answer["token"], datetime.fromisoformat(answer["msft:expiry"]).timestamp()
    except (KeyError, TypeError, ValueError) as error:
        raise ImageryError(
            f"{url} answered without a token and its expiry; check PC_SDK_SAS_URL"
        ) from error
