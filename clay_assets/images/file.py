"""The file of an image set's vectors: Parquet, one a product and set, a row a picture."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from clay_assets.embeddings.dtypes import ARROW, decoded
from clay_assets.embeddings.extraction import Extraction
from clay_assets.embeddings.file import columns_to_decode, read_own_metadata
from clay_assets.store import Store

FOLDER = "image_embeddings"


@dataclass(frozen=True)
class ImageFileMetadata:
    """How a file was made; kept in it as JSON under `METADATA_KEY`."""

    product: str
    """Name of the product."""
    image_set: str
    """Name of the set."""
    location: str
    """Where its pictures lay."""
    checkpoint_id: str
    """Content id of the weights."""
    extraction: Extraction
    """What was taken from the encoder."""
    precision: str
    """One of `settings.PRECISIONS`."""
    dtype: str
    """Kind of the stored numbers."""
    shape: tuple[int, ...]
    """Of one picture's embedding."""
    size_px: int
    """Side that pictures were resized to."""
    projection_id: str | None
    """Content id of the projection that was applied; None for none."""
    recipe: str
    """Fingerprint of all that decides a picture's embedding besides the picture."""
    inputs: str
    """Fingerprint of all that the file was made from; empty where that must be looked at again."""
    data_version: str
    """Fingerprint of its rows and of the pictures that failed."""
    failed: int
    """Pictures that could not be read; they are in the table of failures."""
    outputs: dict[str, str]
    """Name -> key of the files beside it."""
    run_id: str
    """Run that wrote it."""
    package_version: str
    """Version of this package."""

    def to_json(self) -> str:
        """Itself as JSON text."""
        return json.dumps(asdict(self) | {"extraction": self.extraction.to_json()})

    @classmethod
    def from_json(cls, text: str | bytes) -> "ImageFileMetadata":
        """What `to_json` wrote.

        Raises:
            TypeError: a key is unknown or missing.
            ProductError: the extraction is of another version of this package.
        """
        values: dict[str, Any] = json.loads(text)
        values["extraction"] = Extraction.from_json(values.get("extraction", {}))
        values["shape"] = tuple(values.get("shape", ()))
        return cls(**values)


def set_key(product: str, image_set: str, ending: str = ".parquet") -> str:
    """Where a file of an image set lies in the store.

    >>> set_key("vit", "birds"), set_key("vit", "birds", "_knn.png")
    ('image_embeddings/vit/birds.parquet', 'image_embeddings/vit/birds_knn.png')
    """
    return f"{FOLDER}/{product}/{image_set}{ending}"


def image_schema(shape: tuple[int, ...], dtype: str = "float32") -> pa.Schema:
    """Columns of a file with embeddings of that shape.

    Embeddings of int8 are multiplied by their row's `scale`.
    """
    fields = [
        ("filename", pa.string()),
        ("embeddings", pa.fixed_shape_tensor(ARROW[dtype], shape)),
        ("image_hash", pa.string()),
        ("width_px", pa.int32()),
        ("height_px", pa.int32()),
        ("lon", pa.float64()),
        ("lat", pa.float64()),
        ("read_as", pa.string()),
        ("etag", pa.string()),
    ]
    return pa.schema(fields + [("scale", pa.float32())] * (dtype == "int8"))


def read_image_metadata(store: Store, key: str) -> ImageFileMetadata:
    """How a file was made.

    Raises:
        NotFoundError: there is no such file, or not one that this package wrote.
    """
    return read_own_metadata(store, key, ImageFileMetadata.from_json, again="its image set")


def read_image_rows(
    store: Store, key: str, columns: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """The rows of a file, or some columns of them, a row group at a time; vectors as float32.

    Raises:
        NotFoundError: there is no such file.
    """
    with store.open(key) as file:
        parquet = pq.ParquetFile(file)
        for group in range(parquet.num_row_groups):
            yield decoded(
                parquet.read_row_group(group, columns=columns_to_decode(parquet, columns))
            )
