import pytest

from clay_assets.errors import InvalidValueError, NotFoundError, TileError
from clay_assets.store import Store
from clay_assets.tile_sources import TileSource, read_source, write_source


def test_a_source_reads_back_as_it_was_registered(store: Store):
    source = TileSource("32VKM", "s3://scenes/catalog.json", ("2024-06-01",), (0, 0, 512, 512), 256)
    write_source(store, source)
    assert read_source(store, "32VKM") == source


def test_registering_again_replaces(store: Store):
    write_source(store, TileSource("32VKM", "old"))
    write_source(store, TileSource("32VKM", "new"))
    assert read_source(store, "32VKM").location == "new"


def test_an_unregistered_tile_says_how_to_register_it(store: Store):
    with pytest.raises(NotFoundError, match="clay-assets add 29RKH"):
        read_source(store, "29RKH")


@pytest.mark.parametrize("chip_size", [0, 15, 10_981])
def test_impossible_chip_sizes_are_refused(chip_size: int):
    with pytest.raises(InvalidValueError, match=f"got {chip_size}"):
        TileSource("32VKM", "x", chip_size=chip_size)


def test_an_empty_subset_is_refused():
    with pytest.raises(InvalidValueError, match="got 5,0,5,9"):
        TileSource("32VKM", "x", subset=(5, 0, 5, 9))


def test_a_tile_that_does_not_exist_is_refused():
    with pytest.raises(TileError, match="32IAA"):
        TileSource("32IAA", "x")
