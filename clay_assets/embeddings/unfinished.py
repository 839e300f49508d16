"""Vectors kept aside while a tile is being embedded, so that a killed run loses little."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from clay_assets.chips.manifest import ChipRow
from clay_assets.embeddings.file import rows_at_once
from clay_assets.embeddings.known import KnownVectors
from clay_assets.embeddings.listing import product_folder
from clay_assets.provenance import fingerprint
from clay_assets.store import Store

Row = TypeVar("Row")
PART_BYTES = 64 << 20
"""Most vectors that wait in memory to be kept."""
PART_SECONDS = 30.0
"""A killed run loses what it computed in this time."""


@dataclass(frozen=True)
class Unfinished:
    """The parts of one tile; each is a Parquet file with chip ids, hashes and embeddings."""

    store: Store
    """Where they lie."""
    product: str
    """Name of the product."""
    tile: str
    """MGRS tile id."""
    recipe: str
    """Parts of another recipe are of no use."""

    def parts(self) -> list[str]:
        """Keys of the parts that can be used."""
        return [key for key in self._keys() if key.startswith(f"{self._folder}/{self.recipe}_")]

    def write(self, chips: Sequence[ChipRow], vectors: npt.NDArray[np.float32]) -> str:
        """Keep the (N, width) vectors of some chips; returns the part's key."""
        names = [(chip.chip_id, chip.content_hash) for chip in chips]
        width = vectors.shape[1]
        table = pa.table(
            {
                "chip_id": [chip_id for chip_id, _ in names],
                "chip_hash": [content_hash for _, content_hash in names],
                "embeddings": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), width),
            }
        )
        key = f"{self._folder}/{self.recipe}_{fingerprint(names)}.parquet"
        with self.store.writing(key) as path:
            # Written and read once: compressing costs more than it saves.
            pq.write_table(
                table,
                path,
                row_group_size=rows_at_once(width),
                compression="none",
                use_dictionary=False,
            )
        return key

    def clear(self) -> None:
        """Delete all parts, also those of no use."""
        self.store.delete(self._keys())

    @property
    def _folder(self) -> str:
        return f"{product_folder(self.product)}/unfinished/{self.tile}"

    def _keys(self) -> list[str]:
        return [file.key for file in self.store.files(self._folder)]


@dataclass
class Waiting(Generic[Row]):
    """Rows with their vectors that are in memory; what comes quickly and is small stays there."""

    _parts: list[tuple[Sequence[Row], npt.NDArray[np.float32]]] = field(default_factory=list)
    _bytes: int = 0
    _since: float = 0.0

    def add(self, rows: Sequence[Row], vectors: npt.NDArray[np.float32]) -> bool:
        """Take the (N, width) vectors of some rows; whether it is time to keep them elsewhere."""
        if not self._parts:
            self._since = time.monotonic()
        self._parts.append((rows, vectors))
        self._bytes += vectors.nbytes
        return self._bytes >= PART_BYTES or time.monotonic() - self._since >= PART_SECONDS

    def take(self) -> tuple[list[Row], npt.NDArray[np.float32]] | None:
        """All rows and their (N, width) vectors, which wait no more; None without any."""
        if not self._parts:
            return None
        rows = [row for part, _ in self._parts for row in part]
        vectors = np.concatenate([vectors for _, vectors in self._parts])
        self._parts, self._bytes = [], 0
        return rows, vectors


@dataclass
class Aside:
    """The new embeddings of one tile, in memory or in parts, until its file is written."""

    known: KnownVectors
    """Finds those of before, those in parts, and all once `gathered`."""
    unfinished: Unfinished
    """Takes the parts."""
    _waiting: Waiting[ChipRow] = field(default_factory=Waiting)

    def add(self, chips: Sequence[ChipRow], vectors: npt.NDArray[np.float32]) -> None:
        """Take the (N, width) vectors of some chips.

        Raises:
            StoreError: a part could not be written.
        """
        if self._waiting.add(chips, vectors):
            self.keep_all()

    def keep_all(self) -> None:
        """Write what is in memory as a part.

        Raises:
            StoreError: it could not be written.
        """
        if (taken := self._waiting.take()) is not None:
            self.known.add_file(self.unfinished.store, self.unfinished.write(*taken))

    def gathered(self) -> KnownVectors:
        """All embeddings, once the last was added."""
        if (taken := self._waiting.take()) is not None:
            self.known.add_vectors(*taken)
        return self.known
