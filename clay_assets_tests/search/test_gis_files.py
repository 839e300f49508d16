"""Answers and embeddings as files that GIS programs open: read back by GDAL, as QGIS does."""

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from typer.testing import CliRunner

from clay_assets.cli import app
from clay_assets.embeddings import find_file
from clay_assets.search import Query, open_index

HAS_PARQUET = "Parquet" in pyogrio.list_drivers()
SAME_PLACE = 1e-7  # degrees; GeoJSON has seven digits


@pytest.fixture(scope="module", params=["clay", "clay_patches"])
def hits(request, generated_area) -> geopandas.GeoDataFrame:
    with open_index(generated_area.settings) as index:
        example = index.chips(request.param)["id"].iloc[3]
        frame = index.search(Query(request.param, chip_id=example, k=7)).frame
    frame.attrs["example"] = example
    return frame


@pytest.fixture(params=["geojson", "parquet"])
def opened(request, hits, generated_area, tmp_path) -> geopandas.GeoDataFrame:
    """What `clay-assets search --to` wrote, as GDAL reads it."""
    path = tmp_path / f"hits.{request.param}"
    product, example = hits["product"].iloc[0], hits.attrs["example"]
    options = ["--chip", example, "-k", "7", "--product", product, "--to", str(path)]
    home = str(generated_area.settings.home)
    result = CliRunner().invoke(app, ["search", *options, "--home", home])
    assert result.exit_code == 0, result.output
    if request.param == "parquet" and not HAS_PARQUET:
        return geopandas.read_parquet(path)
    return pyogrio.read_dataframe(path)


def test_hits_open_with_place_score_and_day(hits, opened):
    assert opened["id"].tolist() == hits["id"].tolist()
    np.testing.assert_allclose(opened["score"], hits["score"], atol=1e-9)
    assert [str(day)[:10] for day in opened["date"]] == [str(day)[:10] for day in hits["date"]]
    assert opened.crs.equals("OGC:CRS84") or opened.crs.to_epsg() == 4326
    ours, theirs = (shapely.bounds(frame.geometry.to_numpy()) for frame in (hits, opened))
    np.testing.assert_allclose(theirs, ours, atol=SAME_PLACE)
    if "patch_row" in hits:
        assert opened["patch_row"].tolist() == hits["patch_row"].tolist()


def test_embedding_files_open_as_layers(generated_area):
    key = find_file(generated_area.store, "clay", generated_area.tile).key
    path = generated_area.store.url(key)
    frame = geopandas.read_parquet(path)
    assert frame.crs.to_authority() == ("OGC", "CRS84")
    assert list(frame.columns[:4]) == ["source_url", "date", "embeddings", "geometry"]
    if HAS_PARQUET:
        info = pyogrio.read_info(path)
        assert (info["features"], info["geometry_type"]) == (len(frame), "Polygon")
