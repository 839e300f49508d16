"""Stored numbers: what is lost, what is not, and that storing again changes nothing."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clay_assets.embeddings.dtypes import (
    decoded,
    from_int8,
    tensors,
    to_float16,
    to_int8,
    vectors_of,
)
from clay_assets.errors import InvalidValueError, ProductError

NUMBERS = st.floats(-(2.0**100), 2.0**100, width=32, allow_subnormal=False)
SIZES = st.floats(2.0**-100, 2.0**100, width=32)  # float32 has fewer digits nearer to zero
ROWS = arrays(np.float32, (3, 5), elements=SIZES | SIZES.map(lambda size: -size) | st.just(0.0))


def like_embeddings(count=500, width=768):
    """As networks give them: a few dimensions far larger than all others."""
    vectors = np.random.default_rng(0).normal(size=(count, width)).astype("float32")
    vectors[:, :3] += (12, -9, 6)
    return vectors


def cosines(vectors, others):
    norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(others, axis=1)
    return (vectors.astype("float64") * others).sum(axis=1) / norms


def test_int8_keeps_the_direction():
    vectors = like_embeddings()
    lost = 1 - cosines(vectors, from_int8(*to_int8(vectors)))
    assert 1e-4 < lost.mean() < 5e-4  # outliers cost steps
    assert lost.max() < 1e-3
    plain = vectors[:, 3:]
    assert (1 - cosines(plain, from_int8(*to_int8(plain)))).max() < 1e-4


def test_float16_keeps_the_direction():
    vectors = like_embeddings()
    assert (1 - cosines(vectors, to_float16(vectors, []).astype("float32"))).max() < 1e-6


@given(ROWS)
@settings(max_examples=300)
def test_int8_is_off_by_half_a_step_at_most(rows):
    steps, scale = to_int8(rows)
    assert (scale >= np.abs(rows).max(axis=1) / 127 * (1 - 1e-6)).all()
    assert (np.abs(from_int8(steps, scale) - rows) <= scale[:, None] * 0.50001).all()
    assert (np.sign(steps) * np.sign(rows) >= 0).all()


@given(ROWS)
def test_storing_again_what_was_read_from_int8_changes_nothing(rows):
    steps, scale = to_int8(rows)
    again, same_scale = to_int8(from_int8(steps, scale))
    assert np.array_equal(again, steps)
    assert np.array_equal(same_scale, scale)


def test_zeros_stay_zeros():
    steps, scale = to_int8(np.zeros((2, 4), np.float32))
    assert (steps == 0).all()
    assert (from_int8(steps, scale) == 0).all()


def test_a_number_beyond_float16_is_named():
    vectors = np.array([[1, 2], [3, -70_000]], np.float32)
    message = "chip second has the number 70000, and float16 ends at 65504; use dtype float32"
    with pytest.raises(ProductError, match=message):
        to_float16(vectors, ["first", "second"])


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8"])
def test_a_table_is_decoded_to_float32_whichever_it_has(dtype):
    vectors = like_embeddings(4, 12)
    columns = {"chip_id": ["a", "b", "c", "d"]}
    if dtype == "int8":
        steps, scale = to_int8(vectors)
        columns |= {"embeddings": tensors(steps, (2, 2, 3)), "scale": scale}
        wanted = from_int8(steps, scale)
    else:
        wanted = vectors.astype(dtype).astype("float32")
        columns["embeddings"] = tensors(vectors.astype(dtype), (2, 2, 3))
    table = pa.table(columns)
    for part in (table, pa.concat_tables([table.slice(0, 1), table.slice(1)])):
        found = decoded(part)
        assert found.column_names == ["chip_id", "embeddings"]
        assert found["embeddings"].type == pa.fixed_shape_tensor(pa.float32(), (2, 2, 3))
        np.testing.assert_array_equal(vectors_of(found["embeddings"]), wanted)
    assert vectors_of(decoded(table.slice(2))["embeddings"]).tolist() == wanted[2:].tolist()
    assert decoded(table.select(["chip_id"])).column_names == ["chip_id"]


def test_steps_without_their_scale_are_refused():
    column = pa.chunked_array([tensors(np.ones((2, 3), np.int8), (3,))])
    with pytest.raises(InvalidValueError, match=r"multiplied by their column scale, .*read_rows"):
        vectors_of(column)
