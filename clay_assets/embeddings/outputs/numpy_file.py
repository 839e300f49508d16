"""Vectors as a numpy array on disk, with the ids of its rows beside it."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from clay_assets.store import Store


def write_numpy(
    store: Store,
    key: str,
    ids_key: str,
    shape: tuple[int, ...],
    parts: Iterable[tuple[Sequence[str], npt.NDArray[np.float32]]],
) -> None:
    """Write a `.npy` of float32 that `numpy.load(path, mmap_mode="r")` maps, and its ids.

    The ids are a UTF-8 text file, one a line in the order of the rows, and appear first: an array
    is never without them. Memory holds one part at a time.

    Args:
        store: where to write.
        key: of the array.
        ids_key: of the ids.
        shape: (N, ...) of the array.
        parts: ids of n rows and their (n, width) vectors, part by part.
    """
    with store.writing(key) as path, path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        with store.writing(ids_key) as ids_path, ids_path.open("w", encoding="utf-8") as ids:
            for names, vectors in parts:
                ids.writelines(f"{name}\n" for name in names)
                file.write(np.ascontiguousarray(vectors, dtype="<f4").data)
