"""How the numbers of embeddings are stored: as float32, float16, or int8 with a scale a row."""

# N rows, W numbers in a row

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from clay_assets.errors import InvalidValueError, ProductError

ARROW = {"float32": pa.float32(), "float16": pa.float16(), "int8": pa.int8()}
"""Arrow's type of each of `products.DTYPES`."""
_STEPS = 127


def to_int8(
    vectors: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """Rows as whole steps of a scale of their own; symmetric, so that zero stays zero.

    The cosine with the row before is 0.9999 or more for numbers of one size, and above 0.999 where
    a few are ten times as large as all others.

    >>> to_int8(np.array([[1.27, -0.01, 0.0]], np.float32))[0].tolist()
    [[127, -1, 0]]

    Args:
        vectors: (N, W), finite.

    Returns:
        (N, W) from -127 to 127, and (N,) the step: the row's largest number over 127.
    """
    # For every float32 m, s = m / 127 is (127 * s) / 127 again, checked for all 2**23 fractions:
    # what was read from int8 is stored as the same int8.
    scale = np.abs(vectors).max(axis=1, initial=0) / np.float32(_STEPS)
    steps = np.divide(vectors, scale[:, None], out=np.zeros_like(vectors), where=scale[:, None] > 0)
    return np.rint(steps).astype(np.int8), scale


def from_int8(
    steps: npt.NDArray[np.int8], scale: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """(N, W) rows of which `to_int8` made steps and scales."""
    rows: npt.NDArray[np.float32] = steps.astype(np.float32) * scale[:, None]
    return rows


def to_float16(vectors: npt.NDArray[np.float32], names: Sequence[str]) -> npt.NDArray[np.float16]:
    """Rows in half the width.

    Raises:
        ProductError: a number is too large.
    """
    with np.errstate(over="ignore"):
        half = vectors.astype(np.float16)
    if not (fits := np.isfinite(half).all(axis=1)).all():
        row = int(np.argmin(fits))
        raise ProductError(
            f"the embedding of chip {names[row]} has the number {np.abs(vectors[row]).max():.6g}, "
            f"and float16 ends at {np.finfo(np.float16).max:.0f}; use dtype float32 or int8, or l2"
        )
    return half


def vectors_of(column: pa.ChunkedArray) -> npt.NDArray[np.float32]:
    """(N, W) of a column `embeddings`, be it tensors or lists of equal length.

    Raises:
        InvalidValueError: it holds int8 steps, which are nothing without their scales.
    """
    parts = [getattr(chunk, "storage", chunk) for chunk in column.chunks if len(chunk)]
    if not parts:
        return np.empty((0, 0), np.float32)
    if parts[0].flatten().type == pa.int8():
        raise InvalidValueError(
            "embeddings of int8 must be multiplied by their column scale, got the steps alone; "
            "read them by `read_rows`"
        )
    return _numbers(parts).astype(np.float32, copy=False)


def decoded(table: pa.Table) -> pa.Table:
    """The table with embeddings of float32, whichever it has; a column `scale` is used up."""
    index = table.schema.get_field_index("embeddings")
    if index < 0:
        return table
    column = table.column(index)
    kind = column.type
    is_tensor = isinstance(kind, pa.FixedShapeTensorType)
    if not is_tensor or kind.value_type == pa.float32():
        return table
    if kind.value_type == pa.int8():
        parts = [chunk.storage for chunk in column.chunks]
        vectors = from_int8(_numbers(parts).astype(np.int8, copy=False), table["scale"].to_numpy())
        table = table.drop_columns(["scale"])
    else:
        vectors = vectors_of(column)
    return table.set_column(
        table.schema.get_field_index("embeddings"), "embeddings", tensors(vectors, kind.shape)
    )


def tensors(rows: npt.NDArray[np.generic], shape: Sequence[int]) -> pa.ExtensionArray:
    """(N, W) rows as Arrow tensors of a shape with W numbers."""
    flat = pa.array(np.ascontiguousarray(rows).ravel())
    kind = pa.fixed_shape_tensor(flat.type, list(shape))
    storage = pa.FixedSizeListArray.from_arrays(flat, int(np.prod(shape)))
    return pa.ExtensionArray.from_storage(kind, storage)


def _numbers(parts: Sequence[pa.Array]) -> npt.NDArray[np.generic]:
    return np.concatenate([part.flatten().to_numpy().reshape(len(part), -1) for part in parts])
