"""Stores with the embeddings of a made-up country."""

from collections.abc import Callable
from pathlib import Path

import pytest

from clay_assets.store import Store
from clay_assets_tests.analysis.made_land import made_land, put
from clay_assets_tests.search.embedding_files import MadeChip, made_patch_chips, write_all


@pytest.fixture(scope="session")
def land() -> list[MadeChip]:
    return made_land()


@pytest.fixture(scope="session")
def land_store(land: list[MadeChip], tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Only read from."""
    folder = tmp_path_factory.mktemp("land")
    store = Store(str(folder / "data"), folder / "cache")
    put(store, land)
    return store


@pytest.fixture
def new_store(tmp_path: Path) -> Callable[[list[MadeChip]], Store]:
    """A store of one's own with some chips."""

    def make(chips: list[MadeChip]) -> Store:
        store = Store(str(tmp_path / "data"), tmp_path / "cache")
        put(store, chips)
        return store

    return make


@pytest.fixture(scope="session")
def patch_chips() -> list[MadeChip]:
    return made_patch_chips("32VKM", 12)


@pytest.fixture(scope="session")
def patch_store(patch_chips: list[MadeChip], tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Four by four patches a chip; only read from."""
    folder = tmp_path_factory.mktemp("patches")
    store = Store(str(folder / "data"), folder / "cache")
    write_all(store, "clay", patch_chips, level="patch")
    return store
