"""What may be asked."""

from datetime import date, datetime
from typing import Any

import numpy as np
import pytest
import shapely

from clay_assets.errors import SearchError, TileError
from clay_assets.search import Query


def polygon(*corners: tuple[float, float]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[*corners, corners[0]]]}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"k": 0}, "k must be 1 to 25000, got 0"),
        ({"k": 25_001}, "k must be 1 to 25000, got 25001"),
        ({"positives": "abc"}, "positives must be a list of ids, got the text 'abc'"),
        ({"negatives": ["x"] * 1001}, "negatives must be at most 1000 ids, got 1001"),
        ({"excluded": ["x"] * 25_001}, "excluded must be at most 25000 ids, got 25001"),
        (
            {"positives": list(map(str, range(65)))},
            "'max' takes at most 64 .* got 65; use mode ridge",
        ),
        ({"mode": "best"}, "mode must be one of max, mean, rocchio, ridge, got 'best'"),
        ({"offset": -1}, "offset must be 0 or more, got -1"),
        ({"offset": 24_995}, "at most 25000 together, got 24995 and 10; narrow the search"),
        ({"circle": (0, 91, 5)}, r"circle must be lon, lat, radius_m .* got 0.0, 91.0"),
        ({"circle": (0, 0, 0)}, "radius above 0 and at most 2000000 m, got 0.0"),
        ({"area": {"type": "Point", "coordinates": [0, 0]}}, "got a Point"),
        (
            {"area": {"type": "Polygon"}},
            r"GeoJSON Polygon or MultiPolygon, got \{'type': 'Polygon'\}",
        ),
        ({"area": {"type": "Polygon", "coordinates": []}}, "got an empty one"),
        ({"area": polygon((0, 0), (2, 2), (2, 0), (0, 2))}, "crosses itself at lon 1, lat 1"),
        ({"area": polygon((179, 0), (-179, 2), (-179, 0), (179, 2))}, "itself at lon -180, lat 1"),
        ({"area": polygon((0, 0), (2, 91), (2, 0))}, "latitudes of -90 to 90 degrees, got 2, 91"),
        ({"area": polygon((-170, 60), (-60, 60), (60, 60), (170, 60))}, "not go around a pole"),
        (
            {
                "area": polygon(
                    (-200, 0), (-100, 5), (0, 5), (170, 5), (300, 0), (130, -5), (-40, -5)
                )
            },
            "at most 360 degrees wide, got 500 degrees",
        ),
        (
            {"area": shapely.Point(0, 0).buffer(1, quad_segs=2_501)},
            "most 10000 vertices, got 10005",
        ),
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


ACROSS = [(170, 0, 180, 10), (-180, 0, -170, 10)]


@pytest.mark.parametrize(
    ("area", "parts"),
    [
        (polygon((170, 0), (190, 0), (190, 10), (170, 10)), ACROSS),
        (polygon((-190, 0), (-170, 0), (-170, 10), (-190, 10)), ACROSS),
        (polygon((170, 0), (-170, 0), (-170, 10), (170, 10)), ACROSS),
        (polygon((-180, -90), (180, -90), (180, 90), (-180, 90)), [(-180, -90, 180, 90)]),
        (shapely.box(1, 2, 3, 4), [(1, 2, 3, 4)]),
        ({"type": "Feature", "properties": {}, "geometry": polygon((1, 2), (3, 2), (3, 4), (1, 4))},
         [(1, 2, 3, 4)]),
    ],
)  # fmt: skip
def test_areas_are_split_at_the_antimeridian(area: Any, parts: list[tuple[float, ...]]) -> None:
    expected = shapely.union_all([shapely.box(*part) for part in parts])
    assert shapely.equals(Query("clay", chip_id="a", area=area).area, expected)


def test_holes_of_an_area_across_the_antimeridian_stay_holes() -> None:
    shell = [(170, 0), (-170, 0), (-170, 10), (170, 10), (170, 0)]
    hole = [(-179, 4), (-178, 4), (-178, 5), (-179, 5), (-179, 4)]
    query = Query("clay", chip_id="a", area={"type": "Polygon", "coordinates": [shell, hole]})
    assert not shapely.intersects_xy(query.area, -178.5, 4.5)
    assert shapely.intersects_xy(query.area, -177.5, 4.5)
    assert query.area.area == pytest.approx(199)
