"""What was analysed before: a JSON record beside each output, so that nothing is made twice."""

import json
from dataclasses import dataclass
from typing import Any

from clay_assets.errors import NotFoundError
from clay_assets.provenance import fingerprint
from clay_assets.store import Store

FOLDER = "analysis"


@dataclass(frozen=True)
class Record:
    """How an output was made, and its figures."""

    version: str
    """Changes with anything that it is made from: code, settings, vectors, labels."""
    run_id: str
    """Run that made it."""
    figures: dict[str, Any]
    """JSON values that a person looks at."""
    skipped: bool = False
    """Whether it was there already."""


@dataclass(frozen=True)
class Output:
    """What was made of a tile, or of a product."""

    record: Record
    """How, and its figures."""
    png: bytes | None
    """What a person looks at; None when there is nothing to show."""
    key: str
    """Folder or file of the output in the store."""


def output_key(kind: str, product: str, name: str) -> str:
    """Where an output lies in the store.

    >>> output_key("change", "clay", "32VKM.parquet")
    'analysis/change/clay/32VKM.parquet'
    """
    return f"{FOLDER}/{kind}/{product}/{name}"


def version_of_inputs(*parts: Any) -> str:  # noqa: ANN401
    """Version of an output; dates and the like count by their text."""
    return fingerprint(json.loads(json.dumps(parts, default=str)))


def known_record(store: Store, key: str, version: str) -> Record | None:
    """The record of an output, if it was made from the same."""
    try:
        found = json.loads(store.read_bytes(key))
    except NotFoundError:
        return None
    if found["version"] != version:
        return None
    return Record(version, found["run_id"], found["figures"], skipped=True)


def write_record(store: Store, key: str, record: Record) -> Record:
    """Keep a record; the last thing that is written of an output."""
    values = {"version": record.version, "run_id": record.run_id, "figures": record.figures}
    store.write_bytes(key, json.dumps(values, indent=1).encode())
    return record
