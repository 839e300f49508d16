"""The files beside an embedding file: STAC item, and CSV, numpy and patch rows if declared.

They come and go with the embedding file they belong to. The STAC item is written last and says what
it and the others were made from, so it tells whether there is anything to do.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt

from clay_assets.embeddings.dtypes import vectors_of
from clay_assets.embeddings.file import FileMetadata, read_metadata, read_rows
from clay_assets.embeddings.outputs import csv_target
from clay_assets.embeddings.outputs.csv_file import write_csv
from clay_assets.embeddings.outputs.numpy_file import write_numpy
from clay_assets.embeddings.outputs.patch_rows import write_patch_rows
from clay_assets.embeddings.outputs.stac_item import item_json
from clay_assets.embeddings.products import Product
from clay_assets.errors import NotFoundError
from clay_assets.provenance import fingerprint
from clay_assets.store import Store

CODE_VERSION = "1"
"""Raised when the same embeddings would give other files."""
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
    beside = _keys_beside(key)
    beside["csv"] = csv_target.csv_key(product, tile_of_key(key)) or beside["csv"]
    wanted = {"stac", *product.outputs, *(["ids"] if "numpy" in product.outputs else [])}
    return {name: beside[name] for name in beside if name in wanted}


def write_outputs(store: Store, product: Product, key: str) -> dict[str, str]:
    """Bring the files beside an embedding file up to date; when they are, nothing is written.

    Files that the product does not declare any more are deleted, and so are those beside embedding
    files that this one took the place of.

    Args:
        store: with the embedding file.
        product: that it is of.
        key: of the embedding file.

    Returns:
        Name -> key of each file, as `output_keys`.

    Raises:
        NotFoundError: there is no such embedding file.
        ProductError: the CSV's key belongs to something else.
        ChipError: patch rows are declared, and the tile's chips have changed since.
    """
    metadata = read_metadata(store, key)
    keys = output_keys(product, key)
    made_from = fingerprint(CODE_VERSION, metadata.to_json(), keys)
    noted = _item(store, key).get("properties", {}).get("clay_assets:made_from")
    if noted == made_from and all(store.exists(own) for own in keys.values()):
        return keys
    _write(store, product, key, keys, metadata)
    _delete_beside(store, product, [key, *metadata.replaces], keep=keys)
    store.write_bytes(keys["stac"], item_json(store, key, metadata, keys, made_from))
    return keys


def remove_outputs(store: Store, product: Product, keys: Sequence[str]) -> None:
    """Delete the files beside some embedding files, which are gone or about to go."""
    _delete_beside(store, product, keys, keep={})


def tile_of_key(key: str) -> str:
    """The tile an embedding file is of, from its name.

    >>> tile_of_key("embeddings/clay/32VKM_20230612_20240103_v001.gpq")
    '32VKM'
    """
    return PurePosixPath(key).name.split("_")[0]


def vector_parts(
    store: Store, key: str, names: str = "chip_id"
) -> Iterator[tuple[list[str], npt.NDArray[np.float32]]]:
    """A column of names and the (n, width) vectors of an embedding file, part by part."""
    for table in read_rows(store, key, [names, "embeddings"]):
        yield table[names].to_pylist(), vectors_of(table["embeddings"])


def named_parts(store: Store, key: str) -> Iterator[tuple[list[str], npt.NDArray[np.float32]]]:
    """The same with the names of the chips' files, as the CSV has them."""
    for urls, vectors in vector_parts(store, key, "source_url"):
        yield [PurePosixPath(url).name for url in urls], vectors


def count_rows(store: Store, key: str) -> int:
    """Rows of an embedding file."""
    return sum(len(table) for table in read_rows(store, key, ["chip_id"]))


def _write(
    store: Store, product: Product, key: str, keys: dict[str, str], metadata: FileMetadata
) -> None:
    tile = tile_of_key(key)
    if "csv" in keys:
        csv_target.claim(store, keys["csv"], product.name, tile)
        write_csv(store, keys["csv"], metadata.shape[-1], named_parts(store, key))
    if "numpy" in keys:
        shape = (count_rows(store, key), *metadata.shape)
        write_numpy(store, keys["numpy"], keys["ids"], shape, vector_parts(store, key))
    if "patches" in keys:
        write_patch_rows(store, keys["patches"], key, tile)


def _keys_beside(key: str) -> dict[str, str]:
    """Every file that may lie beside an embedding file, whatever the product declares."""
    stem = key.removesuffix(SUFFIX)
    return {
        "stac": f"{stem}.json",
        "csv": f"{stem}.csv",
        "numpy": f"{stem}.npy",
        "ids": f"{stem}_ids.txt",
        "patches": f"{stem}_patches{SUFFIX}",
    }


def _delete_beside(
    store: Store, product: Product, keys: Sequence[str], *, keep: dict[str, str]
) -> None:
    for key in keys:
        beside = _keys_beside(key)
        # The product may have had another template when the item was written.
        noted = _item(store, key).get("properties", {}).get("clay_assets:csv", beside["csv"])
        for csv in {beside.pop("csv"), noted, csv_target.csv_key(product, tile_of_key(key))}:
            if csv is not None and csv not in keep.values():
                csv_target.release(store, csv, product.name, tile_of_key(key))
        store.delete([other for other in beside.values() if other not in keep.values()])


def _item(store: Store, key: str) -> dict[str, Any]:
    """The STAC item of an embedding file as it is; empty when there is none that can be read."""
    try:
        content = json.loads(store.read_bytes(_keys_beside(key)["stac"]))
    except (NotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
