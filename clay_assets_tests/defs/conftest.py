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
    folder = tmp_path_factory.mktemp("landscape")
    return generate(folder, size_px=SIDE_PX, dates=DATES, cloud_cover_pct=0)
