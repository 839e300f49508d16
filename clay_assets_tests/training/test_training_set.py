from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clay_assets import progress
from clay_assets.errors import NotFoundError
from clay_assets.models import encode_latlon
from clay_assets.store import Store
from clay_assets.training import build_training_set, read_training_set
from clay_assets.training.splitting import TRAIN, VALIDATION
from clay_assets.training.training_set import centres_wgs84

ANGLE_ATOL = 1e-6  # radians; the reference keeps float32


def test_all_chips_are_listed_with_their_part(store: Store, make_area):
    made = make_area()
    report = build_training_set(store, run_id="run-1")
    found = read_training_set(store)
    assert found.rows["chip_id"].tolist() == sorted(row.chip_id for row in made)
    assert (report.tiles, report.skipped) == (1, False)
    assert report.training_chips == len(found.part(TRAIN)) == 30
    assert report.validation_chips == len(found.part(VALIDATION)) == 10
    assert report.margin_chips == 10
    assert found.meta["data_version"] == report.data_version
    assert found.meta["run_id"] == "run-1"


def test_the_place_of_a_chip_is_the_one_the_reference_encodes(goldens: Path):
    golden = np.load(goldens / "clay_v0_tiny.npz")
    west, south, east, north = golden["batch_bbox"].T
    edges = {"west": west, "south": south, "east": east, "north": north}
    places = centres_wgs84(pd.DataFrame(edges | {"epsg": golden["batch_epsg"]}))
    found = [encode_latlon(lon, lat) for lon, lat in zip(*places, strict=True)]
    np.testing.assert_allclose(found, golden["batch_latlon"], rtol=0, atol=ANGLE_ATOL)


def test_the_same_chips_are_not_split_again(store: Store, make_area):
    make_area()
    first = build_training_set(store, run_id="run-1")
    before = store.files("training_set")
    again = build_training_set(store, run_id="run-2")
    assert again.skipped
    assert store.files("training_set") == before
    assert (again.data_version, again.validation_chips) == (first.data_version, 10)


def test_a_new_tile_or_another_share_is_split_anew(store: Store, make_area):
    make_area()
    first = build_training_set(store, run_id="run-1")
    make_area("29RKH", rows=1, columns=1)
    second = build_training_set(store, run_id="run-1")
    third = build_training_set(store, validation_share=0.4, run_id="run-1")
    assert len({report.data_version for report in (first, second, third)}) == 3
    assert [report.tiles for report in (first, second, third)] == [1, 2, 2]


def test_only_the_tiles_asked_for_are_taken(store: Store, make_area):
    make_area()
    make_area("29RKH", rows=1, columns=1)
    build_training_set(store, tiles=["29RKH"], run_id="run-1")
    assert read_training_set(store).rows["mgrs"].unique().tolist() == ["29RKH"]


def test_reading_manifests_is_reported(store: Store, make_area):
    make_area(rows=1, columns=1)
    seen = []
    with progress.listening(seen.append):
        build_training_set(store, run_id="run-1")
    assert [(at.step, at.done, at.total) for at in seen] == [
        ("Reading chip manifests", 0, 1),
        ("Reading chip manifests", 1, 1),
    ]


def test_a_store_without_chips_says_what_to_do(store: Store, make_area):
    with pytest.raises(NotFoundError, match="has a chip to train on; materialise `chips` first"):
        build_training_set(store, run_id="run-1")
    make_area(rows=0, columns=0)
    with pytest.raises(NotFoundError, match="has a chip to train on; materialise `chips` first"):
        build_training_set(store, run_id="run-1")


def test_a_missing_set_says_what_to_do(store: Store):
    with pytest.raises(NotFoundError, match="does not exist; materialise `training_set` first"):
        read_training_set(store)
