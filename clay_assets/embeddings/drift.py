"""Drift: how far new embeddings of the same chips are from those before."""

# N chips, W numbers in an embedding, K nearest chips

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from clay_assets.embeddings.dtypes import vectors_of
from clay_assets.embeddings.file import Drift, FileMetadata, read_metadata, read_rows
from clay_assets.embeddings.listing import list_files
from clay_assets.embeddings.writing import EmbeddedChip, Gather
from clay_assets.errors import NotFoundError
from clay_assets.store import Store

SAME_COSINE = 0.999
"""The same way must give the same vectors: bf16 and int8 stay above this on real chips."""
NEIGHBOURS_KEPT = 0.5
"""A fine-tuned or re-trained network keeps most neighbours; below half the answers of the search
are mostly others than before."""
FEWEST_CHIPS = 20
"""With fewer chips, neighbours are mostly chance."""
_NEAREST = 10
_MOST_CHIPS = 1000
"""Neighbours are looked for among the first so many; all pairs of more cost too much."""

Vectors = npt.NDArray[np.float32]


def drift_of(
    store: Store,
    previous: Sequence[str],
    rows: Sequence[EmbeddedChip],
    gather: Gather,
    metadata: FileMetadata,
) -> Drift | None:
    """Compare a tile's new embeddings with those of the file that they will replace.

    To be called in `embed` when the vectors of all rows are known and before `write_file`: the
    new file may have the key of the old one. What it returns belongs into `metadata.drift` and into
    the report.

    Args:
        store: with the old files.
        previous: keys of the tile's files, oldest first, as `tile_keys` gives them.
        rows: of the new file.
        gather: asked for new vectors, as by `write_file`.
        metadata: of the new file.

    Returns:
        None where nothing can be compared: no file before, one of the same recipe, whose vectors
        are taken over as they are, one of another shape, or none of the same chips.
    """
    before = _before(store, previous)
    if before is None or before[1].recipe == metadata.recipe or before[1].shape != metadata.shape:
        return None
    names: list[str] = []
    cosines: list[npt.NDArray[np.float32]] = []
    kept: list[tuple[Vectors, Vectors]] = []
    for chip_ids, old, new in _pairs(store, before[0], rows, gather):
        units = _units(old), _units(new)
        cosines.append(np.einsum("nw,nw->n", *units))
        if len(names) < _MOST_CHIPS and metadata.extraction.is_one_vector:
            kept.append(units)
        names += chip_ids
    if not names:
        return None
    cosine = np.concatenate(cosines)
    worst = int(np.argmin(cosine))
    return Drift(
        is_same_way=_way(before[1]) == _way(metadata),
        previous_checkpoint_id=before[1].checkpoint_id,
        chips=len(names),
        mean_cosine=float(cosine.mean()),
        worst_cosine=float(cosine[worst]),
        worst_chip_id=names[worst],
        neighbours_kept=_neighbours_kept(kept),
    )


def find_drifts(store: Store, product: str, tiles: Collection[str]) -> dict[str, Drift]:
    """Drift that the files of some tiles say they have; those without any are left out."""
    found: dict[str, Drift] = {}
    for file in list_files(store, product):  # once: it lists the files of all tiles
        if file.tile in tiles and (described := _before(store, [file.key])) is not None:
            drift = described[1].drift
            if drift is not None:
                found[file.tile] = drift
    return found


def drift_faults(drift: Drift | None) -> tuple[str, ...]:
    """What a person should look at, one line each; empty when all is well."""
    if drift is None:
        return ()
    if drift.is_same_way and drift.worst_cosine < SAME_COSINE:
        return (
            f"checkpoint {drift.previous_checkpoint_id} gives chip {drift.worst_chip_id} another "
            f"vector than before: their cosine is {drift.worst_cosine:.6f}, allowed is "
            f"{SAME_COSINE} (mean of {drift.chips} chips {drift.mean_cosine:.6f}); compare "
            "precision, device and package version of the two runs",
        )
    kept = drift.neighbours_kept
    if not drift.is_same_way and kept is not None and kept < NEIGHBOURS_KEPT:
        return (
            f"of each chip's nearest chips only {kept:.2f} are the same as with checkpoint "
            f"{drift.previous_checkpoint_id}, expected is {NEIGHBOURS_KEPT} or more: searches will "
            "find other chips; evaluate the product again, or give the new way a product of its "
            "own",
        )
    return ()


def _before(store: Store, previous: Sequence[str]) -> tuple[str, FileMetadata] | None:
    """The newest file that says how it was made."""
    for key in reversed(previous):
        try:
            return key, read_metadata(store, key)
        except NotFoundError:
            continue
    return None


def _pairs(
    store: Store, key: str, rows: Sequence[EmbeddedChip], gather: Gather
) -> Iterator[tuple[list[str], Vectors, Vectors]]:
    """Ids of chips in both, their (N, W) vectors of before and of now, a part of the file each."""
    now = {(row.chip.chip_id, row.chip.content_hash): row.chip for row in rows}
    for table in read_rows(store, key, ["chip_id", "chip_hash", "embeddings"]):
        found = zip(table["chip_id"].to_pylist(), table["chip_hash"].to_pylist(), strict=True)
        shared = [(row, now[name]) for row, name in enumerate(found) if name in now]
        if shared:
            places, chips = zip(*shared, strict=True)
            old = vectors_of(table.take(pa.array(places))["embeddings"])
            yield [chip.chip_id for chip in chips], old, gather(chips)


def _units(vectors: Vectors) -> Vectors:
    """Of length 1; zero stays zero."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    units: Vectors = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    return units


def _way(metadata: FileMetadata) -> tuple[object, ...]:
    return (
        metadata.checkpoint_id,
        metadata.extraction,
        metadata.platform,
        metadata.projection_id,
    )


def _neighbours_kept(parts: Sequence[tuple[Vectors, Vectors]]) -> float | None:
    count = sum(len(old) for old, _ in parts)
    if count < FEWEST_CHIPS:
        return None
    old, new = (_nearest(np.concatenate(side)[:_MOST_CHIPS]) for side in zip(*parts, strict=True))
    return float(
        np.mean([len(np.intersect1d(*pair)) / _NEAREST for pair in zip(old, new, strict=True)])
    )


def _nearest(units: Vectors) -> npt.NDArray[np.intp]:
    """(N, K) of each chip's nearest others."""
    similarity = units @ units.T
    np.fill_diagonal(similarity, -np.inf)
    return np.argpartition(-similarity, _NEAREST, axis=1)[:, :_NEAREST]
