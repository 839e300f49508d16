"""The files beside an embedding file."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from clay_assets.embeddings import products
from clay_assets.embeddings.export import export
from clay_assets.embeddings.listing import list_files
from clay_assets.embeddings.outputs.csv_file import write_csv
from clay_assets.embeddings.outputs.csv_target import check_targets_of
from clay_assets.embeddings.outputs.stac_collection import write_collection
from clay_assets.embeddings.outputs.write import (
    check_targets,
    output_keys,
    remove_outputs,
    write_outputs,
)
from clay_assets.embeddings.products import Product
from clay_assets.errors import ProductError
from clay_assets.store import Store
from clay_assets_tests.embeddings.conftest import TILE
from clay_assets_tests.embeddings.made_files import made_rows, put_file

ALL = Product("clay", outputs=("csv", "numpy"))
TO_SHARED = Product("clay", outputs=("csv",), csv="exports/{tile}.csv")


def states(store):
    return {file.key: (file.etag, file.modified) for file in store.files()}


def test_the_csv_is_written_as_the_note_has_it(store):
    """Header, quotes and decimals by the SimCLR note; numbers exact in binary."""
    parts = [(["a.jpg", 'say "b".jpg'], np.array([[0.5, -1.25], [3, 2**-20]], np.float32))]
    assert write_csv(store, "x.csv", 2, parts) == 2
    assert store.read_bytes("x.csv").decode() == (
        '"filename","x1","x2"\n'
        '"a.jpg","0.500000000000000","-1.250000000000000"\n'
        '"say ""b"".jpg","3.000000000000000","0.000000953674316"\n'
    )


def test_the_csv_reads_back_as_the_same_vectors(store):
    made = put_file(store, shape=(5,))
    keys = write_outputs(store, ALL, made.key)
    assert keys["csv"] == made.key.replace(".gpq", ".csv")
    with store.local_path(keys["csv"]).open(encoding="utf-8", newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["filename", "x1", "x2", "x3", "x4", "x5"]
    assert [line[0] for line in lines] == [f"{row.chip_id}.tif" for row in made.rows]
    found = np.array([line[1:] for line in lines], float).astype("float32")
    assert np.array_equal(found, made.vectors)


@pytest.mark.parametrize("shape", [(3,), (2, 2, 3)])
def test_the_array_maps_and_its_ids_follow_the_file(store, shape):
    made = put_file(store, shape=shape)
    keys = write_outputs(store, replace(ALL, outputs=("numpy",), level="mean"), made.key)
    array = np.load(store.local_path(keys["numpy"]), mmap_mode="r")
    assert (array.dtype, array.shape) == (np.float32, (3, *shape))
    assert np.array_equal(array, made.vectors)
    ids = store.local_path(keys["ids"]).read_text().splitlines()
    assert ids == [row.chip_id for row in made.rows]


def test_a_repeat_writes_nothing(store):
    made = put_file(store)
    first = write_outputs(store, ALL, made.key)
    before = states(store)
    assert write_outputs(store, ALL, made.key) == first
    assert states(store) == before


def test_only_the_embedding_file_is_an_embedding_file(store):
    made = put_file(store, shape=(2, 2, 3))
    write_outputs(store, Product("clay", level="patch", outputs=("patches", "numpy")), made.key)
    assert [file.key for file in list_files(store)] == [made.key]


def test_new_embeddings_renew_all_files(store):
    made = put_file(store)
    keys = write_outputs(store, ALL, made.key)
    before = states(store)
    changed = put_file(store, seed=1)
    write_outputs(store, ALL, changed.key)
    assert all(states(store)[key] != before[key] for key in keys.values())
    assert np.array_equal(np.load(store.local_path(keys["numpy"])), changed.vectors)


def test_a_file_that_was_lost_is_written_again(store):
    made = put_file(store)
    keys = write_outputs(store, ALL, made.key)
    store.delete([keys["ids"]])
    write_outputs(store, ALL, made.key)
    assert store.exists(keys["ids"])


def test_what_is_no_longer_declared_goes(store):
    made = put_file(store)
    keys = write_outputs(store, ALL, made.key)
    left = write_outputs(store, Product("clay"), made.key)
    assert set(left) == {"stac"}
    assert [key for key in keys.values() if store.exists(key)] == [keys["stac"]]
    assert not store.exists(keys["csv"] + ".owner.json")
    assert store.exists(made.key)


def test_files_of_a_replaced_file_go_with_it(store):
    made = put_file(store, rows=made_rows(1))
    old = write_outputs(store, ALL, made.key)
    newer = put_file(store, rows=made_rows(2), replaces=(made.key,))
    store.delete([made.key])
    new = write_outputs(store, ALL, newer.key)
    assert not [key for key in old.values() if store.exists(key)]
    assert all(store.exists(key) for key in new.values())


def test_a_csv_under_one_name_outlives_the_replaced_file(store):
    made = put_file(store, rows=made_rows(1))
    write_outputs(store, TO_SHARED, made.key)
    newer = put_file(store, rows=made_rows(2), replaces=(made.key,))
    assert write_outputs(store, TO_SHARED, newer.key)["csv"] == f"exports/{TILE}.csv"
    assert len(store.read_bytes(f"exports/{TILE}.csv").splitlines()) == 3


def test_a_csv_moves_with_its_template(store):
    made = put_file(store)
    write_outputs(store, TO_SHARED, made.key)
    write_outputs(store, replace(TO_SHARED, csv="other/{tile}.csv"), made.key)
    assert not store.exists(f"exports/{TILE}.csv")
    assert store.exists(f"other/{TILE}.csv")


def test_all_files_go_with_the_tile(store):
    made = put_file(store)
    keys = write_outputs(store, replace(ALL, csv="exports/{tile}.csv"), made.key)
    remove_outputs(store, ALL, [made.key])
    assert not [key for key in keys.values() if store.exists(key)]


def test_the_csv_of_another_product_is_never_written_over(store):
    write_outputs(store, TO_SHARED, put_file(store).key)
    before = store.read_bytes(f"exports/{TILE}.csv")
    other = replace(TO_SHARED, name="other")
    message = rf"product other would write the CSV of {TILE} to .*{TILE}.csv, which exists: it " + (
        rf"belongs to {TILE} of product clay; move that file away, or give the product another csv"
    )
    with pytest.raises(ProductError, match=message):
        check_targets(store, other, TILE)
    with pytest.raises(ProductError, match="it belongs to"):
        write_outputs(store, other, put_file(store, "other").key)
    remove_outputs(store, other, [put_file(store, "other").key])
    assert store.read_bytes(f"exports/{TILE}.csv") == before


@pytest.mark.parametrize("note", [None, b"nonsense", b"[]"])
def test_a_file_of_unknown_origin_is_never_written_over(store, note):
    key = f"exports/{TILE}.csv"
    store.write_bytes(key, b"mine")
    if note is not None:
        store.write_bytes(key + ".owner.json", note)
    with pytest.raises(ProductError, match="it was not written by this package"):
        check_targets(store, TO_SHARED, TILE)
    with pytest.raises(ProductError, match="it was not written by this package"):
        write_outputs(store, TO_SHARED, put_file(store).key)
    assert store.read_bytes(key) == b"mine"


def test_its_own_csv_is_no_obstacle(store):
    check_targets(store, TO_SHARED, TILE)
    write_outputs(store, TO_SHARED, put_file(store).key)
    check_targets(store, TO_SHARED, TILE)


def test_a_run_killed_before_the_csv_was_written_is_known_again(store, monkeypatch):
    made = put_file(store)
    monkeypatch.setattr("clay_assets.embeddings.outputs.write.write_csv", _killed)
    with pytest.raises(KeyboardInterrupt):
        write_outputs(store, TO_SHARED, made.key)
    monkeypatch.undo()
    assert not store.exists(f"exports/{TILE}.csv")
    write_outputs(store, TO_SHARED, made.key)
    assert store.exists(f"exports/{TILE}.csv")


def test_a_run_killed_while_a_file_is_written_leaves_the_old_one(store, monkeypatch):
    made = put_file(store)
    keys = write_outputs(store, ALL, made.key)
    before = store.read_bytes(keys["numpy"])
    put_file(store, seed=1)
    monkeypatch.setattr("clay_assets.embeddings.outputs.write.vector_parts", _parts_then_killed)
    with pytest.raises(KeyboardInterrupt):
        write_outputs(store, replace(ALL, outputs=("numpy",)), made.key)
    assert store.read_bytes(keys["numpy"]) == before


def test_two_products_may_not_declare_one_csv(tmp_path):
    other = replace(TO_SHARED, name="other")
    message = (
        r"products clay and other both write the CSV 'exports/\{tile\}.csv'; put \{product\} into"
    )
    with pytest.raises(ProductError, match=message):
        check_targets_of([TO_SHARED, other])
    pictures = Product("other", input="images", outputs=("csv",), csv="exports/{image_set}.csv")
    with pytest.raises(ProductError, match="both write the CSV"):
        check_targets_of([TO_SHARED, pictures])
    check_targets_of([replace(TO_SHARED, csv="{product}/{tile}.csv"), other])


@pytest.mark.parametrize("template", ["/tmp/{tile}.csv", "a/../../{tile}.csv", "{tile}.tif"])
def test_a_csv_stays_in_the_store(template):
    with pytest.raises(ProductError, match=r"csv must be a key within the store that ends in .csv"):
        check_targets_of([replace(TO_SHARED, csv=template)])


def test_a_products_file_with_one_csv_twice_is_refused(tmp_path):
    table = 'outputs = ["csv"]\ncsv = "exports/{tile}.csv"\n'
    path = tmp_path / "products.toml"
    path.write_text(f"[products.one]\n{table}\n[products.two]\n{table}")
    with pytest.raises(ProductError, match="products one and two both write the CSV"):
        products.load_products(path)


def test_the_names_of_the_files_are_known_before_they_are_there():
    stem = f"embeddings/clay/{TILE}_20230612_20230901_v001"
    assert output_keys(Product("clay"), f"{stem}.gpq") == {"stac": f"{stem}.json"}
    wanted = Product("clay", level="group", outputs=("numpy", "patches"))
    assert output_keys(wanted, f"{stem}.gpq") == {
        "stac": f"{stem}.json",
        "numpy": f"{stem}.npy",
        "ids": f"{stem}_ids.txt",
        "patches": f"{stem}_patches.gpq",
    }


def test_an_item_that_is_damaged_is_written_again(store):
    made = put_file(store)
    keys = write_outputs(store, ALL, made.key)
    for damaged in (b"{", b"[]"):
        store.write_bytes(keys["stac"], damaged)
        write_outputs(store, ALL, made.key)
        assert json.loads(store.read_bytes(keys["stac"]))["id"] in made.key


def _killed(*_args, **_kwargs):
    raise KeyboardInterrupt


def _parts_then_killed(*_args):
    yield ["a"], np.zeros((1, 3), np.float32)
    raise KeyboardInterrupt


def test_a_bucket_keeps_the_same_files(s3_bucket, tmp_path):
    bucket = Store(f"s3://{s3_bucket}/data", tmp_path / "cache")
    made = put_file(bucket, shape=(2, 2, 3))
    product = Product("clay", level="patch", outputs=("numpy", "patches"))
    keys = write_outputs(bucket, product, made.key)
    before = states(bucket)
    assert write_outputs(bucket, product, made.key) == keys
    assert states(bucket) == before
    assert np.array_equal(np.load(bucket.local_path(keys["numpy"])), made.vectors)
    assert write_collection(bucket, "clay") == "embeddings/clay/collection.json"
    written = export(bucket, list_files(bucket, "clay"), "stac", tmp_path / "out")
    assets = json.loads(written[0].read_bytes())["assets"]
    assert assets["patches"]["href"] == f"s3://{s3_bucket}/data/{keys['patches']}"
    remove_outputs(bucket, product, [made.key])
    assert not [key for key in keys.values() if bucket.exists(key)]
