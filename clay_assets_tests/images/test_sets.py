"""Image sets by name."""

import re
from pathlib import Path

import pytest

from clay_assets.errors import InvalidValueError, NotFoundError
from clay_assets.images.listing import list_images
from clay_assets.images.sets import ImageSet, image_set_of, list_sets, read_set, write_set
from clay_assets.images.watching import look_for_sets
from clay_assets.store import Store
from clay_assets_tests.images.making import put_pictures


def test_a_set_is_found_by_its_name(store: Store):
    birds = ImageSet("birds", "s3://bucket/birds", "genus_species")
    moths = ImageSet("moths.2024-v1", "/data/moths")
    for image_set in (moths, birds):
        write_set(store, image_set)
    assert read_set(store, "birds") == birds
    assert list_sets(store) == [birds, moths]
    message = "there is no image set 'cats'; registered are: birds, moths.2024-v1. Register it: "
    with pytest.raises(NotFoundError, match=re.escape(message)):
        read_set(store, "cats")
    with pytest.raises(NotFoundError, match=re.escape("there is no image set '../cats'")):
        read_set(store, "../cats")


def test_registering_the_same_again_writes_nothing(store: Store):
    write_set(store, ImageSet("birds", "/data/birds"))
    etag = store.stat("image_sets/birds.json").etag
    write_set(store, ImageSet("birds", "/data/birds"))
    assert store.stat("image_sets/birds.json").etag == etag


def test_a_location_means_the_same_from_any_folder(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert image_set_of("birds", "pictures/").location == str(tmp_path / "pictures")
    assert image_set_of("birds", "s3://bucket/birds/").location == "s3://bucket/birds"


@pytest.mark.parametrize("name", ["", "a/b", "a..b", ".a", "a b", "x" * 101, "å"])
def test_names_that_no_file_or_partition_can_have_are_refused(name: str):
    with pytest.raises(InvalidValueError, match=re.escape(f"first, got {name!r}")):
        ImageSet(name, "/data")


def test_only_folders_and_s3_hold_image_sets():
    message = "image set birds: location must be a folder or an s3:// prefix, got 'https://a/b'"
    with pytest.raises(InvalidValueError, match=re.escape(message)):
        ImageSet("birds", "https://a/b")


def test_pictures_are_listed_by_their_names_however_deep_they_lie(tmp_path: Path):
    names = ["b.PNG", "a/c.jpeg", "a/.hidden.png", ".git/a.png", "__MACOSX/a.jpg", "notes.txt"]
    put_pictures(tmp_path, names)
    listing = list_images(str(tmp_path))
    assert [image.filename for image in listing.images] == ["a/c.jpeg", "b.PNG"]
    assert listing.others == 4


def test_a_place_that_is_one_set_needs_a_name_that_a_set_can_have(tmp_path: Path):
    put_pictures(tmp_path / "my birds", ["a.png"])
    with pytest.raises(InvalidValueError, match="first, got 'my birds'"):
        look_for_sets(str(tmp_path / "my birds"), {})
    assert look_for_sets(str(tmp_path), {}).strange == ("my birds",)
