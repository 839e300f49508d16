import json

import geopandas
import pyarrow.parquet as pq
import pytest

from clay_assets.chips.manifest import (
    SCHEMA,
    DateRecord,
    manifest_rows,
    manifest_tiles,
    read_manifest,
    write_manifest,
)
from clay_assets.errors import NotFoundError
from clay_assets_tests.chips.making import make_row

PLACES = {"cloud": [[4, 32, 0], [5, 32, 32]]}


def write(store, rows, tile="32VKM"):
    return write_manifest(
        store,
        tile,
        rows,
        inputs="in",
        run_id="run",
        chip_size=32,
        rejected={"cloud": 2},
        source="catalog.json",
        dates={"2023-06-12": DateRecord("in 1", {"cloud": 2}, PLACES)},
    )


def test_a_manifest_is_read_as_it_was_written(store):
    rows = [make_row(1), make_row(2, cloud_share=None), make_row(1, date="2023-07-01")]
    version = write(store, rows)
    manifest = read_manifest(store, "32VKM")
    assert manifest_rows(manifest) == rows
    assert list(manifest.rows.columns) == SCHEMA.names
    assert str(manifest.rows.crs) == "OGC:CRS84"
    assert manifest.meta | {"package_version": ""} == {
        "data_version": version,
        "inputs": "in",
        "run_id": "run",
        "package_version": "",
        "chip_size": 32,
        "rejected": {"cloud": 2},
        "source": "catalog.json",
        "dates": {"2023-06-12": {"inputs": "in 1", "rejected": {"cloud": 2}, "places": PLACES}},
    }


def test_rows_are_sorted_by_date_and_number(store):
    write(store, [make_row(3), make_row(1, date="2024-01-01"), make_row(2)])
    assert list(read_manifest(store, "32VKM").rows["number"]) == [2, 3, 1]


def test_the_file_is_geoparquet_of_the_contracts_types(store):
    write(store, [make_row()])
    path = store.local_path("chips/32VKM/chips.parquet")
    assert pq.read_schema(path).remove_metadata() == SCHEMA
    frame = geopandas.read_parquet(path)
    lon, lat = frame.geometry[0].centroid.x, frame.geometry[0].centroid.y
    assert (lon, lat) == pytest.approx((5.561, 58.591), abs=0.01)  # degrees
    assert "clay_assets" in {key.decode() for key in pq.read_schema(path).metadata}


def test_a_tile_whose_chips_were_all_rejected_has_an_empty_manifest(store):
    write(store, [])
    manifest = read_manifest(store, "32VKM")
    assert len(manifest.rows) == 0
    assert list(manifest.rows.columns) == SCHEMA.names
    assert geopandas.read_parquet(store.local_path("chips/32VKM/chips.parquet")).empty


def test_the_data_version_follows_the_content_and_not_the_order_or_run(store):
    rows = [make_row(1), make_row(2)]
    version = write(store, rows)
    assert write(store, rows[::-1]) == version
    assert write(store, [make_row(1), make_row(2, content_hash="1" * 16)]) != version
    assert write(store, rows[:1]) != version


def test_a_tile_without_chips_says_what_to_do(store):
    with pytest.raises(NotFoundError, match=r"tile 32VKM has no chips yet .* materialise `chips`"):
        read_manifest(store, "32VKM")


def test_tiles_with_a_manifest_are_listed(store):
    assert manifest_tiles(store) == []
    for tile in ("32VKM", "29RKH"):
        write(store, [], tile)
    store.write_bytes("chips/01CCV/2023-01-01/claytile_01CCV_20230101_v10_0001.tif", b"half done")
    assert manifest_tiles(store) == ["29RKH", "32VKM"]


def test_the_metadata_is_one_json_text(store):
    write(store, [make_row()])
    metadata = pq.read_schema(store.local_path("chips/32VKM/chips.parquet")).metadata
    assert json.loads(metadata[b"geo"])["columns"]["geometry"]["geometry_types"] == ["Polygon"]
    assert json.loads(metadata[b"clay_assets"])["inputs"] == "in"
