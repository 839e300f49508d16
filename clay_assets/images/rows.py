"""The rows of an image set's file, and those that need not be computed again."""

# N rows, W numbers in a vector

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from clay_assets.embeddings.dtypes import decoded, tensors, to_float16, to_int8, vectors_of
from clay_assets.embeddings.file import columns_to_decode
from clay_assets.images.listing import ListedImage
from clay_assets.store import Store

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ImageRow:
    """What a row says besides the embedding."""

    filename: str
    """Path below the set's location."""
    image_hash: str
    """Fingerprint of the file's bytes."""
    width_px: int
    """Of the picture upright."""
    height_px: int
    """The same."""
    lon: float | None
    """Of its middle, degrees; None where it is not georeferenced."""
    lat: float | None
    """The same."""
    read_as: str
    """What was done to have red, green and blue of 8 bits upright."""
    etag: str
    """Of the file when it was read."""

    @property
    def identity(self) -> tuple[object, ...]:
        """JSON values that change with any of the row's values that matter."""
        return (self.filename, self.image_hash, self.lon, self.lat, self.read_as)


COLUMNS = tuple(field.name for field in fields(ImageRow))


@dataclass
class KnownImages:
    """Finds pictures that were embedded before; memory holds their rows, not their vectors."""

    width: int
    """W."""
    rows: dict[str, ImageRow] = field(default_factory=dict)
    """By file name."""
    _places: dict[str, tuple[int, int]] = field(default_factory=dict)
    _by_content: dict[str, ImageRow] = field(default_factory=dict)
    _blocks: list[Callable[[], Vectors]] = field(default_factory=list)

    def row_of(self, image: ListedImage) -> ImageRow | None:
        """The row of this very file; None when it is new or was written anew."""
        row = self.rows.get(image.filename)
        return row if row is not None and row.etag == image.etag else None

    def of_content(self, image_hash: str) -> ImageRow | None:
        """A row of the same bytes, under whatever name."""
        return self._by_content.get(image_hash)

    def add_rows(self, rows: Sequence[ImageRow], vectors: Vectors) -> None:
        """Add (N, W) vectors that stay in memory."""
        self._add(rows, lambda: vectors)

    def add_name(self, row: ImageRow) -> None:
        """Add a file whose content is known."""
        self.rows[row.filename] = row

    def add_file(self, store: Store, key: str) -> None:
        """Add all rows of a file, of a set or a part of one."""
        with store.open(key) as opened:
            file = pq.ParquetFile(opened)
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns=COLUMNS)
                rows = [ImageRow(**values) for values in table.to_pylist()]
                self._add(rows, partial(_read_row_group, store, key, group))

    def gather(self, rows: Sequence[ImageRow]) -> Vectors:
        """(N, W) vectors of known content, in the rows' order.

        Raises:
            KeyError: one is not known.
        """
        wanted: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for position, row in enumerate(rows):
            block, place = self._places[row.image_hash]
            wanted[block].append((position, place))
        vectors = np.empty((len(rows), self.width), np.float32)
        for block, places in wanted.items():
            positions, found = zip(*places, strict=True)
            vectors[list(positions)] = self._blocks[block]()[list(found)]
        return vectors

    def _add(self, rows: Sequence[ImageRow], read: Callable[[], Vectors]) -> None:
        block = len(self._blocks)
        self._blocks.append(read)
        for place, row in enumerate(rows):
            self.rows[row.filename] = row
            self._by_content[row.image_hash] = row
            self._places[row.image_hash] = (block, place)


def stored_numbers(
    rows: Sequence[ImageRow], vectors: Vectors, dtype: str
) -> dict[str, npt.NDArray[Any]]:
    """The columns of numbers as they are stored.

    Raises:
        ProductError: a number is too large for float16.
    """
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    if dtype == "int8":
        steps, scale = to_int8(vectors)
        return {"embeddings": steps, "scale": scale}
    if dtype == "float16":
        return {"embeddings": to_float16(vectors, [row.filename for row in rows])}
    return {"embeddings": vectors}


def image_table(
    rows: Sequence[ImageRow], stored: dict[str, npt.NDArray[Any]], schema: pa.Schema
) -> pa.Table:
    """Rows with their numbers."""
    facts = [asdict(row) for row in rows]
    columns = {name: [values[name] for values in facts] for name in COLUMNS}
    numbers = {**stored, "embeddings": tensors(stored["embeddings"], _shape(schema))}
    return pa.table(columns | numbers, schema=schema)


def _shape(schema: pa.Schema) -> Sequence[int]:
    shape: Sequence[int] = schema.field("embeddings").type.shape
    return shape


def _read_row_group(store: Store, key: str, group: int) -> Vectors:
    with store.open(key) as opened:
        file = pq.ParquetFile(opened)
        table = file.read_row_group(group, columns=columns_to_decode(file, ["embeddings"]))
    return vectors_of(decoded(table)["embeddings"])
