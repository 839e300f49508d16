"""Checkpoint files of any family brought into the store, by name."""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from clay_assets.checkpoints import StoredCheckpoint, check_name, put_checkpoint, up_to_date
from clay_assets.errors import InvalidValueError
from clay_assets.models import card_named, dimensions_of, family_named, read_original
from clay_assets.provenance import fingerprint
from clay_assets.remote import fetch
from clay_assets.store import Store

CODE_VERSION = "2"
"""Raised when the same file would be stored with other content."""


@dataclass(frozen=True)
class CheckpointReport:
    """What storing a checkpoint came to."""

    data_version: str
    """Content id of the checkpoint."""
    skipped: bool
    """Whether it was there already, made from the same inputs."""
    name: str
    """Name it is stored under."""
    family: str
    """Kind of network."""
    model: str | None
    """Published model that its sizes are of, None for another."""
    licence: str | None
    """Of that model's weights."""
    notes: str | None
    """What surprises in that model."""
    dimensions: int | None
    """Numbers in a vector of its output, None for chips that no known model takes."""
    size: str | None
    """Name of the released size it has, None for another."""
    parameters: int
    """Numbers in its tensors."""
    source: str
    """Where it comes from."""
    seconds: float
    """Time it took."""


def import_checkpoint(
    store: Store,
    href: str,
    name: str,
    *,
    run_id: str,
    heads: tuple[int, int] | None = None,
    options: tuple[str, ...] = (),
) -> CheckpointReport:
    """Bring a checkpoint file of any family, or one of ours, into the store.

    Args:
        store: where to keep it.
        href: path, `s3://` or `https://` URL.
        name: name to give it; one of that name before is no longer found by it.
        run_id: run to note.
        heads: attention heads of encoder and decoder, needed for a size that was never released.
        options: what the file does not say; see `models.read_original`.

    Raises:
        NotFoundError: there is no such file.
        CheckpointError: the file is no checkpoint of an accepted kind.
        InvalidValueError: the name cannot be part of a path, or an option is of another family.
    """
    started = time.monotonic()
    check_name(name)
    path = fetch(href, store.cache)
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    inputs = fingerprint(CODE_VERSION, "import", content, heads, sorted(options))
    if (found := up_to_date(store, name, inputs)) is not None:
        return _report(found, name, True, started)
    checkpoint = read_original(path, heads=heads, options=options)
    # A signed URL carries its secret in the query.
    source = {"source": href.partition("?")[0] if "://" in href else str(Path(href).absolute())}
    checkpoint = replace(checkpoint, card=checkpoint.card | source)
    stored = put_checkpoint(store, checkpoint, name, inputs=inputs, run_id=run_id)
    return _report(stored, name, False, started)


def as_heads(numbers: Sequence[int] | None) -> tuple[int, int] | None:
    """Attention heads of encoder and decoder, as a run's config has them.

    Raises:
        InvalidValueError: they are not two.
    """
    if numbers is None:
        return None
    if len(numbers) != 2:
        raise InvalidValueError(
            f"heads must be two numbers, of encoder and decoder, got {list(numbers)}"
        )
    return numbers[0], numbers[1]


def _report(stored: StoredCheckpoint, name: str, skipped: bool, started: float) -> CheckpointReport:
    card = stored.card["card"]
    model = card.get("model", {})
    known = card_named(model["name"]) if model else None
    family = family_named(stored.card["family"])
    return CheckpointReport(
        data_version=stored.id,
        skipped=skipped,
        name=name,
        family=family.name,
        model=model.get("name"),
        licence=model.get("licence"),
        notes=" ".join(known.notes) if known else None,
        dimensions=dimensions_of(family.config.from_json(stored.card["config"])),
        size=stored.card["size"],
        parameters=stored.card["parameters"],
        source=card["source"],
        seconds=time.monotonic() - started,
    )
