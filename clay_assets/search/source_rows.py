"""The rows of an embedding file as an index keeps them: its chips, or their patches."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import shapely

from clay_assets.embeddings.dtypes import vectors_of
from clay_assets.embeddings.file import read_rows
from clay_assets.embeddings.patch_ids import patch_id
from clay_assets.errors import InvalidValueError, SearchError
from clay_assets.mgrs import tile_box
from clay_assets.search.filters import unwrapped_bounds
from clay_assets.search.hits import ROW_SCHEMA, embedding_of, unit_vectors
from clay_assets.search.source import SourceFile
from clay_assets.store import Store

BOUNDS = ("west", "south", "east", "north")
"""Columns of a row's bounding box in degrees, unwrapped at the antimeridian."""
_COLUMNS = ("chip_id", "date", "cloud_share", "source_url", "geometry")


def read_source(store: Store, file: SourceFile) -> Iterator[pa.Table]:
    """The rows of a file, some thousand at a time: its chips, or their patches.

    Yields:
        Columns of `hits.ROW_SCHEMA` and `BOUNDS`, and `embedding`, unit vectors of float32.

    Raises:
        SearchError: an embedding is not finite or has no length, or a chip is no box of its tile's
            UTM zone, so that its patches have no place.
    """
    for chips in read_rows(store, file.key, [*_COLUMNS, "embeddings"]):
        yield _rows(chips, file)


def sample_vectors(
    store: Store, files: Sequence[SourceFile], most: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """About `most` unit vectors, drawn from up to 64 of the files."""
    chosen = rng.permutation(len(files))[:64]
    share = most / sum(files[number].rows for number in chosen)
    for number in chosen:
        for table in read_source(store, files[number]):
            vectors = embedding_of(table)
            yield vectors[rng.random(len(vectors)) < share]


def _rows(chips: pa.Table, file: SourceFile) -> pa.Table:
    """The rows of some chips of a file, as an index keeps them."""
    vectors = unit_vectors(vectors_of(chips["embeddings"]).reshape(-1, file.width))
    ids, footprints = chips["chip_id"].to_pylist(), shapely.from_wkb(chips["geometry"].to_numpy())
    chip_of_row = np.arange(len(chips))
    if file.grid is not None:
        chip_of_row = np.repeat(chip_of_row, file.grid[0] * file.grid[1])
        ids, footprints = _patches(ids, footprints, file)
    bad = ~np.isfinite(vectors).all(axis=1)
    if bad.any():
        raise SearchError(
            f"{file.key}: the embedding of {_kind(file)} {ids[int(np.argmax(bad))]} is all zeros "
            f"or not finite; materialise embeddings/{file.product} of tile {file.tile} again"
        )
    cloud_share = pa.array(chips["cloud_share"].to_numpy(), pa.float32(), from_pandas=True)
    columns = {
        "id": ids,
        "mgrs": pa.DictionaryArray.from_arrays(
            pa.array(np.zeros(len(ids), np.int8)), [file.tile]
        ).cast(pa.string()),
        "date": chips["date"].take(pa.array(chip_of_row)),
        "cloud_share": cloud_share.take(pa.array(chip_of_row)),
        "source_url": chips["source_url"].take(pa.array(chip_of_row)),
        "geometry": shapely.to_wkb(footprints),
    }
    rows = pa.table({name: columns[name] for name in ROW_SCHEMA.names}, schema=ROW_SCHEMA)
    for name, values in zip(BOUNDS, unwrapped_bounds(footprints).T, strict=True):
        rows = rows.append_column(name, pa.array(values))
    flat = pa.array(vectors.ravel(), pa.float32())
    return rows.append_column("embedding", pa.FixedSizeListArray.from_arrays(flat, file.width))


def _kind(file: SourceFile) -> str:
    return "chip" if file.grid is None else "patch"


def _patches(
    chip_ids: Sequence[str], footprints: np.ndarray, file: SourceFile
) -> tuple[list[str], np.ndarray]:
    """Ids and footprints of the patches of some chips, in the order of their embeddings."""
    # Only here: with it come the libraries that read imagery.
    from clay_assets.ingest.footprint import box_of_footprint, cell_footprints_wgs84

    rows, columns = file.grid or (1, 1)
    epsg = tile_box(file.tile).epsg
    ids, cells = [], [np.empty(0, dtype=object)]
    for chip_id, footprint in zip(chip_ids, footprints, strict=True):
        try:
            box = box_of_footprint(footprint, epsg)
        except InvalidValueError as error:
            raise SearchError(
                f"{file.key}: patches of chip {chip_id} have no place: {error}"
            ) from error
        cells.append(cell_footprints_wgs84(box, epsg, rows=rows, columns=columns))
        ids += [
            patch_id(chip_id, None, row, column) for row in range(rows) for column in range(columns)
        ]
    return ids, np.concatenate(cells)
