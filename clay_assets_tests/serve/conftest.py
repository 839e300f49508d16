"""A small installation, made by the real rooms from a generated landscape."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from fastapi.testclient import TestClient
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from clay_assets.checkpoints import put_checkpoint
from clay_assets.chips import cut_tile
from clay_assets.embeddings import embed_tile, load_products
from clay_assets.ingest import find_imagery, list_tiles, plan_tile
from clay_assets.models import ClayV0, ClayV0Config, TransformerSize, make_checkpoint
from clay_assets.search import build_duckdb
from clay_assets.serve import create_app
from clay_assets.settings import Settings
from clay_assets.synthetic import generate
from clay_assets_tests.serve.browsing import CHROMIUM, FLAGS, PATIENCE, serving

DAGSTER_URL = "http://dagster.example:3000"
RUN_ID = "0c1ff0de-run"
TINY = TransformerSize(dim=32, depth=1, heads=2, dim_head=16, mlp_ratio=2)


@dataclass(frozen=True)
class Installation:
    settings: Settings
    tile: str


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """One tile of four by four places on three dates."""
    return install(tmp_path_factory.mktemp("home"), size_px=512)


def install(home: Path, size_px: int) -> Installation:
    """An installation with places of 128 px on three dates, embedded with random weights."""
    catalogue = generate(home / "synthetic", size_px=size_px, cloud_cover_pct=5)
    settings = Settings.from_environment({"CLAY_HOME": str(home), "CLAY_IMAGERY": str(catalogue)})
    store, tile = settings.store, list_tiles(str(catalogue))[0]
    plan_tile(store, find_imagery(str(catalogue), tile), run_id=RUN_ID)
    cut_tile(store, tile, chip_size=128, run_id=RUN_ID)
    torch.manual_seed(0)
    config = ClayV0Config(encoder=TINY, decoder=TINY, image_size=128)
    checkpoint = make_checkpoint(config, ClayV0(config).state_dict(), {"source": "random weights"})
    put_checkpoint(store, checkpoint, "default", inputs="none", run_id=RUN_ID)
    for product in load_products().values():
        embed_tile(store, product, tile, device="cpu", run_id=RUN_ID)
    build_duckdb(store, run_id=RUN_ID)
    return Installation(settings, tile)


@pytest.fixture(scope="session")
def client(installation: Installation) -> Iterator[TestClient]:
    app = create_app(installation.settings, dagster_url=DAGSTER_URL)
    with TestClient(app) as client:
        yield client


@pytest.fixture
def empty_client(tmp_path: Path) -> Iterator[TestClient]:
    settings = Settings.from_environment({"CLAY_HOME": str(tmp_path)})
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture(scope="module")
def address(installation: Installation) -> Iterator[str]:
    with serving(create_app(installation.settings, dagster_url=DAGSTER_URL)) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(
        viewport={"width": 1100, "height": 700}, locale="en-GB", reduced_motion="reduce"
    )
    page.set_default_timeout(3 * PATIENCE)
    bugs: list[str] = []
    page.on("pageerror", lambda error: bugs.append(str(error)))
    page.on("console", lambda said: _is_bug(said) and bugs.append(said.text))
    yield page
    page.close()
    assert bugs == []


def _is_bug(said: ConsoleMessage) -> bool:
    # The browser itself reports answers that say no; the page shows those to the reader.
    return said.type == "error" and "Failed to load resource" not in said.text
