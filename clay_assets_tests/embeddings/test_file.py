"""The file's format, seen by those who read it."""

import json
from dataclasses import replace

import duckdb
import geopandas
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from clay_assets import __version__
from clay_assets.chips import read_manifest
from clay_assets.chips.manifest import manifest_rows
from clay_assets.embeddings import (
    FileMetadata,
    Product,
    embed_tile,
    read_metadata,
    read_rows,
    vectors_of,
)
from clay_assets.embeddings.extraction import Extraction
from clay_assets.embeddings.file import Drift
from clay_assets.embeddings.writing import EmbeddedChip, write_file
from clay_assets.errors import NotFoundError
from clay_assets_tests.embeddings.conftest import (
    TILE,
    WIDTH,
    make_chip,
    put_manifest,
    row_of,
)

KEY = "embeddings/clay/32VKM_20230612_20230901_v001.gpq"


@pytest.fixture
def path(tile):
    """A file of five chips, level patch: four patches a chip."""
    report = embed_tile(tile, Product("clay", level="patch"), TILE, device="cpu", run_id="run 7")
    assert report.key == KEY
    return tile.local_path(KEY)


@pytest.fixture
def rows():
    """Forty chips without files."""
    chips = [row_of(make_chip(number, size=2), "") for number in range(1, 41)]
    return [EmbeddedChip(chip, chip.chip_id, shapely.box(0, 0, 1, 1)) for chip in chips]


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


OLD = """{"product": "clay", "checkpoint_id": "e5d0e2d49c1a7d33", "level": "patch",
"precision": "fp32", "shape": [2, 2, 16], "recipe": "5f0ce2a1b7c40b9d",
"chips_data_version": "c3a4b1f0d2e59687", "inputs": "9e1f40c7a2b3d586",
"data_version": "77aa01bc23de45f6",
"replaces": ["embeddings/clay/32VKM_20230612_20230612_v001.gpq"], "run_id": "run 7",
"package_version": "0.3.0"}"""  # as written before there were extractions


def test_files_of_before_there_were_extractions_are_read(store):
    found = FileMetadata.from_json(OLD)
    assert found.extraction == Extraction("patch")
    assert (found.dtype, found.platform, found.projection_id) == ("float32", None, None)
    assert (found.drift, found.how) == (None, "patch, fp32")
    assert FileMetadata.from_json(found.to_json()) == found
    with store.writing(KEY) as path:
        table = pa.table({"a": [1]}).replace_schema_metadata({"clay_assets": OLD})
        pq.write_table(table, path)
    assert read_metadata(store, KEY) == found


def test_all_that_a_file_says_comes_back():
    drift = Drift(False, "ab12", 5, 0.9, 0.8, "chip", 0.7)
    found = replace(
        FileMetadata.from_json(OLD),
        extraction=Extraction("chip", last_k=4, pooling="cls_mean", l2=True),
        level="chip",
        platform="naip",
        dtype="int8",
        projection_id="cd34",
        drift=drift,
    )
    assert FileMetadata.from_json(found.to_json()) == found
    assert found.how == (
        "chip (last_k 4, pooling cls_mean, l2 True, platform naip, projection cd34), fp32, "
        "stored as int8"
    )


def test_an_extraction_of_another_version_has_no_history(store):
    text = OLD.replace('"run_id"', '"extraction": {"level": "token"}, "run_id"')
    with store.writing(KEY) as path:
        pq.write_table(pa.table({"a": [1]}).replace_schema_metadata({"clay_assets": text}), path)
    with pytest.raises(NotFoundError, match=rf"{KEY} does not say how it was made"):
        read_metadata(store, KEY)


@pytest.fixture(params=["float16", "int8"])
def short(request, tile):
    """Product, file of fewer bits, and the vectors before they were rounded."""
    whole = embed_tile(tile, Product("whole"), TILE, device="cpu", run_id="run")
    (rows,) = read_rows(tile, whole.key)
    product = Product("clay", dtype=request.param)
    report = embed_tile(tile, product, TILE, device="cpu", run_id="run")
    return product, tile.local_path(report.key), vectors_of(rows["embeddings"])


def test_files_of_fewer_bits_are_read_as_float32(tile, short):
    product, path, wanted = short
    (rows,) = read_rows(tile, KEY, ["chip_id", "embeddings"])
    assert rows.column_names == ["chip_id", "embeddings"]
    found = vectors_of(rows["embeddings"])
    assert found.dtype == np.float32
    assert 0 < np.abs(found - wanted).max() < np.abs(wanted).max() / 200
    assert read_metadata(tile, KEY).dtype == product.dtype
    assert len(pq.read_table(path)) == 5


def test_others_read_files_of_fewer_bits(short):
    product, path, wanted = short
    frame = geopandas.read_parquet(path)
    vectors = np.stack(frame.embeddings).astype("float32")
    first = duckdb.sql(f"select embeddings from read_parquet('{path}') limit 1").fetchall()[0][0]
    if product.dtype == "int8":
        assert frame.columns[-1] == "scale"
        vectors *= frame["scale"].to_numpy()[:, None]
        first = np.array(first) * frame["scale"][0]
    np.testing.assert_allclose(vectors, wanted, rtol=0, atol=np.abs(wanted).max() / 200)
    np.testing.assert_allclose(first, wanted[0], rtol=0, atol=np.abs(wanted).max() / 200)


def test_writing_again_what_was_read_changes_nothing(tile, short):
    product, path, _ = short
    before, first = pq.read_table(path), read_metadata(tile, KEY)
    manifest = manifest_rows(read_manifest(tile, TILE))
    put_manifest(tile, [replace(row, cloud_share=0.5) for row in manifest])
    report = embed_tile(tile, product, TILE, device="cpu", run_id="run")
    assert (report.embedded, report.drift) == (0, None)
    after = pq.read_table(tile.local_path(KEY))
    assert after["embeddings"].equals(before["embeddings"])
    put_manifest(tile, manifest)
    embed_tile(tile, product, TILE, device="cpu", run_id="run")
    assert pq.read_table(tile.local_path(KEY)).equals(before)
    assert read_metadata(tile, KEY).data_version == first.data_version


def test_steps_take_one_byte_each(store, rows):
    sizes = {}
    vectors = np.random.default_rng(0).normal(size=(len(rows), 4096)).astype("float32")
    for dtype in ("float32", "float16", "int8"):
        metadata = replace(FileMetadata.from_json(OLD), shape=(4096,), dtype=dtype)
        write_file(store, KEY, rows, lambda chips: vectors, metadata)
        with store.open(KEY) as file:
            group = pq.read_metadata(file).row_group(0)
        sizes[dtype] = group.column(2).total_compressed_size / vectors.size
    assert sizes["float32"] < 4
    assert sizes["float16"] < 2.01
    assert sizes["int8"] < 1.01
