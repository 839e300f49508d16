"""The cloud cover of a tile's dates is what the catalogue says of their scenes."""

from pathlib import Path

import pytest

from clay_assets.errors import NotFoundError
from clay_assets.ingest import find_imagery, plan_tile
from clay_assets.ingest.cloud_cover import cloud_cover_by_date
from clay_assets.store import Store
from clay_assets_tests.ingest.making import elevation, optical, radar, save_catalogue


def _plan(store: Store, folder: Path, items) -> None:
    catalogue = save_catalogue(folder, [*items, elevation(folder)])
    found = find_imagery(str(catalogue), "32VKM")
    limits = {"max_dates": 3, "max_cloud_pct": 90.0, "max_nodata_pct": 90.0}
    plan_tile(store, found, subset=None, dates=(), **limits, run_id="r")


def test_each_date_has_its_scenes_cloud_cover(store: Store, tmp_path: Path):
    items = [
        optical(tmp_path, "2020-05-10", cloud=5.0),
        radar(tmp_path, "2020-05-11T17:00:00"),
        optical(tmp_path, "2021-05-10", cloud=40.0),
        radar(tmp_path, "2021-05-11T17:00:00"),
    ]
    _plan(store, tmp_path, items)
    assert cloud_cover_by_date(store, "32VKM") == {"2020-05-10": 5.0, "2021-05-10": 40.0}


def test_a_catalogue_that_says_nothing_of_clouds_gives_none(store: Store, tmp_path: Path):
    item = optical(tmp_path, "2021-05-10")
    del item.properties["eo:cloud_cover"]
    _plan(store, tmp_path, [item, radar(tmp_path)])
    assert cloud_cover_by_date(store, "32VKM") == {}


def test_a_tile_without_a_recipe_is_named(store: Store):
    with pytest.raises(NotFoundError, match="tile 32VKM has no recipe yet"):
        cloud_cover_by_date(store, "32VKM")
