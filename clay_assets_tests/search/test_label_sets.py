import json
import re
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import pytest
import shapely

from clay_assets.errors import ConflictError, InvalidValueError, NotFoundError
from clay_assets.search.label_sets import (
    Label,
    LabelSet,
    delete_labels,
    list_labels,
    parse_labels,
    read_labels,
    read_labels_and_etag,
    write_labels,
)
from clay_assets.store import Store

SQUARE = shapely.box(5, 60, 5.1, 60.1)
CHIP = "claytile_32VKM_20240808_v02_0001"


def labels_of(**classes: str) -> LabelSet:
    labels = [
        Label(f"{CHIP}/{row}", CHIP, name, "2024-08-08", "32VKM", SQUARE)
        for row, name in classes.items()
    ]
    return LabelSet("farms", "clay", tuple(labels))


def collection(**changes) -> dict:
    found = json.loads(labels_of(a="positive").to_geojson())
    found["features"][0]["properties"] |= changes
    return found


def test_a_label_set_comes_back_as_it_was_kept(store):
    labels = labels_of(a="positive", b="negative", c="solar park")
    etag = write_labels(store, labels)
    assert read_labels_and_etag(store, "farms") == (labels, etag)
    assert read_labels(store, "farms").classes_by_id == {
        f"{CHIP}/a": "positive",
        f"{CHIP}/b": "negative",
        f"{CHIP}/c": "solar park",
    }
    [kept] = list_labels(store)
    assert (kept.name, kept.product, kept.count, kept.etag) == ("farms", "clay", 3, etag)


def test_nobody_overwrites_what_they_have_not_seen(store):
    first = write_labels(store, labels_of(a="positive"))
    with pytest.raises(ConflictError, match=f"another version of label set 'farms', {first}"):
        write_labels(store, labels_of(a="negative"))
    second = write_labels(store, labels_of(a="negative"), over=first)
    with pytest.raises(ConflictError, match=f"another version of label set 'farms', {second}"):
        write_labels(store, labels_of(b="negative"), over=first)
    with pytest.raises(ConflictError, match=second):
        delete_labels(store, "farms", etag=first)
    delete_labels(store, "farms", etag=second)
    assert list_labels(store) == []
    with pytest.raises(ConflictError, match="'farms' was deleted since"):
        write_labels(store, labels_of(a="positive"), over=second)


def add_five(store: Store, who: str) -> None:
    """Add labels to a set that others write to, beginning again where somebody was faster."""
    for number in range(5):
        more = labels_of(**{f"{who}_{number}": "positive"}).labels
        while True:
            held, etag = read_labels_and_etag(store, "farms")
            try:
                write_labels(store, replace(held, labels=held.labels + more), over=etag)
                break
            except ConflictError:
                continue


def test_no_label_is_lost_between_servers(store):
    write_labels(store, labels_of())
    with ProcessPoolExecutor(4, get_context("spawn")) as servers:
        list(servers.map(add_five, [store] * 4, "abcd"))
    assert len(read_labels(store, "farms").labels) == 20


def test_a_set_that_is_not_there_is_an_error(store):
    for work in (read_labels, delete_labels):
        with pytest.raises(NotFoundError, match="there is no label set 'farms'"):
            work(store, "farms")


def test_a_file_that_is_not_json_is_named(store):
    store.write_bytes("labels/farms.geojson", b"{")
    with pytest.raises(InvalidValueError, match=r"farms\.geojson is not JSON"):
        read_labels(store, "farms")


@pytest.mark.parametrize("name", ["", "../etc", "a/b", ".hidden", "x" * 65])
def test_a_name_that_is_no_file_name_is_refused(store, name):
    with pytest.raises(InvalidValueError, match=re.escape(f"got {name!r}")):
        read_labels(store, name)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], "must be a GeoJSON FeatureCollection"),
        ({"type": "FeatureCollection", "features": []}, "member product, got None"),
        ({"type": "FeatureCollection", "product": "clay"}, "at most 25000 features, got None"),
        (
            {"type": "FeatureCollection", "product": "clay", "features": [1]},
            "feature 0: is no GeoJSON feature",
        ),
        (collection(id=""), "feature 0: property id must be a text, got ''"),
        (collection(date="August"), "date must be YYYY-MM-DD, got 'August'"),
        (collection(**{"class": "x" * 65}), "class must have at most 64 letters, got 65"),
        (
            collection() | {"features": collection()["features"] * 2},
            f"has '{CHIP}/a' twice; keep one",
        ),
    ],
)
def test_what_is_no_label_set_is_refused_with_its_place(found, words):
    with pytest.raises(InvalidValueError, match=re.escape(words)):
        parse_labels("farms", found)


@pytest.mark.parametrize(
    ("geometry", "words"),
    [
        (None, "geometry cannot be read"),
        ({"type": "Polygon", "coordinates": [[[0, 0]]]}, "geometry cannot be read"),
        ({"type": "Point", "coordinates": [5, 60]}, "Polygon or MultiPolygon, got Point"),
    ],
)
def test_a_label_needs_a_footprint(geometry, words):
    found = collection()
    found["features"][0]["geometry"] = geometry
    with pytest.raises(InvalidValueError, match=words):
        parse_labels("farms", found)
