from collections.abc import Callable
from pathlib import Path

import pytest

from clay_assets.store import Store
from clay_assets_tests.ingest.making import elevation, optical, radar, save_catalogue


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """Two dates with radar and elevation."""
    folder = tmp_path / "imagery"
    items = [
        optical(folder, "2021-05-10", cloud=5),
        optical(folder, "2022-06-01", cloud=20),
        radar(folder, "2021-05-11T17:00:00"),
        radar(folder, "2022-05-30T17:00:00"),
        elevation(folder),
    ]
    return save_catalogue(folder, items)


@pytest.fixture
def upload(s3_environment: dict[str, str]) -> Callable[[Path, str], None]:
    """Copies a folder into a bucket."""

    def copy(folder: Path, root: str) -> None:
        store = Store(root, folder)
        for path in folder.rglob("*"):
            if path.is_file():
                store.write_bytes(str(path.relative_to(folder)), path.read_bytes())

    return copy
