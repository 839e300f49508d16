"""The files beside the embeddings come and go with them, from chips to files."""

import json
from pathlib import Path

import geopandas
import numpy as np
import pystac
import pytest

from clay_assets.embeddings import embed_tile, vectors_of
from clay_assets.embeddings.file import read_rows
from clay_assets.embeddings.products import Product
from clay_assets.errors import ProductError
from clay_assets_tests.embeddings.conftest import TILE, make_chip, put_chips

MEAN = Product("clay", outputs=("csv", "numpy"))
GROUP = Product("grouped", level="group", outputs=("numpy", "patches"))
FOLDER = "embeddings/clay"


def embed(store, product=MEAN):
    return embed_tile(store, product, TILE, device="cpu", run_id="run 1")


def names(store, product="clay") -> list[str]:
    return [Path(file.key).name for file in store.files(f"embeddings/{product}")]


def test_a_tile_gets_all_that_its_product_declares(tile):
    report = embed(tile)
    stem = f"{TILE}_20230612_20230901_v001"
    assert names(tile) == [
        f"{stem}.csv",
        f"{stem}.csv.owner.json",
        f"{stem}.gpq",
        f"{stem}.json",
        f"{stem}.npy",
        f"{stem}_ids.txt",
        "collection.json",
    ]
    assert set(report.outputs) == {"stac", "csv", "numpy", "ids"}
    (rows,) = read_rows(tile, report.key)
    array = np.load(tile.local_path(report.outputs["numpy"]))
    assert np.array_equal(array, vectors_of(rows["embeddings"]))
    collection = pystac.Collection.from_file(str(tile.local_path(f"{FOLDER}/collection.json")))
    (item,) = collection.get_items()
    assert item.properties["clay_assets:data_version"] == report.data_version
    assert item.properties["clay_assets:checkpoint_id"] == report.checkpoint_id
    for link in item.links:
        if link.rel.startswith("emb:"):
            assert Path(item.get_self_href()).parent.joinpath(link.target).resolve().is_file()


def test_group_vectors_of_a_network_become_rows(tile):
    report = embed(tile, GROUP)
    frame = geopandas.read_parquet(tile.local_path(report.outputs["patches"]))
    array = np.load(tile.local_path(report.outputs["numpy"]), mmap_mode="r")
    assert len(frame) == 5 * 6 * 2 * 2
    chip, group = frame.chip_id[24], frame.group.unique()[3]
    one = frame[(frame.chip_id == chip) & (frame.group == group) & (frame.row == 1)]
    assert np.array_equal(np.stack(one.embeddings), array[1, 3, 1])


def test_a_repeat_changes_no_file(tile):
    embed(tile)
    before = tile.files("embeddings")
    assert embed(tile).skipped
    assert tile.files("embeddings") == before


def test_new_dates_take_the_old_files_along(tile, chips):
    embed(tile)
    put_chips(tile, [*chips, make_chip(1, date="2024-01-02")])
    embed(tile)
    assert [name for name in names(tile) if "20230901" in name] == []
    collection = json.loads(tile.read_bytes(f"{FOLDER}/collection.json"))
    links = [link["href"] for link in collection["links"] if link["rel"] == "item"]
    assert links == [f"./{TILE}_20230612_20240102_v001.json"]


def test_a_tile_without_chips_has_no_files(tile):
    embed(tile)
    put_chips(tile, [])
    embed(tile)
    assert names(tile) == []


def test_outputs_declared_later_are_written_without_the_encoder(tile):
    embed(tile, Product("clay"))
    report = embed(tile, MEAN)
    assert report.skipped
    assert report.embedded == 0
    assert tile.exists(report.outputs["csv"])


def test_a_run_killed_before_its_files_is_completed_by_the_next(tile, monkeypatch):
    monkeypatch.setattr("clay_assets.embeddings.outputs.write.item_json", _killed)
    with pytest.raises(KeyboardInterrupt):
        embed(tile)
    monkeypatch.undo()
    report = embed(tile)
    assert report.skipped
    assert all(tile.exists(key) for key in report.outputs.values())


def test_a_taken_csv_stops_the_tile_before_its_chips_are_read(tile):
    tile.write_bytes(f"exports/{TILE}.csv", b"mine")
    tile.delete([file.key for file in tile.files("chips") if file.key.endswith(".tif")])
    with pytest.raises(ProductError, match="it was not written by this package"):
        embed(tile, Product("clay", outputs=("csv",), csv="exports/{tile}.csv"))
    assert tile.read_bytes(f"exports/{TILE}.csv") == b"mine"
    assert names(tile) == []


def _killed(*_args, **_kwargs):
    raise KeyboardInterrupt
