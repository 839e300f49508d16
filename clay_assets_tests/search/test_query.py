"""What may be asked."""

from datetime import date, datetime
from typing import Any

import numpy as np
import pytest

from clay_assets.errors import SearchError, TileError
from clay_assets.search import Query


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"k": 0}, "k must be 1 to 25000, got 0"),
        ({"k": 25_001}, "k must be 1 to 25000, got 25001"),
        ({"positives": "abc"}, "positives must be a list of chip ids, got the text 'abc'"),
        ({"negatives": ["x"] * 65}, "negatives must be at most 64 chips, got 65"),
        ({"lonlat": (181, 0)}, r"longitude -180 to 180 .* got 181.0, 0.0"),
        ({"lonlat": (0, float("nan"))}, "got 0.0, nan"),
        ({"vector": [[1.0]]}, r"vector must be one row of numbers, got shape \(1, 1\)"),
        ({"vector": []}, r"vector must be one row of numbers, got shape \(0,\)"),
        ({"vector": [1, float("inf")]}, "vector must be finite, got inf at position 1"),
        ({"vector": [0, 0]}, "vector must have a direction, got zeros only"),
        ({"bbox_wgs84": (0, 2, 1, 1)}, "south <= north, got 0.0, 2.0, 1.0, 1.0"),
        ({"bbox_wgs84": (0, 0, 200, 1)}, "in degrees .* got 0.0, 0.0, 200.0, 1.0"),
        ({"dates": ("2021-13-01", None)}, "dates must be YYYY-MM-DD, got '2021-13-01'"),
        ({"dates": ("2021-02-01", "2021-01-01")}, "got 2021-02-01 after 2021-01-01"),
        ({"max_cloud_share": 40}, "max_cloud_share must be 0 to 1, got 40"),
        ({"min_score": float("nan")}, "min_score must be a finite number, got nan"),
    ],
)
def test_what_is_outside_is_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(SearchError, match=message):
        Query("clay", **({"chip_id": "a"} | wrong))


def test_a_query_needs_an_example() -> None:
    with pytest.raises(SearchError, match="needs an example; give chip_id, lonlat, vector or"):
        Query("clay", negatives=("a",))


def test_a_tile_must_exist() -> None:
    with pytest.raises(TileError, match="'32XYZ' is not an MGRS tile"):
        Query("clay", chip_id="a", mgrs="32XYZ")


def test_values_come_in_one_form() -> None:
    query = Query(
        "clay",
        vector=np.array([3, 4], dtype=np.float32),
        positives=["b", "a", "b"],
        mgrs="T32vkm",
        dates=("2021-01-01", datetime(2021, 2, 3, 4)),
        bbox_wgs84=(170, -1, -170, 1),
    )
    assert query.vector == (3.0, 4.0)
    assert query.positives == ("b", "a")
    assert query.mgrs == "32VKM"
    assert query.dates == (date(2021, 1, 1), date(2021, 2, 3))
    assert query.bbox_wgs84 == (170.0, -1.0, -170.0, 1.0)
    hash(query)


def test_a_query_equals_another_of_the_same_values() -> None:
    assert Query("clay", chip_id="a", dates=("2021-01-01", None)) == Query(
        "clay", chip_id="a", dates=(date(2021, 1, 1), None)
    )
