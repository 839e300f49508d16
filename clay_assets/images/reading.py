"""Reading the vectors of an image set, for whoever compares them."""

import numpy as np
import numpy.typing as npt

from clay_assets.embeddings.dtypes import vectors_of
from clay_assets.errors import NotFoundError, ProductError
from clay_assets.images.file import read_image_metadata, read_image_rows, set_key
from clay_assets.store import Store


def read_vectors(
    store: Store, product: str, image_set: str
) -> tuple[list[str], npt.NDArray[np.float32]]:
    """File names and vectors of an image set, sorted by file name.

    Args:
        store: with the set's embeddings.
        product: name of the product.
        image_set: name of the set.

    Returns:
        N names relative to the set's location, and (N, D) float32, however they are stored.

    Raises:
        NotFoundError: the set has no embeddings of that product.
        ProductError: the product gives many vectors a picture.
    """
    key = set_key(product, image_set)
    try:
        metadata = read_image_metadata(store, key)
    except NotFoundError as error:
        if store.exists(key):
            raise
        raise NotFoundError(
            f"image set {image_set} has no embeddings of product {product} ({store.url(key)} does "
            f"not exist); materialise `image_embeddings/{product}` of this set"
        ) from error
    if len(metadata.shape) != 1:
        shape = " x ".join(str(side) for side in metadata.shape)
        raise ProductError(
            f"product {product} gives {shape} numbers a picture, and one vector is needed; use "
            "level mean, cls or chip"
        )
    names: list[str] = []
    parts = [np.empty((0, metadata.shape[0]), np.float32)]
    for table in read_image_rows(store, key, ["filename", "embeddings"]):
        names += table["filename"].to_pylist()
        parts.append(vectors_of(table["embeddings"]))
    return names, np.concatenate(parts)
