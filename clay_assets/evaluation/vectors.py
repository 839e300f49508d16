"""The vectors of a product that can be evaluated, read only when they are asked for."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from clay_assets.embeddings.dtypes import vectors_of
from clay_assets.embeddings.file import read_metadata, read_rows
from clay_assets.embeddings.listing import EmbeddingFile, files_of
from clay_assets.errors import InvalidValueError
from clay_assets.evaluation.labels import Names
from clay_assets.evaluation.metrics import Classes, Vectors
from clay_assets.images.file import read_image_metadata, set_key
from clay_assets.images.reading import read_vectors
from clay_assets.store import Store


@dataclass(frozen=True)
class ProductVectors:
    """One vector a row, of one product."""

    product: str
    """Its name."""
    names: Names
    """What labels are found by, row by row."""
    gather: Callable[[Classes], Vectors]
    """Gives the (n, D) vectors of ascending row numbers."""
    stored_bytes: int
    """Size of the files they come from."""
    version: str
    """Changes when a vector does."""

    @property
    def rows(self) -> Sequence[str]:
        """A name for each row."""
        return self.names["filename"]


def chip_vectors(
    store: Store, product: str, tiles: Collection[str] | None = None
) -> ProductVectors:
    """The vectors of chips, of some tiles or of all.

    Raises:
        NotFoundError: there are no embeddings, or none of one of the tiles.
        InvalidValueError: the product has many vectors a chip, or its files do not compare.
    """
    files = files_of(store, product, tiles)
    described = [read_metadata(store, file.key) for file in files]
    if len(described[0].shape) != 1:
        raise InvalidValueError(
            f"product {product} has many vectors a chip (level {described[0].level}); an "
            "evaluation needs one, of level mean, cls or chip"
        )
    for file, metadata in zip(files, described, strict=True):
        if metadata.recipe != described[0].recipe:
            raise InvalidValueError(
                f"{file.key} was not made as {files[0].key} was, so their vectors do not compare; "
                f"materialise `embeddings/{product}` of both tiles again"
            )
    ids: list[str] = []
    urls: list[str] = []
    for file in files:
        for table in read_rows(store, file.key, ["chip_id", "source_url"]):
            ids += table["chip_id"].to_pylist()
            urls += table["source_url"].to_pylist()
    return ProductVectors(
        product=product,
        names={"filename": [PurePosixPath(url).name for url in urls], "chip_id": ids},
        gather=lambda rows: _gather(store, files, rows),
        stored_bytes=sum(file.size for file in files),
        version=",".join(metadata.data_version for metadata in described),
    )


def image_vectors(store: Store, product: str, image_set: str) -> ProductVectors:
    """The vectors of an image set, which are read at once.

    Raises:
        NotFoundError: the set has no embeddings of that product.
        ProductError: the product has many vectors a picture.
    """
    filenames, vectors = read_vectors(store, product, image_set)
    key = set_key(product, image_set)
    return ProductVectors(
        product=product,
        names={"filename": filenames},
        gather=lambda rows: vectors[rows],
        stored_bytes=store.stat(key).size,
        version=read_image_metadata(store, key).data_version,
    )


def _gather(store: Store, files: Sequence[EmbeddingFile], rows: Classes) -> Vectors:
    """Some rows of files laid end to end; memory holds a part and what is wanted."""
    parts, start = [], 0
    for file in files:
        for table in read_rows(store, file.key, ["embeddings"]):
            own = rows[np.searchsorted(rows, start) : np.searchsorted(rows, start + len(table))]
            if len(own):
                parts.append(vectors_of(table["embeddings"])[own - start])
            start += len(table)
    return np.concatenate(parts)
