"""The embedding files that are indexed, and their rows as an index keeps them.

Embeddings with one vector a chip are indexed, whatever it was taken from, and those with one a
patch. All of a product must come from one recipe, else they cannot be compared: the newest file
says which; files of another are left out and named.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
import shapely

from clay_assets.embeddings.dtypes import vectors_of
from clay_assets.embeddings.file import METADATA_KEY, FileMetadata, read_rows
from clay_assets.embeddings.listing import EmbeddingFile, list_files, one_of_tile
from clay_assets.embeddings.patch_ids import patch_id
from clay_assets.errors import InvalidValueError, ProductError, SearchError
from clay_assets.mgrs import tile_box
from clay_assets.provenance import fingerprint
from clay_assets.search.filters import unwrapped_bounds
from clay_assets.search.footers import Footer, read_footers
from clay_assets.search.hits import ROW_SCHEMA, embedding_of, unit_vectors
from clay_assets.store import Store

BOUNDS = ("west", "south", "east", "north")
"""Columns of a row's bounding box in degrees, unwrapped at the antimeridian."""
_COLUMNS = ("chip_id", "date", "cloud_share", "source_url", "geometry")


@dataclass(frozen=True)
class SourceFile:
    """One embedding file: the chips of one tile in one product, or their patches."""

    key: str
    """Where it lies in the store."""
    product: str
    """Embedding product."""
    tile: str
    """MGRS tile."""
    checkpoint_id: str
    """Checkpoint the embeddings come from."""
    recipe: str
    """Embeddings of different recipes cannot be compared."""
    level: str
    """One of `extraction.LEVELS`."""
    grid: tuple[int, int] | None
    """Rows and columns of a chip's patches; None where a chip has one vector."""
    width: int
    """Numbers in a vector."""
    rows: int
    """Chips, or their patches."""
    data_version: str
    """Fingerprint of its rows."""

    @property
    def version(self) -> str:
        """Changes with anything that an index takes from the file."""
        return fingerprint(self.checkpoint_id, self.recipe, self.width, self.data_version)


@dataclass(frozen=True)
class Sources:
    """What there is to index."""

    files: tuple[SourceFile, ...]
    """By product and tile."""
    left_out: tuple[str, ...]
    """Files that are not indexed, each with the reason."""


class SourceListing:
    """The embedding files of a product, or of all, as they were when it was made.

    A run over many tiles makes one and asks it tile by tile: files are listed once, and only the
    footers that matter are read.
    """

    def __init__(self, store: Store, product: str | None = None) -> None:
        """List the files; none is opened yet."""
        self._store = store
        self._newest_first = sorted(list_files(store, product), key=_age, reverse=True)
        self._described: dict[str, SourceFile | str] = {}
        self._newest_of: dict[str, SourceFile] = {}

    def sources(self) -> Sources:
        """All that there is to index."""
        self._describe(self._newest_first)
        files: list[SourceFile] = []
        left_out: list[str] = []
        for found in self._described.values():
            reason = self._why_not(found)
            if isinstance(found, SourceFile) and reason is None:
                files.append(found)
            else:
                left_out.append(str(reason))
        files.sort(key=lambda file: (file.product, file.tile))
        return Sources(tuple(files), tuple(sorted(left_out)))

    def find(self, product: str, tile: str) -> SourceFile:
        """The file to index of one tile.

        Raises:
            NotFoundError: the tile has no embeddings of the product.
            SearchError: they cannot be searched, or not together with the product's newest.
        """
        own = one_of_tile(self._store, self._of(product), product, tile)
        found = self._describe_one(own)
        reason = self._why_not(found)
        if reason is not None or not isinstance(found, SourceFile):
            raise SearchError(str(reason))
        return found

    def _of(self, product: str) -> Iterator[EmbeddingFile]:
        return (file for file in self._newest_first if file.product == product)

    def _describe(self, files: Sequence[EmbeddingFile]) -> None:
        """Read what is not known yet of some files; those that are gone stay unknown."""
        new = [file for file in files if file.key not in self._described]
        footers = read_footers(self._store, new)
        self._described |= {
            file.key: _described(file, footers[file.key]) for file in new if file.key in footers
        }

    def _describe_one(self, file: EmbeddingFile) -> SourceFile | str:
        self._describe([file])
        return self._described.get(file.key, f"{file.key}: was taken away meanwhile; run again")

    def _why_not(self, found: SourceFile | str) -> str | None:
        """Why a file is not indexed; None if it is."""
        if isinstance(found, str):
            return found
        if found.level == "group":
            return f"{found.key}: level group; only one vector a chip, or level patch, is searched"
        newest = self._newest(found.product)
        if found.recipe == newest.recipe:
            return None
        return (
            f"{found.key}: made by checkpoint {found.checkpoint_id} (recipe {found.recipe}), the "
            f"newest of {found.product} by {newest.checkpoint_id} (recipe {newest.recipe}); "
            f"materialise embeddings/{found.product} of tile {found.tile} again"
        )

    def _newest(self, product: str) -> SourceFile:
        """The newest file of a product that says what it is; whoever asks has found one."""
        if product not in self._newest_of:
            told = (self._describe_one(file) for file in self._of(product))
            self._newest_of[product] = next(file for file in told if isinstance(file, SourceFile))
        return self._newest_of[product]


def find_sources(store: Store, product: str | None = None) -> Sources:
    """What there is to index, of one product or of all."""
    return SourceListing(store, product).sources()


def find_source(store: Store, product: str, tile: str) -> SourceFile:
    """The file to index of one tile; for many tiles, ask one `SourceListing`.

    Raises:
        NotFoundError: the tile has no embeddings of the product.
        SearchError: they cannot be searched, or not together with the product's newest.
    """
    return SourceListing(store, product).find(product, tile)


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


def _age(file: EmbeddingFile) -> tuple[datetime, str]:
    return file.modified, file.key


def _described(file: EmbeddingFile, footer: Footer) -> SourceFile | str:
    """What a file's own metadata says of it, or why it cannot be told."""
    if footer.rows < 0:
        return f"{file.key}: is no Parquet file, or a damaged one"
    if footer.metadata is None:
        return f"{file.key}: was not written by this package, it has no metadata {METADATA_KEY!r}"
    try:
        meta = FileMetadata.from_json(footer.metadata)
    except (KeyError, TypeError, ProductError) as error:
        return f"{file.key}: its metadata {METADATA_KEY!r} are of another version ({error})"
    grid = (meta.shape[0], meta.shape[1]) if meta.level == "patch" else None
    return SourceFile(
        key=file.key,
        product=file.product,
        tile=file.tile,
        checkpoint_id=meta.checkpoint_id,
        recipe=meta.recipe,
        level=meta.level,
        grid=grid,
        width=meta.shape[-1],
        rows=footer.rows * (grid[0] * grid[1] if grid else 1),
        data_version=meta.data_version,
    )


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
