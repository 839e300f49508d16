import os
from datetime import date

import pytest

from clay_assets.embeddings import file_key, find_file, list_files
from clay_assets.embeddings.listing import tile_keys
from clay_assets.errors import NotFoundError

JUNE, JULY = date(2023, 6, 12), date(2023, 7, 1)


@pytest.fixture
def filled(store):
    for product, tile in (("clay", "32VKM"), ("clay", "29RKH"), ("fine", "32VKM")):
        store.write_bytes(file_key(product, tile, JUNE, JULY), b"12345")
    store.write_bytes("embeddings/clay/unfinished/32VKM/ab_01.parquet", b"")
    store.write_bytes("embeddings/clay/notes.gpq", b"")
    return store


def test_files_are_known_from_their_names(filled):
    file = list_files(filled, "clay")[1]
    assert file.key == "embeddings/clay/32VKM_20230612_20230701_v001.gpq"
    assert (file.product, file.tile) == ("clay", "32VKM")
    assert (file.first_date, file.last_date, file.size) == (JUNE, JULY, 5)
    assert file.etag == filled.stat(file.key).etag


def test_files_are_listed_by_product_and_tile(filled):
    found = [(file.product, file.tile) for file in list_files(filled)]
    assert found == [("clay", "29RKH"), ("clay", "32VKM"), ("fine", "32VKM")]
    assert [file.tile for file in list_files(filled, "clay")] == ["29RKH", "32VKM"]
    assert list_files(filled, "other") == []


def test_of_two_files_of_a_tile_the_newer_is_listed(filled):
    newer, older = file_key("clay", "32VKM", JUNE, JUNE), file_key("clay", "32VKM", JUNE, JULY)
    filled.write_bytes(newer, b"")
    os.utime(filled.local_path(older), (1, 1))
    assert find_file(filled, "clay", "32VKM").key == newer
    assert len(list_files(filled, "clay")) == 2
    assert tile_keys(filled, "clay", "32VKM") == [older, newer]


def test_a_tile_without_embeddings_says_what_to_do(filled):
    with pytest.raises(
        NotFoundError, match=r"tile 01CCV has no embeddings of product clay .*mater"
    ):
        find_file(filled, "clay", "01CCV")
