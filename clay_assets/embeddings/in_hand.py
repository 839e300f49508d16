"""A tile from its plan to its file: what is known of its chips, and what it came to."""

import math
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clay_assets.chips import ChipRow
from clay_assets.embeddings.drift import drift_of
from clay_assets.embeddings.file import FileMetadata, read_metadata
from clay_assets.embeddings.known import KnownVectors
from clay_assets.embeddings.listing import tile_keys
from clay_assets.embeddings.outputs.write import check_targets, write_outputs
from clay_assets.embeddings.products import Product
from clay_assets.embeddings.report import EmbeddingsReport, removed, report_of
from clay_assets.embeddings.unfinished import Aside, Unfinished
from clay_assets.embeddings.work import Work, plan_work
from clay_assets.embeddings.writing import write_file
from clay_assets.errors import ClayAssetsError, NotFoundError
from clay_assets.store import Store

Outcome = EmbeddingsReport | ClayAssetsError
"""What a tile came to."""


@dataclass
class TileInHand:
    """One tile while its chips are embedded; one thread at a time calls its methods."""

    store: Store
    """Where its file goes."""
    work: Work
    """What is to be done."""
    started: float
    """When planning it began."""
    shape: tuple[int, ...]
    """Of one embedding."""
    previous: tuple[str, ...]
    """Keys of the files it has now."""
    aside: Aside
    """The embeddings that are known, more with every batch."""
    missing: tuple[ChipRow, ...]
    """Chips that go through the encoder."""
    embedded: int = 0
    """How many of them have."""
    error: ClayAssetsError | None = None
    """Why it failed; nothing more is done for it then."""
    waited_seconds: float = 0.0
    """Time in which nothing could be computed because its chips were still being read."""
    written: Future[Outcome] | None = None
    """What it came to; None while chips are missing."""

    @property
    def tile(self) -> str:
        """MGRS tile id."""
        return self.work.tile

    @property
    def is_complete(self) -> bool:
        """Whether nothing more comes for it."""
        return self.error is not None or self.embedded == len(self.missing)

    def add(self, chips: Sequence[ChipRow], vectors: npt.NDArray[np.float32]) -> None:
        """Make the (N, width) vectors of some chips known; of no use once it is being finished."""
        if self.written is not None:
            return
        try:
            self.aside.add(chips, vectors)
        except ClayAssetsError as error:
            self.fail(error)
        self.embedded += len(chips)

    def fail(self, error: ClayAssetsError) -> None:
        """Give the tile up; its first error stays."""
        self.error = self.error or error

    def finish(self, run_id: str) -> Outcome:
        """Write the file, or after a failure what is needed to go on another time."""
        try:
            if self.error is None:
                return self._write(run_id)
            self.aside.keep_all()
            return self.error
        except ClayAssetsError as error:
            return self.error or error

    def _write(self, run_id: str) -> EmbeddingsReport:
        work = self.work
        replaced = [key for key in self.previous if key != work.key]
        gather = self.aside.gathered().gather
        metadata = work.metadata(replaced, run_id=run_id)
        drift = drift_of(self.store, self.previous, work.rows, gather, metadata)
        metadata = work.metadata(replaced, run_id=run_id, drift=drift)
        metadata = write_file(self.store, work.key, work.rows, gather, metadata)
        outputs = write_outputs(self.store, work.product, work.key)
        self.store.delete(replaced)
        self.aside.unfinished.clear()
        return report_of(
            work,
            metadata,
            outputs,
            self.started,
            embedded=self.embedded,
            waited_seconds=self.waited_seconds,
        )


def take_in_hand(
    store: Store, product: Product, tile: str, *, precision: str
) -> TileInHand | Outcome:
    """A tile with what is known of it already, or at once what it came to.

    It is an EmbeddingsReport where nothing has changed or there is no chip (any more), and an error
    where the tile cannot be embedded; see `embed_tile`.
    """
    started = time.monotonic()
    try:
        work = plan_work(store, product, tile, precision=precision)
        if not work.rows:
            return removed(store, work, started)
        current = _metadata_if_any(store, work.key)
        check_targets(store, product, tile)
        if current is not None and current.inputs == work.inputs:
            outputs = write_outputs(store, product, work.key)
            store.delete(list(current.replaces))  # left by a run killed just before its end
            return report_of(work, current, outputs, started, skipped=True)
        return _begin(store, work, started)
    except ClayAssetsError as error:
        return error


def _begin(store: Store, work: Work, started: float) -> TileInHand:
    shape = work.shape()
    previous = tile_keys(store, work.product.name, work.tile)
    unfinished = Unfinished(store, work.product.name, work.tile, work.recipe)
    known = KnownVectors(math.prod(shape))
    for key in [*_of_recipe(store, previous, work.recipe), *unfinished.parts()]:
        known.add_file(store, key)
    return TileInHand(
        store=store,
        work=work,
        started=started,
        shape=shape,
        previous=tuple(previous),
        aside=Aside(known, unfinished),
        missing=tuple(chip for chip in work.chips if chip not in known),
    )


def _of_recipe(store: Store, keys: Sequence[str], recipe: str) -> list[str]:
    """Those files whose embeddings can be kept."""
    found = [(key, _metadata_if_any(store, key)) for key in keys]
    return [key for key, metadata in found if metadata is not None and metadata.recipe == recipe]


def _metadata_if_any(store: Store, key: str) -> FileMetadata | None:
    """How a file was made; None without it, or if something else wrote it."""
    try:
        return read_metadata(store, key)
    except NotFoundError:
        return None
