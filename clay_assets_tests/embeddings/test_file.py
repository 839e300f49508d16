"""The file's format, seen by those who read it."""

import json

import duckdb
import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clay_assets import __version__
from clay_assets.embeddings import (
    FileMetadata,
    Product,
    embed_tile,
    read_metadata,
    read_rows,
    vectors_of,
)
from clay_assets.errors import NotFoundError
from clay_assets_tests.embeddings.conftest import TILE, WIDTH

KEY = "embeddings/clay/32VKM_20230612_20230901_v001.gpq"


@pytest.fixture
def path(tile):
    """A file of five chips, level patch: four patches a chip."""
    report = embed_tile(tile, Product("clay", level="patch"), TILE, device="cpu", run_id="run 7")
    assert report.key == KEY
    return tile.local_path(KEY)


def test_columns_are_clays_first_and_then_ours(path):
    schema = pq.read_schema(path)
    assert [(field.name, str(field.type)) for field in schema] == [
        ("source_url", "string"),
        ("date", "date32[day]"),
        (
            "embeddings",
            "extension<arrow.fixed_shape_tensor[value_type=float, shape=[2,2,16]]>",
        ),
        ("geometry", "binary"),
        ("chip_id", "string"),
        ("mgrs", "string"),
        ("chip_hash", "string"),
        ("bbox", "struct<xmin: double, ymin: double, xmax: double, ymax: double>"),
        ("cloud_share", "float"),
        ("nodata_share", "float"),
    ]


def test_everything_is_zstd(path):
    group = pq.read_metadata(path).row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    assert {column.compression for column in columns} == {"ZSTD"}


def test_geopandas_reads_it(tile, path):
    frame = geopandas.read_parquet(path)
    assert str(frame.crs) == "OGC:CRS84"
    assert frame.embeddings[0].shape == (2 * 2 * WIDTH,)
    assert frame.cloud_share.isna().tolist() == [True, False, False, True, False]
    row = frame.iloc[1]
    chip_id = "claytile_32VKM_20230612_v10_0002"
    assert (row.chip_id, row.mgrs, str(row.date)) == (chip_id, "32VKM", "2023-06-12")
    assert row.source_url == tile.url(f"chips/32VKM/2023-06-12/{chip_id}.tif")
    lon, lat = row.geometry.centroid.x, row.geometry.centroid.y
    assert (lon, lat) == pytest.approx((5.58606, 58.59209), abs=1e-5)  # PROJ, degrees


def test_a_box_is_found_without_reading_the_geometry(path):
    frame = geopandas.read_parquet(path)
    west, south, east, north = frame.geometry[2].bounds
    inside = (west + 1e-6, south + 1e-6, east - 1e-6, north - 1e-6)
    found = geopandas.read_parquet(path, bbox=inside)
    assert found.chip_id.tolist() == [frame.chip_id[2]]
    boxes = pq.read_table(path, columns=["bbox"])["bbox"].to_pylist()  # geopandas hides them
    assert tuple(boxes[2].values()) == frame.geometry[2].bounds


def test_duckdb_reads_it(path):
    rows = duckdb.sql(
        f"select chip_id, len(embeddings), st_asText(geometry) from read_parquet('{path}')"
    ).fetchall()
    assert len(rows) == 5
    assert rows[0][:2] == ("claytile_32VKM_20230612_v10_0001", 2 * 2 * WIDTH)
    assert rows[0][2].startswith("POLYGON ((5.5")


def test_geo_metadata_is_geoparquet_1_1(path):
    geo = json.loads(pq.read_schema(path).metadata[b"geo"])
    column = geo["columns"]["geometry"]
    assert (geo["version"], geo["primary_column"]) == ("1.1.0", "geometry")
    assert (column["encoding"], column["geometry_types"]) == ("WKB", ["Polygon"])
    assert column["bbox"] == pytest.approx(geopandas.read_parquet(path).total_bounds.tolist())
    assert "crs" not in column  # then it is OGC:CRS84


def test_the_file_says_how_it_was_made(tile, path):
    found = read_metadata(tile, KEY)
    assert found.product == "clay"
    assert (found.level, found.precision, found.shape) == ("patch", "fp32", (2, 2, WIDTH))
    assert (found.run_id, found.package_version) == ("run 7", __version__)
    assert found.replaces == ()
    assert FileMetadata.from_json(found.to_json()) == found
    raw = json.loads(pq.read_metadata(path).metadata[b"clay_assets"])
    wanted = {"product", "checkpoint_id", "level", "shape", "chips_data_version", "data_version"}
    assert wanted <= set(raw)


def test_a_file_of_something_else_has_no_history(store):
    with store.writing(KEY) as path:
        pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(NotFoundError, match=rf"{KEY} does not say how it was made.*clay_assets"):
        read_metadata(store, KEY)


def test_a_file_of_an_unknown_version_has_no_history(store):
    metadata = {"clay_assets": json.dumps({"product": "clay", "flavour": "new"})}
    with store.writing(KEY) as path:
        pq.write_table(pa.table({"a": [1]}).replace_schema_metadata(metadata), path)
    with pytest.raises(NotFoundError, match=rf"{KEY} does not say how it was made"):
        read_metadata(store, KEY)


def test_a_damaged_file_has_no_history(tile, path):
    tile.write_bytes(KEY, tile.read_bytes(KEY)[:-50])
    with pytest.raises(NotFoundError, match=rf"{KEY} does not say how it was made: it is damaged"):
        read_metadata(tile, KEY)


def test_rows_come_in_parts_of_bounded_size(tile, path, monkeypatch):
    whole = pq.read_table(path)
    monkeypatch.setattr("clay_assets.embeddings.file._BATCH_BYTES", 2 * 4 * 2 * 2 * WIDTH)
    parts = list(read_rows(tile, KEY))
    assert [len(part) for part in parts] == [2, 2, 1]
    assert pa.concat_tables(parts).equals(whole.replace_schema_metadata(parts[0].schema.metadata))
    vectors = np.concatenate([vectors_of(part["embeddings"]) for part in parts])
    assert np.array_equal(vectors, vectors_of(whole["embeddings"]))


def test_some_columns_are_read_alone(tile, path):
    (part,) = read_rows(tile, KEY, ["chip_id", "date"])
    assert part.column_names == ["chip_id", "date"]


def test_vectors_of_no_rows_are_none():
    assert vectors_of(pa.chunked_array([], pa.list_(pa.float32(), 3))).shape == (0, 0)
