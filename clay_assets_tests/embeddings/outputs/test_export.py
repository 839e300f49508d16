"""Embeddings in other formats, for products that do not declare them."""

import csv
import json
import re
from pathlib import Path

import geopandas
import numpy as np
import pystac
import pytest

from clay_assets.embeddings.export import export
from clay_assets.embeddings.listing import files_of
from clay_assets.embeddings.outputs.stac_collection import write_collection
from clay_assets.embeddings.outputs.write import write_outputs
from clay_assets.embeddings.products import Product
from clay_assets.errors import InvalidValueError, NotFoundError
from clay_assets_tests.embeddings.conftest import TILE
from clay_assets_tests.embeddings.made_files import put_file

STEM = f"{TILE}_20230612_20230901_v001"


@pytest.fixture
def two(store):
    """Two tiles of three chips; store and vectors."""
    made = [put_file(store, tile=tile, seed=seed) for seed, tile in enumerate((TILE, "32VLM"))]
    return store, np.concatenate([one.vectors for one in made])


def read_csv(path: Path) -> np.ndarray:
    with path.open(encoding="utf-8", newline="") as file:
        _, *rows = csv.reader(file)
    return np.array([row[1:] for row in rows], float).astype("float32")


def test_a_folder_gets_a_file_a_tile(two, tmp_path):
    store, vectors = two
    written = export(store, files_of(store, "clay"), "csv", tmp_path / "out")
    assert [path.name for path in written] == [f"{STEM}.csv", f"{STEM}.csv".replace("KM", "LM")]
    found = np.concatenate([read_csv(path) for path in written])
    assert np.array_equal(found, vectors)


def test_one_file_gets_all_tiles(two, tmp_path):
    store, vectors = two
    (path,) = export(store, files_of(store, "clay"), "csv", tmp_path / "all.csv")
    assert np.array_equal(read_csv(path), vectors)
    (path,) = export(store, files_of(store, "clay"), "numpy", tmp_path / "all.npy")
    assert np.array_equal(np.load(path, mmap_mode="r"), vectors)
    ids = (tmp_path / "all_ids.txt").read_text().splitlines()
    assert (len(ids), ids[0][9:14], ids[-1][9:14]) == (6, TILE, "32VLM")


def test_patches_are_exported(store, tmp_path):
    made = put_file(store, shape=(2, 2, 3))
    (path,) = export(store, files_of(store, "clay"), "patches", tmp_path)
    assert path.name == f"{STEM}_patches.gpq"
    frame = geopandas.read_parquet(path)
    assert np.array_equal(np.stack(frame.embeddings), made.vectors.reshape(-1, 3))


def test_the_stac_catalogue_opens_elsewhere(two, tmp_path):
    store, _ = two
    for file in files_of(store, "clay"):
        write_outputs(store, Product("clay"), file.key)
    write_collection(store, "clay")
    written = export(store, files_of(store, "clay", [TILE]), "stac", tmp_path / "stac")
    assert [path.name for path in written] == [f"{STEM}.json", "collection.json"]
    (item,) = pystac.Collection.from_file(str(written[-1])).get_items()
    assert item.id == STEM
    assert Path(item.assets["embeddings"].href) == store.local_path(files_of(store, "clay")[0].key)
    links = {link.rel: link.target for link in item.links}
    assert links["emb:source-data"] == str(store.local_path(f"chips/{TILE}/chips.parquet"))


def test_items_that_were_never_written_are_not_found(two, tmp_path):
    store, _ = two
    with pytest.raises(NotFoundError, match=r"KM_.*json does not exist: the embeddings were made"):
        export(store, files_of(store, "clay"), "stac", tmp_path)


def test_what_is_there_stays_unless_told(two, tmp_path):
    store, vectors = two
    files = files_of(store, "clay")
    (tmp_path / "all.csv").write_text("mine")
    with pytest.raises(InvalidValueError, match=r"all.csv exists; export to another place, or"):
        export(store, files, "csv", tmp_path / "all.csv")
    assert (tmp_path / "all.csv").read_text() == "mine"
    export(store, files, "csv", tmp_path / "all.csv", overwrite=True)
    assert np.array_equal(read_csv(tmp_path / "all.csv"), vectors)


@pytest.mark.parametrize(
    ("shape", "format_", "message"),
    [
        ((3,), "patches", "format patches has a row a patch, and there is one vector a chip"),
        ((2, 2, 3), "csv", "has a vector a row, and there are many a chip: product clay has level"),
        ((3,), "tiff", "format must be one of csv, numpy, patches, stac, got 'tiff'"),
    ],
)
def test_a_format_that_does_not_suit_is_refused(store, tmp_path, shape, format_, message):
    put_file(store, shape=shape)
    with pytest.raises(InvalidValueError, match=re.escape(message)):
        export(store, files_of(store, "clay"), format_, tmp_path)


def test_vectors_that_do_not_compare_do_not_go_into_one_file(two, tmp_path):
    store, _ = two
    put_file(store, tile="32VLM", recipe="other")
    with pytest.raises(InvalidValueError, match="so their vectors do not go into one file"):
        export(store, files_of(store, "clay"), "csv", tmp_path / "all.csv")
    assert len(export(store, files_of(store, "clay"), "csv", tmp_path)) == 2


def test_an_exported_item_still_says_how_it_was_made(two, tmp_path):
    store, _ = two
    for file in files_of(store, "clay"):
        write_outputs(store, Product("clay"), file.key)
    write_collection(store, "clay")
    written = export(store, files_of(store, "clay"), "stac", tmp_path)
    item = json.loads(written[0].read_bytes())
    assert item["properties"]["clay_assets:run_id"] == "run 7"


@pytest.mark.parametrize(
    ("format_", "to", "message"),
    [
        ("csv", "all.npy", "--to must be a folder or a .csv file for format csv, got"),
        ("stac", "all.json", "--to must be a folder for format stac, got"),
    ],
)
def test_a_file_of_another_format_is_no_place(two, tmp_path, format_, to, message):
    store, _ = two
    with pytest.raises(InvalidValueError, match=re.escape(message)):
        export(store, files_of(store, "clay"), format_, tmp_path / to)
