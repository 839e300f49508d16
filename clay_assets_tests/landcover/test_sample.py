"""The whole step, from WorldCover files to the sample."""

import shutil
from pathlib import Path

import geopandas
import numpy as np
import pytest

from clay_assets.errors import ImageryError, NotFoundError, TileError
from clay_assets.landcover import (
    CLASS_COLUMNS,
    SAMPLE_KEY,
    STATISTICS_KEY,
    Criterion,
    SampleRequest,
    sample_tiles,
)
from clay_assets.landcover.cover_files import FILE_NAME
from clay_assets.store import Store
from clay_assets_tests.landcover.making import SIDE, write_cell

CRITERIA = (Criterion("count", 2, 4), Criterion("mangroves", 1, 2))
GULF_OF_GUINEA = ("31NHA", "32NKF", "32NLG", "32NMH", "32NMJ")


def _request(location: Path, **values) -> SampleRequest:
    return SampleRequest(CRITERIA, seed=23, location=str(location), overview=-1, **values)


def _gulf(folder: Path) -> Path:
    """Cells around the tiles: woods, mangroves, and sea in the south-west."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    pixels = np.where(columns < 100, 80, np.where(rows < 150, 10, 95)).astype(np.uint8)
    write_cell(folder, "N00E006", pixels)
    write_cell(folder, "N03E006", 30)
    return folder


def test_a_real_file_gives_its_two_tiles(store: Store, shared_imagery: Path, tmp_path: Path):
    cell = tmp_path / FILE_NAME.replace("{cell}", "N00E006")  # a part of that cell
    shutil.copy(shared_imagery / "saotome/ESA_WorldCover_10m_2020_v100_SaoTome.tif", cell)
    request = SampleRequest(CRITERIA, seed=23, location=str(tmp_path), tiles=("31NHA", "32NKF"))
    report = sample_tiles(store, request, run_id="r1")
    assert report.tiles == ("31NHA", "32NKF")
    assert report.files == report.files_read == 1
    statistics = geopandas.read_parquet(store.url(STATISTICS_KEY)).set_index("mgrs")
    # rasterio 1.4.4: pixels of overview 3 with their centres in the tile's bounds
    assert statistics.loc["32NKF", "tree_cover"] == 35_974
    assert statistics.loc["32NKF", "count"] == 8


def test_sample_and_statistics_are_geoparquet(store: Store, tmp_path: Path):
    report = sample_tiles(store, _request(_gulf(tmp_path), tiles=GULF_OF_GUINEA), run_id="r1")
    sample = geopandas.read_parquet(store.url(SAMPLE_KEY))
    assert list(sample.columns) == ["mgrs", "criterion", "count", *CLASS_COLUMNS, "geometry"]
    assert sample.crs == "OGC:CRS84"
    assert sorted(sample["mgrs"]) == list(report.tiles)
    assert sample[list(CLASS_COLUMNS)].sum(axis=1).to_numpy() == pytest.approx(1)
    assert report.by_criterion == {
        name: (sample["criterion"] == name).sum() for name in ("count", "mangroves")
    }


def test_tiles_of_nothing_but_water_are_left_out(store: Store, tmp_path: Path):
    request = _request(_gulf(tmp_path), tiles=GULF_OF_GUINEA)
    report = sample_tiles(store, request, run_id="r1")
    mgrs = set(geopandas.read_parquet(store.url(STATISTICS_KEY))["mgrs"])
    assert "31NHA" not in mgrs
    assert report.candidates == len(mgrs) == 4


def test_without_tiles_all_land_is_sampled(store: Store, tmp_path: Path):
    report = sample_tiles(store, _request(_gulf(tmp_path)), run_id="r1")
    assert report.files == 2
    assert report.candidates > 15


def test_an_unchanged_sample_is_skipped(store: Store, tmp_path: Path):
    request = _request(_gulf(tmp_path), tiles=GULF_OF_GUINEA)
    first = sample_tiles(store, request, run_id="r1")
    written = store.stat(SAMPLE_KEY).etag
    again = sample_tiles(store, request, run_id="r2")
    assert (first.skipped, again.skipped) == (False, True)
    assert again.data_version == first.data_version
    assert again.by_criterion == first.by_criterion
    assert store.stat(SAMPLE_KEY).etag == written


def test_only_a_changed_file_is_read_again(store: Store, tmp_path: Path):
    request = _request(_gulf(tmp_path), tiles=GULF_OF_GUINEA)
    first = sample_tiles(store, request, run_id="r1")
    write_cell(tmp_path, "N03E006", 40)
    again = sample_tiles(store, request, run_id="r2")
    assert (first.files_read, again.files_read) == (2, 1)
    statistics = geopandas.read_parquet(store.url(STATISTICS_KEY))
    assert statistics["grassland"].sum() == 0
    assert statistics["cropland"].sum() > 0


def test_a_run_that_broke_goes_on_where_it_stopped(store: Store, tmp_path: Path):
    request = _request(_gulf(tmp_path), tiles=GULF_OF_GUINEA)
    good = (tmp_path / FILE_NAME.replace("{cell}", "N03E006")).read_bytes()
    bad = tmp_path / FILE_NAME.replace("{cell}", "N03E006")
    bad.write_bytes(good[:40])
    with pytest.raises(ImageryError, match="N03E006"):
        sample_tiles(store, request, run_id="r1")
    assert not store.exists(SAMPLE_KEY)
    bad.write_bytes(good)
    assert sample_tiles(store, request, run_id="r2").files_read == 1


def test_other_tiles_need_no_file_read_twice(store: Store, tmp_path: Path):
    _gulf(tmp_path)
    sample_tiles(store, _request(tmp_path, tiles=GULF_OF_GUINEA), run_id="r1")
    report = sample_tiles(store, _request(tmp_path, tiles=("32NMG", "32NMH")), run_id="r2")
    assert not report.skipped
    assert report.files_read == 0


def test_a_sample_of_sea_is_empty(store: Store, tmp_path: Path):
    write_cell(tmp_path, "N00E006", 80)
    report = sample_tiles(store, _request(tmp_path, tiles=("32NLG",)), run_id="r1")
    assert (report.tiles, report.candidates) == ((), 0)
    assert len(report.shortages) == 2


def test_a_place_without_worldcover_is_refused(store: Store, tmp_path: Path):
    expected = r"no WorldCover file of the 1 tiles asked for, such as .*N00E006_Map\.tif"
    with pytest.raises(NotFoundError, match=expected):
        sample_tiles(store, _request(tmp_path, tiles=("32NLG",)), run_id="r1")


def test_a_tile_that_does_not_exist_is_refused(store: Store, tmp_path: Path):
    with pytest.raises(TileError, match="32IAA"):
        sample_tiles(store, _request(tmp_path, tiles=("32IAA",)), run_id="r1")
