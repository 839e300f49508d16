import numpy as np
import pytest

from clay_assets.embeddings.known import KnownVectors
from clay_assets.embeddings.unfinished import Unfinished
from clay_assets_tests.embeddings.conftest import make_chip, row_of

ROWS = [row_of(make_chip(number, size=2), "") for number in range(6)]
VECTORS = np.arange(18, dtype=np.float32).reshape(6, 3)


def unfinished(store, recipe="abc", tile="32VKM"):
    return Unfinished(store, "clay", tile, recipe)


def test_vectors_are_gathered_from_memory_and_files_in_the_order_asked(store, monkeypatch):
    monkeypatch.setattr("clay_assets.embeddings.file._BATCH_BYTES", 24)  # row groups of two
    known = KnownVectors(3)
    known.add_vectors(ROWS[4:], VECTORS[4:])
    known.add_file(store, unfinished(store).write(ROWS[:4], VECTORS[:4]))
    order = [5, 0, 3, 4, 1]
    assert np.array_equal(known.gather([ROWS[number] for number in order]), VECTORS[order])


def test_a_chip_is_known_by_its_content_too():
    known = KnownVectors(3)
    known.add_vectors(ROWS[:1], VECTORS[:1])
    assert ROWS[0] in known
    assert ROWS[1] not in known
    assert row_of(make_chip(0, size=2, seed=1), "") not in known


def test_what_is_not_known_is_an_error():
    with pytest.raises(KeyError, match="0000"):
        KnownVectors(3).gather(ROWS[:1])


def test_parts_are_those_of_the_tile_and_recipe(store):
    key = unfinished(store).write(ROWS[:2], VECTORS[:2])
    unfinished(store, recipe="abcd").write(ROWS[:2], VECTORS[:2])
    unfinished(store, tile="29RKH").write(ROWS[:2], VECTORS[:2])
    assert unfinished(store).parts() == [key]
    assert unfinished(store, recipe="other").parts() == []


def test_clearing_leaves_other_tiles_alone(store):
    unfinished(store, recipe="old").write(ROWS[:2], VECTORS[:2])
    kept = unfinished(store, tile="29RKH").write(ROWS[:2], VECTORS[:2])
    unfinished(store).clear()
    assert [file.key for file in store.files()] == [kept]
