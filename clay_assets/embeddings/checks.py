"""Whether the embeddings of a tile can be searched: complete, finite, and not all the same."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from clay_assets.chips import read_manifest
from clay_assets.embeddings.file import read_metadata, read_rows, vectors_of
from clay_assets.embeddings.listing import find_file
from clay_assets.store import Store

COLLAPSED_COSINE = 0.9999
"""Chips that are so alike on average cannot be told apart."""


@dataclass(frozen=True)
class CheckReport:
    """What was found."""

    chips: int
    """Chips of the manifest."""
    rows: int
    """Embeddings of the file."""
    norm_min: float
    """Length of the shortest embedding."""
    norm_max: float
    """Length of the longest embedding."""
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
    seen = _Seen()
    for table in read_rows(store, key, ["chip_id", "chip_hash", "embeddings"]):
        names = zip(table["chip_id"].to_pylist(), table["chip_hash"].to_pylist(), strict=True)
        seen.add(list(names), vectors_of(table["embeddings"]))
    faults = [f"{key}: {text}" for text in seen.faults]
    if seen.rows != len(listed) or seen.chips != listed:
        version = read_metadata(store, key).chips_data_version
        faults.append(
            f"{key} has {seen.rows} embeddings, {len(seen.chips & listed)} of them of the tile's "
            f"{len(listed)} chips; it was made from chips {version}, now there are "
            f"{manifest.meta['data_version']}: materialise `embeddings/{product}` of {tile} again"
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

    rows: int = 0
    chips: set[tuple[str, str]] = field(default_factory=set)
    norm_min: float = np.inf
    norm_max: float = 0.0
    unusable: list[str] = field(default_factory=list)
    unit_sum: npt.NDArray[np.float64] | float = 0.0

    def add(self, names: list[tuple[str, str]], vectors: npt.NDArray[np.float32]) -> None:
        self.rows += len(names)
        self.chips |= set(names)
        norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
        usable = np.isfinite(norms) & (norms > 0)
        self.unusable += [names[row][0] for row in np.flatnonzero(~usable)]
        if usable.any():
            self.norm_min = min(self.norm_min, float(norms[usable].min()))
            self.norm_max = max(self.norm_max, float(norms[usable].max()))
            self.unit_sum = self.unit_sum + (vectors[usable] / norms[usable, None]).sum(axis=0)

    @property
    def mean_cosine(self) -> float:
        """From the sum of unit vectors: its square counts each pair twice and each row once."""
        count = self.rows - len(self.unusable)
        if count < 2:
            return 0.0
        return float((np.square(self.unit_sum).sum() - count) / (count * (count - 1)))

    @property
    def faults(self) -> list[str]:
        found = []
        if self.unusable:
            found.append(
                f"{len(self.unusable)} embeddings are zero or not finite, first {self.unusable[0]}"
            )
        if self.mean_cosine > COLLAPSED_COSINE:
            found.append(
                f"the embeddings are all but the same: their mean cosine is {self.mean_cosine:.6f},"
                f" allowed is {COLLAPSED_COSINE}; use a better trained checkpoint"
            )
        return found
