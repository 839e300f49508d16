"""Fingerprints: one short hash that changes when, and only when, what it is made of changes."""

import hashlib
import json
from typing import Any


def fingerprint(*parts: Any) -> str:  # noqa: ANN401
    """16 hex digits of the SHA-256 of `parts` as canonical JSON.

    >>> fingerprint("32VKM", {"b": 1, "a": 2}) == fingerprint("32VKM", {"a": 2, "b": 1})
    True

    Raises:
        TypeError: a part is not made of JSON values.
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def content_hash(data: bytes) -> str:
    """16 hex digits of the SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()[:16]
