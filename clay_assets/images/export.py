"""Vectors of an image set in another format, to a folder of this machine or into a file."""

from pathlib import Path

from clay_assets.embeddings.export import ENDINGS, check_free, goes_to_one_file
from clay_assets.embeddings.outputs.csv_file import write_csv
from clay_assets.embeddings.outputs.numpy_file import write_numpy
from clay_assets.errors import InvalidValueError
from clay_assets.images.reading import read_vectors
from clay_assets.store import Store

FORMATS = ("csv", "numpy")


def export_set(
    store: Store, product: str, image_set: str, format_: str, to: Path, *, overwrite: bool = False
) -> Path:
    """Write the vectors of an image set, though their product does not declare the format.

    Args:
        store: with the vectors.
        product: name of the product.
        image_set: name of the set.
        format_: one of `FORMATS`.
        to: a folder, for a file named after the set; or a file with the format's ending.
        overwrite: whether a file that is there may be replaced.

    Returns:
        What was written.

    Raises:
        NotFoundError: the set has no embeddings of that product.
        ProductError: the product has many vectors a picture.
        InvalidValueError: pictures do not go into this format, or a file is there already.
    """
    if format_ not in FORMATS:
        raise InvalidValueError(
            f"the vectors of pictures go into {' or '.join(FORMATS)}, not into {format_}, which "
            "needs places on the ground"
        )
    is_file = goes_to_one_file(to, format_)
    target = Store(str(to.parent if is_file else to), store.cache)
    name = to.name if is_file else f"{image_set}{ENDINGS[format_]}"
    check_free(target, [name], overwrite)
    names, vectors = read_vectors(store, product, image_set)
    if format_ == "csv":
        write_csv(target, name, vectors.shape[1], [(names, vectors)])
    else:
        ids = f"{name.removesuffix('.npy')}_ids.txt"
        write_numpy(target, name, ids, vectors.shape, [(names, vectors)])
    return Path(target.url(name))
