"""Whether the embeddings of a tile can be searched: complete, finite, and not all the same."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from clay_assets.checkpoints import find_checkpoint
from clay_assets.chips import read_manifest
from clay_assets.embeddings.dtypes import vectors_of
from clay_assets.embeddings.file import FileMetadata, read_metadata, read_rows
from clay_assets.embeddings.listing import find_file
from clay_assets.errors import NotFoundError
from clay_assets.models.cards import cards_of
from clay_assets.store import Store

COLLAPSED_COSINE = 0.9999
"""Chips that are so alike on average cannot be told apart; the cards of a family may say less."""
UNIT_TOLERANCE = 1e-3
"""Most that a vector of length 1 is off."""
INT8_TOLERANCE = 1e-2
"""The same where its numbers are stored in 255 steps."""


@dataclass(frozen=True)
class CheckReport:
    """What was found."""

    chips: int
    """Chips of the manifest."""
    rows: int
    """Embeddings of the file."""
    norm_min: float
    """Length of the shortest vector."""
    norm_max: float
    """Length of the longest vector."""
    mean_cosine: float
    """Mean cosine of all pairs of embeddings; 0 with less than two."""
    faults: tuple[str, ...]
    """What is wrong, one line each; empty when all is well."""


def check_embeddings(store: Store, product: str, tile: str) -> CheckReport:
    """Compare a tile's embeddings with its chips, and with each other.

    Raises:
        NotFoundError: the tile has no manifest, or has chips but no embeddings.
    """
    manifest = read_manifest(store, tile)
    columns = (manifest.table[name].to_pylist() for name in ("chip_id", "content_hash"))
    listed = set(zip(*columns, strict=True))
    if not listed:
        return CheckReport(0, 0, 0.0, 0.0, 0.0, ())
    key = find_file(store, product, tile).key
    metadata = read_metadata(store, key)
    seen = _Seen(metadata.shape[-1])
    for table in read_rows(store, key, ["chip_id", "chip_hash", "embeddings"]):
        names = zip(table["chip_id"].to_pylist(), table["chip_hash"].to_pylist(), strict=True)
        seen.add(list(names), vectors_of(table["embeddings"]))
    found = [
        *seen.faults,
        *_length_faults(seen, metadata),
        *_collapse_faults(store, seen, metadata),
    ]
    faults = [f"{key}: {text}" for text in found]
    if seen.rows != len(listed) or seen.chips != listed:
        faults.append(
            f"{key} has {seen.rows} embeddings, {len(seen.chips & listed)} of them of the tile's "
            f"{len(listed)} chips; it was made from chips {metadata.chips_data_version}, now there "
            f"are {manifest.meta['data_version']}: materialise `embeddings/{product}` of {tile} "
            "again"
        )
    return CheckReport(
        chips=len(listed),
        rows=seen.rows,
        norm_min=seen.norm_min,
        norm_max=seen.norm_max,
        mean_cosine=seen.mean_cosine,
        faults=tuple(faults),
    )


@dataclass
class _Seen:
    """Sums over rows that pass by, so that memory does not grow with them."""

    width: int
    rows: int = 0
    chips: set[tuple[str, str]] = field(default_factory=set)
    norm_min: float = np.inf
    norm_max: float = 0.0
    unusable: list[str] = field(default_factory=list)
    unit_sum: npt.NDArray[np.float64] | float = 0.0

    def add(self, names: list[tuple[str, str]], embeddings: npt.NDArray[np.float32]) -> None:
        self.rows += len(names)
        self.chips |= set(names)
        vectors = embeddings.reshape(len(embeddings), -1, self.width)  # one, or one a patch
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=2)
        usable = (np.isfinite(lengths) & (lengths > 0)).all(axis=1)
        self.unusable += [names[row][0] for row in np.flatnonzero(~usable)]
        if usable.any():
            self.norm_min = min(self.norm_min, float(lengths[usable].min()))
            self.norm_max = max(self.norm_max, float(lengths[usable].max()))
            norms = np.sqrt(np.square(lengths[usable]).sum(axis=1, keepdims=True))
            self.unit_sum = self.unit_sum + (embeddings[usable] / norms).sum(axis=0)

    @property
    def mean_cosine(self) -> float:
        """From the sum of unit vectors: its square counts each pair twice and each row once."""
        count = self.rows - len(self.unusable)
        if count < 2:
            return 0.0
        return float((np.square(self.unit_sum).sum() - count) / (count * (count - 1)))

    @property
    def faults(self) -> list[str]:
        if not self.unusable:
            return []
        return [f"{len(self.unusable)} embeddings are zero or not finite, first {self.unusable[0]}"]


def _length_faults(seen: _Seen, metadata: FileMetadata) -> list[str]:
    """Of vectors that were made 1 long and not projected since."""
    if not metadata.extraction.l2 or metadata.projection_id is not None or not seen.norm_max:
        return []
    tolerance = INT8_TOLERANCE if metadata.dtype == "int8" else UNIT_TOLERANCE
    if max(1 - seen.norm_min, seen.norm_max - 1) <= tolerance:
        return []
    return [
        f"vectors of l2 must be 1 long within {tolerance}, got {seen.norm_min:.6f} to "
        f"{seen.norm_max:.6f}; materialise `embeddings/{metadata.product}` again"
    ]


def _collapse_faults(store: Store, seen: _Seen, metadata: FileMetadata) -> list[str]:
    allowed = _collapse_cosine(store, metadata.checkpoint_id)
    if seen.mean_cosine <= allowed:
        return []
    return [
        f"the embeddings are all but the same: their mean cosine is {seen.mean_cosine:.6f}, "
        f"allowed is {allowed}; use a better trained checkpoint"
    ]


def _collapse_cosine(store: Store, checkpoint_id: str) -> float:
    """What the cards of the checkpoint's family allow; all of a family say the same."""
    try:
        family = find_checkpoint(store, checkpoint_id).card["family"]
    except NotFoundError:  # deleted since
        return COLLAPSED_COSINE
    return max((card.collapse_cosine for card in cards_of(family)), default=COLLAPSED_COSINE)
