"""Rows as PostgreSQL's binary COPY wants them, put together by Arrow and numpy, not row by row."""

from collections.abc import Sequence

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.compute as pc

_HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_EPOCH_DAYS = 10_957
"""Days from 1970, where Arrow's dates begin, to 2000, where PostgreSQL's do."""


def copy_rows(connection: psycopg.Connection, table: str, columns: dict[str, pa.Array]) -> None:
    """Append rows to a table.

    Args:
        connection: in a transaction.
        table: its quoted name.
        columns: name -> binary values as the `*_field` functions below make them.
    """
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN WITH (FORMAT BINARY)"
    with connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        copy.write(_HEAD)
        copy.write(_payload(list(columns.values())))
        copy.write(_END)


def text_field(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Texts or bytes, null where there is none."""
    return _whole(values).cast(pa.binary())


def number_field(values: np.ndarray, kind: str) -> pa.Array:
    """Numbers of a kind as numpy writes it: `i8` for bigint, `f4` for real, `f8` for double."""
    return _fixed(values.astype(f">{kind}")[:, None])


def share_field(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Float32, null where there is none."""
    whole = _whole(values)
    numbers = number_field(whole.fill_null(0).to_numpy(zero_copy_only=False), "f4")
    return pc.if_else(whole.is_valid(), numbers, None)


def date_field(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Dates of date32."""
    days = _whole(values).cast(pa.int32()).to_numpy(zero_copy_only=False)
    return number_field(days - _EPOCH_DAYS, "i4")


def bit_field(bits: np.ndarray) -> pa.Array:
    """Rows of (N, D) booleans as bit(D)."""
    return _fixed(np.packbits(bits, axis=1), head=np.array([bits.shape[1]], ">i4"))


def vector_field(vectors: np.ndarray, kind: str) -> pa.Array:
    """Rows of (N, D) float32 as pgvector's vector, kind `f4`, or halfvec, kind `f2`."""
    # pgvector's head of a vector: its length, and two bytes without a meaning
    return _fixed(vectors.astype(f">{kind}"), head=np.array([vectors.shape[1], 0], ">i2"))


def _fixed(rows: np.ndarray, head: np.ndarray | None = None) -> pa.Array:
    """Values of one length, all with the same head."""
    raw = np.ascontiguousarray(rows).view(np.uint8)
    if head is not None:
        heads = np.broadcast_to(head.view(np.uint8), (len(raw), head.nbytes))
        raw = np.concatenate([heads, raw], axis=1)
    kind = pa.binary(raw.shape[1])
    values = pa.FixedSizeBinaryArray.from_buffers(kind, len(raw), [None, pa.py_buffer(raw)])
    return values.cast(pa.binary())


def _payload(fields: Sequence[pa.Array]) -> memoryview:
    """Each row: how many fields, then for each its length in bytes (-1 for null) and its bytes."""
    count = _fixed(np.full((len(fields[0]), 1), len(fields), ">i2"))
    parts = [count]
    for field in fields:
        lengths = pc.binary_length(field).fill_null(-1).to_numpy(zero_copy_only=False)
        parts += [number_field(lengths, "i4"), field.fill_null(b"")]
    rows = pc.binary_join_element_wise(*parts, b"")
    # The values of a binary array lie in one piece, one after the other: just what is sent.
    _, offsets, values = rows.buffers()
    ends = np.frombuffer(offsets, np.int32, len(rows) + 1, offset=4 * rows.offset)
    return memoryview(values)[ends[0] : ends[-1]]


def _whole(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
