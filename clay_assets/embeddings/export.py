"""Embeddings of a product in another format, to a folder of this machine or into one file."""

import json
import posixpath
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from clay_assets.embeddings.file import FileMetadata, read_metadata
from clay_assets.embeddings.listing import EmbeddingFile
from clay_assets.embeddings.outputs.csv_file import write_csv
from clay_assets.embeddings.outputs.numpy_file import write_numpy
from clay_assets.embeddings.outputs.patch_rows import write_patch_rows
from clay_assets.embeddings.outputs.stac_collection import collection_key
from clay_assets.embeddings.outputs.write import count_rows, named_parts, vector_parts
from clay_assets.errors import InvalidValueError, NotFoundError
from clay_assets.store import Store

ENDINGS = {"csv": ".csv", "numpy": ".npy", "patches": "_patches.gpq", "stac": ".json"}
"""Format -> ending of its files."""


def export(
    store: Store, files: Sequence[EmbeddingFile], format_: str, to: Path, *, overwrite: bool = False
) -> list[Path]:
    """Write embedding files in another format, though their product does not declare it.

    Args:
        store: with the files.
        files: of one product, at least one.
        format_: one of `ENDINGS`.
        to: a folder for one file a tile; or for csv and numpy a file with that ending, for all.
        overwrite: whether files that are there may be replaced.

    Returns:
        What was written.

    Raises:
        InvalidValueError: unknown format, or one that does not suit the product's level; or a file
            is there already.
        NotFoundError: the STAC items were not written yet.
    """
    if format_ not in ENDINGS:
        raise InvalidValueError(f"format must be one of {', '.join(ENDINGS)}, got {format_!r}")
    described = [read_metadata(store, file.key) for file in files]
    _check_level(files[0], described[0], format_)
    is_one_file = goes_to_one_file(to, format_)
    if is_one_file:
        _check_alike(files, described)
    target = Store(str(to.parent if is_one_file else to), store.cache)
    parts = [files] if is_one_file else [[file] for file in files]
    names = [to.name] if is_one_file else [_name(file, format_) for file in files]
    check_free(target, names if format_ != "stac" else [*names, "collection.json"], overwrite)
    for part, name, metadata in zip(parts, names, described[: len(parts)], strict=True):
        _WRITERS[format_](store, part, metadata, target, name)
    if format_ == "stac":
        _export_collection(store, files, target)
        names.append("collection.json")
    return [Path(target.url(name)) for name in names]


def goes_to_one_file(to: Path, format_: str) -> bool:
    """Whether a path is that of one file for everything, and not a folder.

    >>> goes_to_one_file(Path("all.csv"), "csv"), goes_to_one_file(Path("out"), "csv")
    (True, False)

    Raises:
        InvalidValueError: it is a file's name, but not of this format.
    """
    if format_ in ("csv", "numpy") and to.suffix == ENDINGS[format_]:
        return True
    if to.suffix in (".csv", ".npy", ".json", ".gpq", ".parquet"):
        allowed = f" or a {ENDINGS[format_]} file" if format_ in ("csv", "numpy") else ""
        raise InvalidValueError(f"--to must be a folder{allowed} for format {format_}, got {to}")
    return False


def check_free(target: Store, names: Sequence[str], overwrite: bool) -> None:
    """Refuse to write over files.

    Raises:
        InvalidValueError: one is there, and may not be replaced.
    """
    for name in names:
        if not overwrite and target.exists(name):
            raise InvalidValueError(
                f"{target.url(name)} exists; export to another place, or pass --overwrite"
            )


Writer = Callable[[Store, Sequence[EmbeddingFile], FileMetadata, Store, str], None]


def _export_csv(
    store: Store, files: Sequence[EmbeddingFile], metadata: FileMetadata, to: Store, name: str
) -> None:
    rows = chain.from_iterable(named_parts(store, file.key) for file in files)
    write_csv(to, name, metadata.shape[-1], rows)


def _export_numpy(
    store: Store, files: Sequence[EmbeddingFile], metadata: FileMetadata, to: Store, name: str
) -> None:
    count = sum(count_rows(store, file.key) for file in files)
    ids = f"{name.removesuffix('.npy')}_ids.txt"
    write_numpy(to, name, ids, (count, *metadata.shape), _all_parts(store, files))


def _export_patches(
    store: Store, files: Sequence[EmbeddingFile], _: FileMetadata, to: Store, name: str
) -> None:
    for file in files:
        write_patch_rows(store, name, file.key, file.tile, to=to)


def _export_item(
    store: Store, files: Sequence[EmbeddingFile], _: FileMetadata, to: Store, name: str
) -> None:
    """The item as it lies in the store; what it points to stays there."""
    for file in files:
        key = _item_key(file)
        item = json.loads(_read(store, key))
        own = {"root", "parent", "collection"}
        for link in item["links"]:
            if link["rel"] not in own:
                link["href"] = _absolute(store, key, link["href"])
        for asset in item["assets"].values():
            asset["href"] = _absolute(store, key, asset["href"])
        to.write_bytes(name, json.dumps(item, indent=1).encode())


def _export_collection(store: Store, files: Sequence[EmbeddingFile], to: Store) -> None:
    """The collection with the exported items alone; its extent stays that of all."""
    key = collection_key(files[0].product)
    collection = json.loads(_read(store, key))
    names = {posixpath.basename(_item_key(file)) for file in files}
    kept = []
    for link in collection["links"]:
        if link["rel"] == "item" and posixpath.basename(link["href"]) not in names:
            continue
        if link["rel"] not in ("root", "item"):
            link["href"] = _absolute(store, key, link["href"])
        kept.append(link)
    to.write_bytes("collection.json", json.dumps(collection | {"links": kept}, indent=1).encode())


_WRITERS: dict[str, Writer] = {
    "csv": _export_csv,
    "numpy": _export_numpy,
    "patches": _export_patches,
    "stac": _export_item,
}


def _all_parts(
    store: Store, files: Sequence[EmbeddingFile]
) -> Iterator[tuple[list[str], npt.NDArray[np.float32]]]:
    return chain.from_iterable(vector_parts(store, file.key) for file in files)


def _check_level(file: EmbeddingFile, metadata: FileMetadata, format_: str) -> None:
    is_one_vector = len(metadata.shape) == 1
    reason = {
        "csv": None if is_one_vector else "has a vector a row, and there are many a chip",
        "patches": "has a row a patch, and there is one vector a chip" if is_one_vector else None,
    }.get(format_)
    if reason is not None:
        raise InvalidValueError(
            f"format {format_} {reason}: product {file.product} has level {metadata.level}; "
            f"use {'numpy or patches' if format_ == 'csv' else 'csv or numpy'}"
        )


def _check_alike(files: Sequence[EmbeddingFile], described: Sequence[FileMetadata]) -> None:
    for file, metadata in zip(files, described, strict=True):
        if metadata.recipe != described[0].recipe:
            raise InvalidValueError(
                f"{file.key} was not made as {files[0].key} was, so their vectors do not go into "
                "one file; export to a folder, or materialise both tiles again"
            )


def _name(file: EmbeddingFile, format_: str) -> str:
    return posixpath.basename(file.key).removesuffix(".gpq") + ENDINGS[format_]


def _item_key(file: EmbeddingFile) -> str:
    return f"{file.key.removesuffix('.gpq')}.json"


def _read(store: Store, key: str) -> bytes:
    try:
        return store.read_bytes(key)
    except NotFoundError as error:
        product = key.split("/")[1]
        raise NotFoundError(
            f"{store.url(key)} does not exist: the embeddings were made by an older version of "
            f"this package; materialise `embeddings/{product}` again, nothing is computed anew"
        ) from error


def _absolute(store: Store, key: str, href: str) -> str:
    """Full path or URL of what an item of the store points to."""
    if "://" in href or href.startswith("/"):
        return href
    url = store.url(posixpath.normpath(posixpath.join(posixpath.dirname(key), href)))
    return url if "://" in url else str(Path(url).absolute())
