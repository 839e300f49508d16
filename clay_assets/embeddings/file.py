"""The embedding file: GeoParquet, one a product and tile, a row a chip."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from clay_assets.embeddings.dtypes import ARROW, decoded
from clay_assets.embeddings.extraction import Extraction
from clay_assets.errors import NotFoundError, ProductError
from clay_assets.store import Store

Parsed = TypeVar("Parsed")
METADATA_KEY = "clay_assets"
BOUNDS = ("xmin", "ymin", "xmax", "ymax")
"""Fields of the column `bbox`, degrees."""
_BATCH_BYTES = 16 << 20


@dataclass(frozen=True)
class Drift:
    """How far the embeddings of a tile are from those of the file they took the place of."""

    is_same_way: bool
    """Whether checkpoint, extraction, platform and projection are the same: so should vectors."""
    previous_checkpoint_id: str
    """Checkpoint of the file before."""
    chips: int
    """Chips in both files with the same content; all figures are of these."""
    mean_cosine: float
    """Mean cosine of the two vectors of a chip."""
    worst_cosine: float
    """The lowest."""
    worst_chip_id: str
    """The chip that has it."""
    neighbours_kept: float | None
    """Mean share, 0 to 1, of a chip's nearest chips that still are; None with too few chips, or
    with many vectors a chip."""


@dataclass(frozen=True)
class FileMetadata:
    """How a file was made; kept in it as JSON under `METADATA_KEY`."""

    product: str
    """Name of the product."""
    checkpoint_id: str
    """Content id of the weights."""
    level: str
    """One of `extraction.LEVELS`."""
    precision: str
    """One of `settings.PRECISIONS`."""
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
    extraction: Extraction = field(default_factory=Extraction)
    """What was taken from the encoder."""
    platform: str | None = None
    """Sensor that a Clay v1 network was told; None where it told it by the bands."""
    dtype: str = "float32"
    """Kind of the stored numbers."""
    projection_id: str | None = None
    """Content id of the projection that was applied; None for none."""
    drift: Drift | None = None
    """How far it is from the file it took the place of; None where they do not compare."""

    @property
    def how(self) -> str:
        """What it is of, for a person: `mean, fp32`, or `chip (last_k 4, pooling cls), fp32`."""
        taken = {k: v for k, v in self.extraction.to_json().items() if k != "level"}
        if self.platform is not None:
            taken["platform"] = self.platform
        if self.projection_id is not None:
            taken["projection"] = self.projection_id
        listed = ", ".join(f"{name} {value}" for name, value in taken.items())
        kind = [] if self.dtype == "float32" else [f"stored as {self.dtype}"]
        level = f"{self.level} ({listed})" if listed else self.level
        return ", ".join([level, self.precision, *kind])

    def to_json(self) -> str:
        """Itself as JSON text."""
        return json.dumps(asdict(self) | {"extraction": self.extraction.to_json()})

    @classmethod
    def from_json(cls, text: str | bytes) -> "FileMetadata":
        """What `to_json` wrote, now or before there were extractions.

        Raises:
            TypeError: a key is unknown or missing.
            ProductError: the extraction is of another version of this package.
        """
        values: dict[str, Any] = json.loads(text)
        values |= {name: tuple(values[name]) for name in ("shape", "replaces")}
        extraction = values.get("extraction", {"level": values["level"]})
        values["extraction"] = Extraction.from_json(extraction)
        if values.get("drift") is not None:
            values["drift"] = Drift(**values["drift"])
        return cls(**values)


def file_schema(shape: tuple[int, ...], dtype: str = "float32") -> pa.Schema:
    """Columns of a file with embeddings of that shape; the first four are those of Clay.

    Embeddings of int8 are multiplied by their row's `scale`.
    """
    fields = [
        ("source_url", pa.string()),
        ("date", pa.date32()),
        ("embeddings", pa.fixed_shape_tensor(ARROW[dtype], shape)),
        ("geometry", pa.binary()),
        ("chip_id", pa.string()),
        ("mgrs", pa.string()),
        ("chip_hash", pa.string()),
        ("bbox", pa.struct([(side, pa.float64()) for side in BOUNDS])),
        ("cloud_share", pa.float32()),
        ("nodata_share", pa.float32()),
    ]
    return pa.schema(fields + [("scale", pa.float32())] * (dtype == "int8"))


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
    return read_own_metadata(store, key, FileMetadata.from_json, again="its tile")


def read_own_metadata(
    store: Store, key: str, parse: Callable[[bytes], Parsed], *, again: str
) -> Parsed:
    """What a Parquet file of this package says of itself.

    Args:
        store: where it lies.
        key: of the file.
        parse: makes it of the JSON text.
        again: what to materialise where it says nothing, for errors.

    Raises:
        NotFoundError: there is no such file, or not one that this package wrote.
    """
    try:
        with store.open(key) as file:
            metadata = pq.read_metadata(file).metadata or {}
        return parse(metadata[METADATA_KEY.encode()])
    except (pa.ArrowInvalid, KeyError, TypeError, ProductError) as error:
        raise NotFoundError(
            f"{store.url(key)} does not say how it was made: it is damaged, or its metadata "
            f"{METADATA_KEY!r} is missing or that of another version of this package; materialise "
            f"{again} again"
        ) from error


def read_rows(store: Store, key: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The rows of a file, or some columns of them, a row group's worth at a time.

    Embeddings come as float32, whichever way they are stored. Files that Clay's own code wrote are
    read too; they lack the columns after `geometry`.

    Raises:
        NotFoundError: there is no such file.
    """
    with store.open(key) as file:
        parquet = pq.ParquetFile(file)
        for batch in parquet.iter_batches(
            rows_at_once(_width(parquet)), columns=columns_to_decode(parquet, columns)
        ):
            yield decoded(pa.Table.from_batches([batch]))


def columns_to_decode(parquet: pq.ParquetFile, columns: Sequence[str] | None) -> list[str] | None:
    """The columns, with the scales that int8 embeddings need."""
    if columns is None:
        return None
    has_scale = "embeddings" in columns and "scale" in parquet.schema_arrow.names
    return [*columns, *(["scale"] if has_scale else [])]


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
