"""Fixtures shared by all rooms."""

from pathlib import Path

import pytest

from clay_assets.store import Store

SHARED = Path(__file__).parents[1].parent / "shared"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "data"), tmp_path / "cache")


@pytest.fixture(scope="session")
def shared_imagery() -> Path:
    return _shared("imagery")


@pytest.fixture(scope="session")
def goldens() -> Path:
    return _shared("goldens")


def _shared(name: str) -> Path:
    folder = SHARED / name
    if not folder.is_dir():
        pytest.skip(f"needs {folder}, which is not here")
    return folder
