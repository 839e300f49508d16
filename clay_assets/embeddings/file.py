"""The embedding file: GeoParquet, one a product and tile, a row a chip."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from clay_assets.errors import NotFoundError
from clay_assets.store import Store

METADATA_KEY = "clay_assets"
BOUNDS = ("xmin", "ymin", "xmax", "ymax")
"""Fields of the column `bbox`, degrees."""
_BATCH_BYTES = 16 << 20


@dataclass(frozen=True)
class FileMetadata:
    """How a file was made; kept in it as JSON under `METADATA_KEY`."""

    product: str
    """Name of the product."""
    checkpoint_id: str
    """Content id of the weights."""
    level: str
    """`mean`, `patch` or `group`."""
    precision: str
    """`fp32` or `bf16`."""
    shape: tuple[int, ...]
    """Of one embedding, which is kept flat in C order."""
    recipe: str
    """Fingerprint of all that decides a chip's embedding besides the chip."""
    chips_data_version: str
    """Data version of the tile's chips."""
    inputs: str
    """Fingerprint of all that the file was made from."""
    data_version: str
    """Fingerprint of its rows."""
    replaces: tuple[str, ...]
    """Keys of files of the same tile, under other dates, that it took the place of."""
    run_id: str
    """Run that wrote it."""
    package_version: str
    """Version of this package."""

    def to_json(self) -> str:
        """Itself as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str | bytes) -> "FileMetadata":
        """What `to_json` wrote."""
        values: dict[str, Any] = json.loads(text)
        tuples = {name: tuple(values[name]) for name in ("shape", "replaces")}
        return cls(**values | tuples)


def file_schema(shape: tuple[int, ...]) -> pa.Schema:
    """Columns of a file with embeddings of that shape; the first four are those of Clay."""
    return pa.schema(
        [
            ("source_url", pa.string()),
            ("date", pa.date32()),
            ("embeddings", pa.fixed_shape_tensor(pa.float32(), shape)),
            ("geometry", pa.binary()),
            ("chip_id", pa.string()),
            ("mgrs", pa.string()),
            ("chip_hash", pa.string()),
            ("bbox", pa.struct([(side, pa.float64()) for side in BOUNDS])),
            ("cloud_share", pa.float32()),
            ("nodata_share", pa.float32()),
        ]
    )


def rows_at_once(width: int) -> int:
    """Rows of a row group: some 16 MiB of embeddings of `width` numbers, whatever their level.

    >>> rows_at_once(768), rows_at_once(6 * 16 * 16 * 768)
    (5461, 3)
    """
    return max(1, _BATCH_BYTES // (4 * width))


def read_metadata(store: Store, key: str) -> FileMetadata:
    """How a file was made.

    Raises:
        NotFoundError: there is no such file, or not one that this package wrote.
    """
    try:
        with store.open(key) as file:
            metadata = pq.read_metadata(file).metadata or {}
        return FileMetadata.from_json(metadata[METADATA_KEY.encode()])
    except (pa.ArrowInvalid, KeyError, TypeError) as error:
        raise NotFoundError(
            f"{store.url(key)} does not say how it was made: it is damaged, or its metadata "
            f"{METADATA_KEY!r} is missing or that of another version of this package; materialise "
            "its tile again"
        ) from error


def read_rows(store: Store, key: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a file, or some columns of them, a row group's worth at a time.

    Files that Clay's own code wrote are read too; they lack the columns after `geometry`.

    Raises:
        NotFoundError: there is no such file.
    """
    with store.open(key) as file:
        parquet = pq.ParquetFile(file)
        for batch in parquet.iter_batches(rows_at_once(_width(parquet)), columns=columns):
            yield pa.Table.from_batches([batch])


def vectors_of(column: pa.ChunkedArray) -> npt.NDArray[np.float32]:
    """(N, width) of a column `embeddings`, be it tensors or lists of equal length."""
    parts = [getattr(chunk, "storage", chunk) for chunk in column.chunks if len(chunk)]
    if not parts:
        return np.empty((0, 0), np.float32)
    return np.concatenate([part.flatten().to_numpy().reshape(len(part), -1) for part in parts])


def _width(parquet: pq.ParquetFile) -> int:
    """Numbers in an embedding, from the footer alone; 1 for a file without rows."""
    footer = parquet.metadata
    if not footer.num_rows:
        return 1
    group = footer.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    return sum(
        int(column.num_values) // int(group.num_rows)
        for column in columns
        if column.path_in_schema.startswith("embeddings.")
    )
