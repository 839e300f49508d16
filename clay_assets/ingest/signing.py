"""Read tokens of the Planetary Computer, whose files are public but not without one."""

import json
import time
import urllib.error
import urllib.request
from datetime import datetime
from threading import Lock
from urllib.parse import urlparse

from clay_assets.ingest.stac_files import unreachable

_BLOB_HOST = ".blob.core.windows.net"
_TOKENS_URL = "https://planetarycomputer.microsoft.com/api/sas/v1/token"
_RENEW_BEFORE_S = 300
_TIMEOUT_S = 30

_lock = Lock()
_tokens: dict[str, tuple[str, float]] = {}


def signed(href: str) -> str:
    """`href` with a read token, if it lies in Azure's blob storage and has none; else unchanged."""
    url = urlparse(href)
    if not url.netloc.endswith(_BLOB_HOST) or url.query:
        return href
    account, container = url.netloc.removesuffix(_BLOB_HOST), url.path.split("/")[1]
    token = _token(f"{account}/{container}")
    return f"{href}?{token}" if token else href


def _token(place: str) -> str:
    """A token that is good for some minutes more; empty where the Planetary Computer has none."""
    with _lock:
        token, expires = _tokens.get(place, ("", 0.0))
        if time.time() > expires - _RENEW_BEFORE_S:
            token, expires = _tokens[place] = _fetch(f"{_TOKENS_URL}/{place}")
        return token


def _fetch(url: str) -> tuple[str, float]:
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
            content = json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 404:  # somebody else's storage
            return "", time.time() + 10 * _RENEW_BEFORE_S
        raise unreachable(url, error) from error
    except urllib.error.URLError as error:
        raise unreachable(url, error) from error
    return content["token"], datetime.fromisoformat(content["msft:expiry"]).timestamp()
