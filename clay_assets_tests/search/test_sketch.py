"""Sketches: which rows they propose, and how many of them are needed."""

import numpy as np
import pyarrow as pa
import pytest

from clay_assets.search.hits import unit_vectors
from clay_assets.search.sketch import differing_bits, nearest_sketches, sketch_words
from clay_assets.search.sketch_recall import draw_queries, find_truth, needed_reranks

COUNT, WIDTH = 40_000, 130
TILES = ["32VKM", "32VLM", "32VMM", "32VNM"]


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    rng = np.random.default_rng(0)
    return unit_vectors(rng.normal(size=(COUNT, 20)) @ rng.normal(size=(20, WIDTH)))


@pytest.fixture(scope="module")
def centre(vectors: np.ndarray) -> np.ndarray:
    return np.median(vectors, axis=0)


def bits_apart(vectors: np.ndarray, centre: np.ndarray, row: np.ndarray) -> np.ndarray:
    return ((vectors > centre) != (row > centre)).sum(axis=1)


def test_differing_bits_are_counted(vectors: np.ndarray, centre: np.ndarray) -> None:
    words = sketch_words(vectors, centre)
    assert words.shape == (3, COUNT)
    counted = differing_bits(words, words[:, 7])
    assert np.array_equal(counted, bits_apart(vectors, centre, vectors[7]))


@pytest.mark.parametrize("most", [1, 700, 39_999, COUNT, COUNT + 1])
@pytest.mark.parametrize("examples", [1, 3])
@pytest.mark.parametrize("is_filtered", [False, True])
def test_the_nearest_sketches_are_proposed(
    vectors: np.ndarray, centre: np.ndarray, most: int, examples: int, is_filtered: bool
) -> None:
    words = sketch_words(vectors, centre)
    places = np.arange(COUNT, dtype=np.uint32)[:: 3 if is_filtered else 1]
    apart = np.min([bits_apart(vectors[places], centre, row) for row in vectors[:examples]], axis=0)
    found, differing = nearest_sketches(
        words, words[:, :examples], most, places if is_filtered else None
    )
    last = np.sort(apart)[: min(most, len(places))][-1]
    assert set(found) == set(places[apart <= last])
    assert np.array_equal(differing, apart[np.searchsorted(places, found)])


def rows(vectors: np.ndarray) -> pa.Table:
    lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), WIDTH)
    numbers = range(len(vectors))
    return pa.table(
        {
            "id": [f"chip_{number}" for number in numbers],
            "mgrs": [TILES[number % 4] for number in numbers],
            "embedding": lists,
        }
    )


def test_so_many_are_proposed_that_the_true_neighbours_are_among_them(
    vectors: np.ndarray, centre: np.ndarray
) -> None:
    few = vectors[:9_000]
    table = rows(few)
    queries = draw_queries(table.slice(0, 40), TILES)
    assert queries.is_hard.sum() == 20
    truth = find_truth(queries, (table.slice(at, 4_000) for at in range(0, 9_000, 4_000)), centre)
    for number in range(40):
        scores = few @ few[number]
        scores[number] = -np.inf
        allowed = queries.allowed[number, np.arange(9_000) % 4]
        if number % 2:
            assert not allowed[number]
        scores[~allowed] = -np.inf
        best = np.argsort(-scores)[:1_000]
        assert truth.scores[number] == pytest.approx(scores[best], abs=1e-6)
        apart = bits_apart(few, centre, few[number])
        others = apart[allowed & (np.arange(9_000) != number)]
        ranks = [(others <= bits).sum() for bits in apart[best]]
        assert np.abs(np.sort(truth.ranks[number]) - np.sort(ranks)).max() == 0
    by_kind = {(one.is_hard, one.k): one for one in needed_reranks(queries, truth)}
    for (is_hard, k), needed in by_kind.items():
        ranks = truth.ranks[queries.is_hard == is_hard, :k]
        assert 0.99 <= needed.recall <= (ranks <= needed.rows).mean()
        assert needed.first <= needed.rows
    assert by_kind[False, 100].rows > by_kind[False, 10].rows
    assert by_kind[True, 10].rows >= by_kind[False, 10].rows


def test_what_cannot_be_measured_is_left_out(vectors: np.ndarray, centre: np.ndarray) -> None:
    table = rows(vectors[:600])
    table = table.set_column(1, "mgrs", pa.array(["32VKM"] * 600))
    queries = draw_queries(table.slice(0, 10), ["32VKM"])
    reranks = needed_reranks(queries, find_truth(queries, [table], centre))
    assert {(one.k, one.is_hard) for one in reranks} == {(k, False) for k in (10, 30, 100, 1_000)}
    assert needed_reranks(queries, find_truth(queries, [table], None)) == ()
