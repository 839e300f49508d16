"""What embedding a tile came to."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from clay_assets.embeddings.file import Drift, FileMetadata
from clay_assets.embeddings.listing import tile_keys
from clay_assets.embeddings.outputs.write import remove_outputs
from clay_assets.embeddings.unfinished import Unfinished
from clay_assets.embeddings.work import Work
from clay_assets.provenance import fingerprint
from clay_assets.store import Store


@dataclass(frozen=True)
class EmbeddingsReport:
    """What embedding a tile came to."""

    data_version: str
    """Fingerprint of the file's rows."""
    skipped: bool
    """Whether the file was there already, made from the same inputs."""
    key: str | None
    """The file; None where the tile has no chips, and so no file."""
    checkpoint_id: str
    """Checkpoint of the embeddings."""
    shape: tuple[int, ...]
    """Of one embedding; empty where there is none."""
    chips: int
    """Rows of the file."""
    embedded: int
    """Chips that went through the encoder; the embeddings of the others were known."""
    seconds: float
    """Time from its plan to its file; the times of tiles of one run overlap."""
    waited_seconds: float
    """Time of it in which nothing could be computed, because its chips were still being read."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """Name -> key of the files beside it."""
    drift: Drift | None = None
    """How far the embeddings are from those before; None where they do not compare."""


def report_of(
    work: Work,
    metadata: FileMetadata,
    outputs: Mapping[str, str],
    started: float,
    *,
    skipped: bool = False,
    embedded: int = 0,
    waited_seconds: float = 0.0,
) -> EmbeddingsReport:
    """The report of a tile that has a file."""
    return EmbeddingsReport(
        data_version=metadata.data_version,
        skipped=skipped,
        key=work.key,
        checkpoint_id=metadata.checkpoint_id,
        shape=metadata.shape,
        chips=len(work.rows),
        embedded=embedded,
        seconds=time.monotonic() - started,
        waited_seconds=waited_seconds,
        outputs=outputs,
        drift=None if skipped else metadata.drift,
    )


def removed(store: Store, work: Work, started: float) -> EmbeddingsReport:
    """Remove the file of a tile without chips, if there is one."""
    previous = tile_keys(store, work.product.name, work.tile)
    remove_outputs(store, work.product, previous)
    store.delete(previous)
    Unfinished(store, work.product.name, work.tile, work.recipe).clear()
    return EmbeddingsReport(
        data_version=fingerprint([]),
        skipped=not previous,
        key=None,
        checkpoint_id=work.checkpoint_id,
        shape=(),
        chips=0,
        embedded=0,
        seconds=time.monotonic() - started,
        waited_seconds=0.0,
    )
