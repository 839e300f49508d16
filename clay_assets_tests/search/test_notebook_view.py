"""Hits on a map in a notebook, and how light it is to import the search there."""

import subprocess
import sys
from datetime import date

import geopandas
import numpy as np
import pyarrow as pa
import pytest
import shapely

from clay_assets.errors import SearchError
from clay_assets.search.notebook_view import show

LOADED = """
import sys
import clay_assets.search
print(sorted({name.partition(".")[0] for name in sys.modules} & set(sys.argv[1:])))
"""
HEAVY = ["torch", "lightning", "dagster", "matplotlib", "sklearn", "lonboard", "fastapi"]


@pytest.fixture
def lonboard() -> None:
    pytest.importorskip("lonboard", reason="lonboard is not installed; it draws the map")


@pytest.fixture
def frame() -> geopandas.GeoDataFrame:
    """Three hits, one across the antimeridian."""
    footprints = [shapely.box(west, 60, west + 0.1, 60.1) for west in (5.0, 5.2)]
    across = shapely.box(179.9, 60, 180, 60.1) | shapely.box(-180, 60, -179.9, 60.1)
    columns = {
        "id": ["a", "b", "c"],
        "chip_id": ["a", "b", "c"],
        "score": [0.9, 0.8, 0.5],
        "date": [date(2023, 6, 12)] * 3,
        "cloud_share": [0.1, np.nan, 0.0],
    }
    return geopandas.GeoDataFrame(columns, geometry=[*footprints, across], crs="OGC:CRS84")


def colours_of(layer) -> np.ndarray:
    return np.array(pa.chunked_array(layer.get_fill_color).to_pylist())


@pytest.mark.usefixtures("lonboard")
def test_the_best_hit_is_the_brightest(frame):
    view = show(frame)
    (layer,) = view.layers
    assert view.basemap is None
    brightness = colours_of(layer)[:, :3].sum(axis=1)
    assert brightness[0] > brightness[1] > brightness[2]
    told = pa.table(layer.table)
    assert told["date"].to_pylist() == ["2023-06-12"] * 3
    assert told["id"].to_pylist() == ["a", "b", "c"]


@pytest.mark.usefixtures("lonboard")
def test_footprints_without_scores_and_equal_scores_are_shown(frame):
    for shown in (frame.drop(columns="score"), frame.assign(score=0.7)):
        assert len(np.unique(colours_of(show(shown).layers[0]), axis=0)) == 1
    assert "carto" in str(show(frame, basemap=True).basemap.style).lower()


def test_nothing_to_show_is_refused(frame):
    with pytest.raises(SearchError, match="the frame has no rows"):
        show(frame.iloc[:0])


def test_without_lonboard_it_says_how_to_get_it(frame, monkeypatch):
    monkeypatch.setitem(sys.modules, "lonboard", None)
    with pytest.raises(SearchError, match=r"lonboard.*pip install 'clay_assets\[notebook\]'"):
        show(frame)


def test_importing_the_search_loads_nothing_heavy():
    command = [sys.executable, "-c", LOADED, *HEAVY]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
