"""A tiny synthetic landscape for whole runs of the graph."""

from pathlib import Path

import pytest

from clay_assets.synthetic import generate

CHIP_SIZE = 64
SIDE_PX = 256
DATES = 2
CHIPS = (SIDE_PX // CHIP_SIZE) ** 2 * DATES


@pytest.fixture(scope="session")
def landscape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Catalogue of 16 cloudless chips of 64 px on each of two dates."""
    return generate_landscape(tmp_path_factory.mktemp("landscape"))


def generate_landscape(folder: Path, *, dates: int = DATES) -> Path:
    """The landscape with so many of its dates; files that are there already are kept."""
    return generate(folder, size_px=SIDE_PX, dates=dates, cloud_cover_pct=0)
