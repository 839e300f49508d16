"""The vectors that are analysed: rows of a product's embedding files, streamed in bounded memory.

A row is a chip, or a patch of one where the product's level is patch, as in the search.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from clay_assets.errors import NotFoundError
from clay_assets.progress import track
from clay_assets.provenance import fingerprint
from clay_assets.search.hits import embedding_of
from clay_assets.search.source import SourceFile, find_sources
from clay_assets.search.source_rows import read_source
from clay_assets.store import Store

Vectors = npt.NDArray[np.float32]

SAMPLE_BYTES = 64 << 20
"""Most that a sample of vectors takes, whatever their width."""
SHOWN = 3
"""Names that a message lists."""
KEPT = ["id", "mgrs", "date", "cloud_share", "source_url", "geometry"]
"""Columns that an analysis keeps of its rows."""
_MAD_TO_DEVIATION = 1.4826
"""Of normal numbers, deviation over median absolute deviation."""
_LEAST_DEVIATION = 1e-6


@dataclass(frozen=True)
class Sample:
    """Rows drawn at random."""

    ids: npt.NDArray[np.object_]
    """(N,) of the rows."""
    vectors: Vectors
    """(N, D) of length 1."""


def files_of(
    store: Store, product: str, tiles: Collection[str] | None = None
) -> tuple[SourceFile, ...]:
    """The files of a product, by tile; of some tiles or of all.

    Raises:
        NotFoundError: there is none, or none of one of the tiles.
    """
    sources = find_sources(store, product)
    files = tuple(file for file in sources.files if tiles is None or file.tile in tiles)
    missing = sorted({*(tiles or ())} - {file.tile for file in files})
    if missing or not files:
        what = f"tile {', '.join(missing[:SHOWN])} has" if missing else "there are"
        why = f" ({'; '.join(sources.left_out[:SHOWN])})" if sources.left_out else ""
        raise NotFoundError(
            f"{what} no embeddings of product {product!r} that can be compared{why}; materialise "
            f"`embeddings/{product}`"
        )
    return files


def version_of(files: Sequence[SourceFile]) -> str:
    """Changes with anything that is read from the files."""
    return fingerprint([[file.tile, file.version] for file in files])


def batches(store: Store, files: Sequence[SourceFile], step: str) -> Iterator[pa.Table]:
    """All rows, some thousand at a time.

    Args:
        store: where the files are.
        files: of one product.
        step: what is being done, for those who listen to progress.

    Yields:
        Columns id, mgrs, date, cloud_share, source_url, geometry (WKB) and embedding (unit).
    """
    for file in track(files, step, len(files)):
        yield from read_source(store, file)


def sample_rows(store: Store, files: Sequence[SourceFile], most: int, *, seed: int) -> Sample:
    """About `most` rows, fewer where vectors are wide; all of them when there are no more."""
    width, count = files[0].width, sum(file.rows for file in files)
    most = max(1, min(most, SAMPLE_BYTES // (4 * width)))
    rng, share = np.random.default_rng(seed), most / max(1, count)
    ids, vectors = [], []
    for rows in batches(store, files, "Drawing a sample"):
        chosen = np.flatnonzero(rng.random(len(rows)) < share)
        ids.append(rows["id"].to_numpy()[chosen])
        vectors.append(embedding_of(rows)[chosen])
    return Sample(np.concatenate(ids), np.concatenate(vectors))


def named_rows(store: Store, files: Sequence[SourceFile], ids: Sequence[str]) -> pa.Table:
    """The rows of some ids, in the order of the ids; files after the last one are not read.

    Raises:
        NotFoundError: there is no such row.
    """
    wanted, found, left = pa.array(ids, pa.string()), [], len(ids)
    for rows in batches(store, files, "Reading labelled rows"):
        own = rows.filter(pc.is_in(rows["id"], value_set=wanted))
        if len(own):
            found.append(own)
            left -= len(own)
        if not left:
            break
    table = pa.concat_tables(found) if found else None
    known = {id_: row for row, id_ in enumerate(table["id"].to_pylist())} if table else {}
    missing = [id_ for id_ in ids if id_ not in known]
    if missing:
        raise NotFoundError(
            f"product {files[0].product!r} has no row {', '.join(map(repr, missing[:SHOWN]))}"
            f"{' and others' if len(missing) > SHOWN else ''} among its "
            f"{sum(file.rows for file in files)}; take the ids from the search or the map"
        )
    assert table is not None
    return table.take([known[id_] for id_ in ids])


def robust_z(
    values: npt.NDArray[np.float64], *, among: npt.NDArray[np.float64] | None = None
) -> npt.NDArray[np.float64]:
    """Deviations above the median, by the median absolute deviation; of `among` where given.

    >>> robust_z(np.array([1.0, 2.0, 3.0, 30.0])).round(1).tolist()
    [-1.0, -0.3, 0.3, 18.5]
    """
    if not len(values):
        return values
    every = values if among is None else among
    middle = np.median(every)
    deviation = _MAD_TO_DEVIATION * np.median(np.abs(every - middle))
    scores: npt.NDArray[np.float64] = (values - middle) / max(deviation, _LEAST_DEVIATION)
    return scores
