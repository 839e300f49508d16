"""The files beside an embedding file: STAC item, and CSV, numpy and patch rows if declared.

They come and go with the embedding file they belong to. The STAC item is written last and names the
others and the version they were made from, so it tells whether there is anything to do.
"""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from clay_assets.embeddings import csv_target
from clay_assets.embeddings.csv_file import write_csv
from clay_assets.embeddings.file import read_metadata, read_rows, vectors_of
from clay_assets.embeddings.numpy_file import write_numpy
from clay_assets.embeddings.products import Product
from clay_assets.store import Store

SUFFIX = ".gpq"


def check_targets(store: Store, product: Product, part: str) -> None:
    """Refuse, before anything is computed, to write over what belongs to others.

    Args:
        store: where to write.
        product: with the outputs it declares.
        part: MGRS tile id or name of an image set.

    Raises:
        ProductError: the CSV's key is taken by another product, or by a file of unknown origin.
    """
    key = csv_target.csv_key(product, part)
    if key is not None:
        csv_target.check_owner(store, key, product.name, part)


def output_keys(product: Product, key: str) -> dict[str, str]:
    """Name -> key of the files beside an embedding file, as the product declares them now.

    >>> output_keys(Product("clay", outputs=("csv",)), "embeddings/clay/32VKM_a_b_v001.gpq")
    {'stac': 'embeddings/clay/32VKM_a_b_v001.json', 'csv': 'embeddings/clay/32VKM_a_b_v001.csv'}
    """
    stem = key.removesuffix(SUFFIX)
    keys = {"stac": f"{stem}.json"}
    if "csv" in product.outputs:
        keys["csv"] = csv_target.csv_key(product, tile_of_key(key)) or f"{stem}.csv"
    if "numpy" in product.outputs:
        keys |= {"numpy": f"{stem}.npy", "numpy_ids": f"{stem}_ids.txt"}
    if "patches" in product.outputs:
        keys["patches"] = f"{stem}_patches{SUFFIX}"
    return keys


def write_outputs(store: Store, product: Product, key: str) -> dict[str, str]:
    """Bring the files beside an embedding file up to date; those that are stay untouched.

    Args:
        store: with the embedding file.
        product: that it is of.
        key: of the embedding file.

    Returns:
        Name -> key of each file, as `output_keys`.

    Raises:
        NotFoundError: there is no such embedding file.
        ProductError: the CSV's key belongs to something else.
    """
    metadata = read_metadata(store, key)
    keys = output_keys(product, key)
    if "csv" in keys:
        csv_target.claim(store, keys["csv"], product.name, tile_of_key(key))
        names = (
            ([_file_name(url) for url in urls], vectors)
            for urls, vectors in _parts(store, key, "source_url")
        )
        write_csv(store, keys["csv"], metadata.shape[-1], names)
    if "numpy" in keys:
        rows = _rows_of(store, key)
        parts = _parts(store, key, "chip_id")
        write_numpy(store, keys["numpy"], keys["numpy_ids"], (rows, *metadata.shape), parts)
    return keys


def remove_outputs(store: Store, product: Product, keys: Sequence[str]) -> None:
    """Delete the files beside some embedding files, which are gone or about to go."""
    for key in keys:
        outputs = output_keys(product, key)
        if "csv" in outputs:
            csv_target.release(store, outputs.pop("csv"), product.name, tile_of_key(key))
        store.delete(list(outputs.values()))


def tile_of_key(key: str) -> str:
    """The tile an embedding file is of, from its name.

    >>> tile_of_key("embeddings/clay/32VKM_20230612_20240103_v001.gpq")
    '32VKM'
    """
    return PurePosixPath(key).name.split("_")[0]


def _parts(
    store: Store, key: str, names: str
) -> Iterator[tuple[list[str], npt.NDArray[np.float32]]]:
    for table in read_rows(store, key, [names, "embeddings"]):
        yield table[names].to_pylist(), vectors_of(table["embeddings"])


def _rows_of(store: Store, key: str) -> int:
    return sum(len(table) for table in read_rows(store, key, ["chip_id"]))


def _file_name(url: str) -> str:
    return PurePosixPath(url).name
