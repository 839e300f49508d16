"""STAC items of embedding files, and the collection that holds them."""

import json
from dataclasses import replace
from pathlib import Path

import pystac
import pytest
import shapely
from pyproj import Transformer
from pystac.extensions.projection import ProjectionExtension
from pystac.extensions.table import TableExtension
from pystac.validation.stac_validator import JsonSchemaSTACValidator

from clay_assets.embeddings.outputs.stac_collection import write_collection
from clay_assets.embeddings.outputs.write import remove_outputs, write_outputs
from clay_assets.embeddings.products import Product
from clay_assets.mgrs import tile_box
from clay_assets_tests.embeddings.conftest import TILE
from clay_assets_tests.embeddings.made_files import made_rows, put_file

EMBEDDINGS = "https://stac-extensions.github.io/embeddings/v0.0.1/schema.json"
ALL = Product("clay", outputs=("csv", "numpy"))
# Fields of the extension's schema, github.com/geo-embeddings/embeddings-stac-specification 0a9cb04.
ITEM_FIELDS = {"emb:runtime_parameters", "emb:quantization"}
COLLECTION_FIELDS = {"emb:type", "emb:dimensions", "emb:fit_for_use"}


def item_of(store, key) -> pystac.Item:
    return pystac.Item.from_file(str(store.local_path(key)))


def check_core(thing: pystac.STACObject, kind: str) -> None:
    """By the schema that pystac brings along, so without a network."""
    content = thing.to_dict(include_self_link=False)
    JsonSchemaSTACValidator().validate_core(content, kind, pystac.get_stac_version())


def test_the_item_is_valid_and_finds_its_files(store):
    made = put_file(store)
    keys = write_outputs(store, ALL, made.key)
    item = item_of(store, keys["stac"])
    check_core(item, "Feature")
    assert item.id == f"{TILE}_20230612_20230901_v001"
    assert set(item.assets) == {"embeddings", "csv", "numpy", "ids"}
    for name, asset in item.assets.items():
        wanted = keys.get(name, made.key)
        assert Path(asset.get_absolute_href()).resolve() == store.local_path(wanted).resolve()


def test_the_item_says_where_and_when(store):
    made = put_file(store)
    item = item_of(store, write_outputs(store, ALL, made.key)["stac"])
    assert item.common_metadata.start_datetime.isoformat() == "2023-06-12T00:00:00+00:00"
    assert item.common_metadata.end_datetime.isoformat() == "2023-09-01T23:59:59+00:00"
    frame_bounds = shapely.geometry.shape(item.geometry).bounds
    assert item.bbox == pytest.approx(frame_bounds)
    assert frame_bounds[0] == pytest.approx(5.5, abs=0.2)  # degrees


def test_the_item_says_how_it_was_made(store):
    made = put_file(store, dtype="int8")
    item = item_of(store, write_outputs(store, ALL, made.key)["stac"])
    found = item.properties
    assert found["clay_assets:checkpoint_id"] == "ab12"
    assert found["clay_assets:product"] == item.collection_id == "clay"
    assert found["clay_assets:chips_data_version"] == made.metadata.chips_data_version
    assert found["clay_assets:data_version"] == made.metadata.data_version
    assert found["clay_assets:run_id"] == "run 7"
    assert found["processing:software"] == {"clay_assets": "0.1.0"}
    assert found["emb:runtime_parameters"]["level"] == "mean"
    assert found["emb:quantization"]["quantized_dtype"] == "int8"
    links = {link.rel: link.target for link in item.links}
    assert links["emb:source-data"] == f"../../chips/{TILE}/chips.parquet"
    assert links["emb:model"] == "../../checkpoints/ab12/card.json"


def test_the_item_keeps_to_the_fields_of_the_extension(store):
    key = write_outputs(store, ALL, put_file(store, dtype="int8").key)["stac"]
    content = json.loads(store.read_bytes(key))
    assert EMBEDDINGS in content["stac_extensions"]
    assert content["stac_version"] == "1.0.0"  # what the extension's schema asks for
    assert "embeddings" in content["assets"]
    used = {name for name in content["properties"] if name.startswith("emb:")}
    assert used == ITEM_FIELDS
    write_collection(store, "clay")
    collection = json.loads(store.read_bytes("embeddings/clay/collection.json"))
    assert {name for name in collection if name.startswith("emb:")} == COLLECTION_FIELDS
    assert {"emb:model", "emb:source-data"} <= {link["rel"] for link in collection["links"]}
    assert collection["data_type"] == "int8"


def test_the_item_describes_the_table(store):
    item = item_of(store, write_outputs(store, ALL, put_file(store).key)["stac"])
    names = [column.name for column in TableExtension.ext(item).columns]
    assert names[:4] == ["source_url", "date", "embeddings", "geometry"]
    # The table extension's schema asks for them at the item, not at the asset.
    assert item.properties["table:row_count"] == 3
    assert item.properties["table:primary_geometry"] == "geometry"
    asset = item.assets["embeddings"]
    assert ProjectionExtension.ext(asset).code == "OGC:CRS84"
    assert asset.extra_fields["file:size"] == Path(asset.get_absolute_href()).stat().st_size


def test_a_tile_across_the_antimeridian_has_two_parts(store):
    """Zone 1 south, Taveuni in Fiji, which 180 degrees cuts in two."""
    x, y = Transformer.from_crs(4326, 32701, always_xy=True).transform(180.0, -16.8)
    rows = [
        replace(row, epsg=32701, bounds=(x + shift, y, x + shift + 640, y + 640))
        for row, shift in zip(made_rows(), (-640, -320, 0), strict=True)
    ]
    item = item_of(store, write_outputs(store, ALL, put_file(store, rows=rows).key)["stac"])
    check_core(item, "Feature")
    west, _, east, _ = item.bbox
    assert west > 179.9
    assert east < -179.9
    assert item.geometry["type"] == "MultiPolygon"


def test_a_tile_across_greenwich_has_one_part(store):
    x, y = Transformer.from_crs(4326, 32631, always_xy=True).transform(0.0, 51.0)
    rows = [
        replace(row, epsg=32631, bounds=(x + shift, y, x + shift + 640, y + 640))
        for row, shift in zip(made_rows(), (-700, -320, 60), strict=True)
    ]
    item = item_of(store, write_outputs(store, ALL, put_file(store, rows=rows).key)["stac"])
    assert item.geometry["type"] == "Polygon"
    assert -0.02 < item.bbox[0] < 0 < item.bbox[2] < 0.02


def test_the_collection_opens_from_disk_with_its_items(store):
    for tile in ("32VKM", "32VLM"):
        corner = tile_box(tile)
        square = (corner.west, corner.north - 640, corner.west + 640, corner.north)
        rows = [replace(row, bounds=square) for row in made_rows(tile=tile)]
        write_outputs(store, ALL, put_file(store, tile=tile, rows=rows).key)
    key = write_collection(store, "clay")
    assert key == "embeddings/clay/collection.json"
    collection = pystac.Collection.from_file(str(store.local_path(key)))
    check_core(collection, "Collection")
    items = list(collection.get_items())
    assert [item.id[:5] for item in items] == ["32VKM", "32VLM"]
    assert all(item.get_collection().id == "clay" for item in items)
    (box,) = collection.extent.spatial.bboxes
    for item in items:
        assert shapely.box(*box).buffer(1e-6).contains(shapely.geometry.shape(item.geometry))
    assert str(collection.extent.temporal.intervals[0][0])[:10] == "2023-06-12"


def test_the_collection_is_written_only_when_it_changes(store):
    write_outputs(store, ALL, put_file(store).key)
    key = write_collection(store, "clay")
    before = store.stat(key)
    write_collection(store, "clay")
    assert store.stat(key) == before


def test_the_collection_follows_its_items(store):
    first = put_file(store)
    write_outputs(store, ALL, first.key)
    second = put_file(store, tile="32VLM")
    write_outputs(store, ALL, second.key)
    write_collection(store, "clay")
    store.delete([first.key])
    remove_outputs(store, ALL, [first.key])
    collection = pystac.Collection.from_file(str(store.local_path(write_collection(store, "clay"))))
    assert [item.id[:5] for item in collection.get_items()] == ["32VLM"]
    store.delete([second.key])
    remove_outputs(store, ALL, [second.key])
    assert write_collection(store, "clay") is None
    assert not store.exists("embeddings/clay/collection.json")


def test_a_run_that_writes_meanwhile_is_not_forgotten(store, monkeypatch):
    """Another run's item appears between our look at the items and our writing of them."""
    write_outputs(store, ALL, put_file(store).key)
    write_bytes = type(store).write_bytes

    def write_late(self, key, data):
        if key.endswith("collection.json") and not done:
            done.append(True)
            write_outputs(store, ALL, put_file(store, tile="32VLM").key)
        write_bytes(self, key, data)

    done = []
    monkeypatch.setattr(type(store), "write_bytes", write_late)
    collection = pystac.Collection.from_file(str(store.local_path(write_collection(store, "clay"))))
    assert len(list(collection.get_items())) == 2
