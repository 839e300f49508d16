"""What is kept in the store: once, whole, and readable elsewhere."""

import json

import geopandas
import pytest

from clay_assets.analysis.change import ChangeSettings
from clay_assets.analysis.classifier import ClassifierSettings
from clay_assets.analysis.clusters import ClusterSettings
from clay_assets.analysis.labelled import labels_by_set
from clay_assets.analysis.outliers import OutlierSettings
from clay_assets.analysis.product_outputs import (
    keep_clusters,
    keep_outliers,
    keep_predictions,
)
from clay_assets.analysis.tile_outputs import ONE_DATE, keep_change, keep_map
from clay_assets.errors import InvalidValueError, NotFoundError
from clay_assets.search.label_sets import Label, LabelSet, write_labels
from clay_assets_tests.analysis.made_land import DAYS, TILES, class_of, made_land, put

OF_TILE = {
    "map": lambda store, run: keep_map(store, "clay", TILES[0], run_id=run),
    "change": lambda store, run: keep_change(store, "clay", TILES[0], ChangeSettings(), run_id=run),
    "clusters": lambda store, run: keep_clusters(store, "clay", ClusterSettings(3), run_id=run),
    "outliers": lambda store, run: keep_outliers(store, "clay", OutlierSettings(9), run_id=run),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    from clay_assets.store import Store

    folder = tmp_path_factory.mktemp("outputs")
    made = Store(str(folder / "data"), folder / "cache")
    put(made, made_land())
    return made


def put_labels(store, name, product="clay"):
    chips = [chip for chip in made_land() if chip.day == DAYS[0]][::7]
    labels = [
        Label(c.chip_id, c.chip_id, class_of(c), str(c.day), c.mgrs, c.footprint) for c in chips
    ]
    write_labels(store, LabelSet(name, product, tuple(labels)))


@pytest.mark.parametrize("kind", OF_TILE)
def test_the_same_is_not_made_twice(store, kind):
    first, again = OF_TILE[kind](store, "run-1"), OF_TILE[kind](store, "run-2")
    assert not first.record.skipped
    assert again.record.skipped
    assert again.record.run_id == "run-1"
    assert again.png == first.png
    assert first.png.startswith(b"\x89PNG")
    assert again.record.figures == json.loads(json.dumps(first.record.figures))


def test_new_vectors_are_analysed_anew(new_store):
    store = new_store(made_land())
    first = OF_TILE["outliers"](store, "run-1")
    put(store, made_land(noise=0.4), version="2")
    again = OF_TILE["outliers"](store, "run-2")
    assert not again.record.skipped
    assert again.record.version != first.record.version


def test_change_is_a_file_for_gis(store):
    output = OF_TILE["change"](store, "run-1")
    frame = geopandas.read_parquet(store.local_path(output.key))
    assert len(frame) == 100
    assert frame.crs == "OGC:CRS84"
    assert output.record.figures["most_changed"] == frame["id"].head(5).tolist()


def test_a_tile_of_one_date_has_no_change(new_store):
    store = new_store([chip for chip in made_land() if chip.day == DAYS[0]])
    output = OF_TILE["change"](store, "run-1")
    assert output.record.figures == {"change": ONE_DATE}
    assert output.png is None
    assert not store.exists(output.key)
    assert OF_TILE["change"](store, "run-2").record.skipped


def test_clusters_of_a_tile_that_is_gone_go_too(new_store):
    store = new_store(made_land())
    folder = OF_TILE["clusters"](store, "run-1").key
    assert {file.key for file in store.files(folder.rstrip("/"))} >= {
        f"{folder}{tile}.parquet" for tile in TILES
    }
    store.delete([file.key for file in store.files("embeddings") if TILES[1] in file.key])
    OF_TILE["clusters"](store, "run-2")
    assert not store.exists(f"{folder}{TILES[1]}.parquet")


def test_predictions_are_a_file_a_tile_with_their_report(store):
    put_labels(store, "lakes")
    ((name, labels),) = labels_by_set(store, "clay").items()
    output = keep_predictions(store, "clay", name, labels, ClassifierSettings(), run_id="run-1")
    frames = [
        geopandas.read_parquet(store.local_path(f"{output.key}{tile}.parquet")) for tile in TILES
    ]
    assert sum(map(len, frames)) == 600 == sum(output.record.figures["predicted"].values())
    assert {"id", "class", "confidence", "p_water", "geometry"} <= {*frames[0].columns}
    report = json.loads(store.read_bytes(f"{output.key}report.json"))["figures"]["report"]
    assert report["validation"]["balanced_accuracy"] > 0.8
    again = keep_predictions(store, "clay", name, labels, ClassifierSettings(), run_id="run-2")
    assert again.record.skipped


def test_label_sets_of_other_products_are_left_out_or_refused(store):
    put_labels(store, "birds", product="other")
    assert "birds" not in labels_by_set(store, "clay")
    with pytest.raises(InvalidValueError, match="'birds' is of product 'other', not of 'clay'"):
        labels_by_set(store, "clay", ["birds"])
    with pytest.raises(NotFoundError, match="no label set 'none'"):
        labels_by_set(store, "clay", ["none"])


def test_a_tile_without_embeddings_is_named(store):
    with pytest.raises(NotFoundError, match="tile 10SEG has no embeddings of product 'clay'"):
        keep_map(store, "clay", "10SEG", run_id="run-1")
