"""Vectors as CSV: a line a chip or picture, its file name first, as the SimCLR note has it."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from clay_assets.store import Store

DECIMALS = 15

Parts = Iterable[tuple[Sequence[str], npt.NDArray[np.float32]]]
"""Names of n rows and their (n, D) vectors, part by part."""


def write_csv(store: Store, key: str, width: int, parts: Parts) -> int:
    """Write `filename,x1..xD`: UTF-8, every field in quotes, 15 decimals.

    Memory holds one part at a time; the file appears whole or not at all.

    Args:
        store: where to write.
        key: of the file.
        width: D, numbers in a vector.
        parts: the rows in order.

    Returns:
        How many rows there are, without the header.

    Source:
        The SimCLR embeddings note, `reference/vectorgeo_and_simclr.md` 2.3.
    """
    header = ["filename", *(f"x{number}" for number in range(1, width + 1))]
    line = '"%s",' + ",".join([f'"%.{DECIMALS}f"'] * width) + "\n"
    rows = 0
    with store.writing(key) as path, path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(f'"{name}"' for name in header) + "\n")
        for names, vectors in parts:
            file.writelines(
                line % (name.replace('"', '""'), *vector)
                for name, vector in zip(names, vectors.tolist(), strict=True)
            )
            rows += len(names)
    return rows
