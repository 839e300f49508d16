"""Rows in files: written as they come, found by place or id, chosen by score."""

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from clay_assets.errors import SearchError
from clay_assets.search.best_rows import best_places
from clay_assets.search.hits import ROW_SCHEMA, Examples, embedding_of, score, unit_vectors
from clay_assets.search.row_files import open_row_files, writing_row_files
from clay_assets.search.sketch import sketch_words

COUNT, WIDTH = 20_000, 6
PARTS = ((0, 3), (3, 12_000), (12_000, COUNT))


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return unit_vectors(np.random.default_rng(0).normal(size=(COUNT, WIDTH)))


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return [tmp_path / name for name in ("v.npy", "w.npy", "r.arrow", "i.npy")]


def rows_of(vectors: np.ndarray, start: int, end: int) -> pa.Table:
    count = end - start
    columns = {
        "id": [f"chip_{number}" for number in range(start, end)],
        "mgrs": ["32VKM"] * count,
        "date": [date(2021, 3, 1)] * count,
        "cloud_share": np.arange(start, end, dtype=np.float32) / COUNT,
        "source_url": [f"chips/{number}.tif" for number in range(start, end)],
        "geometry": [b"wkb"] * count,
    }
    lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors[start:end].ravel()), WIDTH)
    return pa.table(columns, schema=ROW_SCHEMA).append_column("embedding", lists)


def test_rows_are_found_by_place_and_by_id(paths: list[Path], vectors: np.ndarray) -> None:
    centre = np.full(WIDTH, 0.1, np.float32)
    with writing_row_files(paths, COUNT, WIDTH, centre) as append:
        for start, end in PARTS:
            append(rows_of(vectors, start, end))
    files = open_row_files(paths)
    assert isinstance(files.vectors.base, np.memmap)
    assert np.array_equal(files.words, sketch_words(vectors, centre))
    places = np.array([19_999, 4, 12_000, 11_999, 0], dtype=np.uint32)
    taken = files.take(places, vectors=True)
    assert taken["id"].to_pylist() == [f"chip_{place}" for place in places]
    assert taken["source_url"].to_pylist() == [f"chips/{place}.tif" for place in places]
    assert np.array_equal(embedding_of(taken), vectors[places])
    assert sorted(files.places_of(["chip_7", "chip_19998", "chip_20000"])) == [7, 19_998]
    assert len(files.take(np.empty(0, np.uint32), vectors=True)) == 0
    parts = list(files.parts(11_000, 9_000))
    assert [len(part) for part in parts] == [8_192, 808]
    assert parts[1]["id"][-1].as_py() == "chip_19999"


def test_too_few_rows_are_an_error(paths: list[Path], vectors: np.ndarray) -> None:
    with (
        pytest.raises(SearchError, match="20000 rows were to be indexed and 7 were read: embedd"),
        writing_row_files(paths, COUNT, WIDTH, None) as append,
    ):
        append(rows_of(vectors, 0, 7))


def test_files_of_something_else_are_said(paths: list[Path]) -> None:
    for path in paths:
        path.write_bytes(b"something else")
    with pytest.raises(SearchError, match=r"v\.npy, w\.npy, r\.arrow or i\.npy in .* does not h"):
        open_row_files(paths)


@pytest.mark.parametrize("places", [None, np.arange(19_000, 5, -3, dtype=np.uint32)])
@pytest.mark.parametrize("negatives", [0, 2])
def test_the_best_places_are_those_of_the_one_scoring(
    vectors: np.ndarray, places: np.ndarray | None, negatives: int
) -> None:
    examples = Examples(vectors[:3], vectors[3 : 3 + negatives])
    among = np.arange(COUNT) if places is None else places
    wanted = among[np.argsort(-score(vectors[among], examples))[:50]]
    assert set(best_places(vectors, examples, 50, places)) == set(wanted)


def test_fewer_rows_than_wanted_are_all_given(vectors: np.ndarray) -> None:
    places = np.array([9, 2], dtype=np.uint32)
    examples = Examples(vectors[:1], vectors[:0])
    assert sorted(best_places(vectors, examples, 50, places)) == [2, 9]
