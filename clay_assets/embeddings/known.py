"""Vectors that need not be computed again, wherever they lie, read only when asked for."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from clay_assets.chips.manifest import ChipRow
from clay_assets.embeddings.dtypes import decoded, vectors_of
from clay_assets.embeddings.file import columns_to_decode
from clay_assets.store import Store

Vectors = npt.NDArray[np.float32]
ChipKey = tuple[str, str]
"""Id and content hash of a chip."""


@dataclass
class KnownVectors:
    """Finds vectors by chip; memory holds the places, not the vectors."""

    width: int
    """Numbers in a vector."""
    _blocks: list[Callable[[], Vectors]] = field(default_factory=list)
    _places: dict[ChipKey, tuple[int, int]] = field(default_factory=dict)

    def __contains__(self, chip: ChipRow) -> bool:
        """Whether the vector of this very content is known."""
        return _key(chip) in self._places

    def add_vectors(self, chips: Sequence[ChipRow], vectors: Vectors) -> None:
        """Add (N, width) vectors that stay in memory."""
        self._add([_key(chip) for chip in chips], lambda: vectors)

    def add_file(self, store: Store, key: str) -> None:
        """Add all rows of a Parquet file with `chip_id`, `chip_hash` and `embeddings`."""
        with store.open(key) as opened:
            file = pq.ParquetFile(opened)
            for group in range(file.num_row_groups):
                names = file.read_row_group(group, columns=["chip_id", "chip_hash"])
                keys = zip(
                    names["chip_id"].to_pylist(), names["chip_hash"].to_pylist(), strict=True
                )
                self._add(list(keys), partial(_read_row_group, store, key, group))

    def gather(self, chips: Sequence[ChipRow]) -> Vectors:
        """(N, width) vectors of known chips, in their order.

        Raises:
            KeyError: a chip is not known.
        """
        wanted: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for position, chip in enumerate(chips):
            block, row = self._places[_key(chip)]
            wanted[block].append((position, row))
        vectors = np.empty((len(chips), self.width), np.float32)
        for block, places in wanted.items():
            positions, rows = zip(*places, strict=True)
            vectors[list(positions)] = self._blocks[block]()[list(rows)]
        return vectors

    def _add(self, keys: Sequence[ChipKey], read: Callable[[], Vectors]) -> None:
        self._places |= {key: (len(self._blocks), row) for row, key in enumerate(keys)}
        self._blocks.append(read)


def _key(chip: ChipRow) -> ChipKey:
    return chip.chip_id, chip.content_hash


def _read_row_group(store: Store, key: str, group: int) -> Vectors:
    with store.open(key) as opened:
        file = pq.ParquetFile(opened)
        table = file.read_row_group(group, columns=columns_to_decode(file, ["embeddings"]))
    return vectors_of(decoded(table)["embeddings"])
