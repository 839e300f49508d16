"""One person's way through the page, on a larger generated area; the README's pictures of it.

pytest clay_assets_tests/serve/test_browser_journey.py --pictures docs
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import geopandas as gpd
import pytest
from playwright.sync_api import Page, expect

from clay_assets.serve import create_app
from clay_assets_tests.serve.browsing import (
    ask,
    drag,
    ids_of_hits,
    mark,
    marks,
    needs_chromium,
    open_page,
    refine,
    serving,
)
from clay_assets_tests.serve.conftest import DAGSTER_URL, install

pytestmark = needs_chromium
FIRST, LAST = "2021-05-10", "2021-10-22"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page over an area of eight by eight places."""
    installation = install(tmp_path_factory.mktemp("area"), size_px=1024)
    with serving(create_app(installation.settings, dagster_url=DAGSTER_URL)) as address:
        yield address


@pytest.fixture
def shot(request: pytest.FixtureRequest, page: Page, tmp_path: Path) -> Callable[[str], None]:
    """Take a picture of what is shown; kept in the folder of `--pictures`."""
    folder = Path(request.config.getoption("--pictures") or tmp_path)

    def take(name: str) -> None:
        page.mouse.move(1, 1)
        page.wait_for_load_state("networkidle")
        page.evaluate(
            """async () => {
                claySearch.map.triggerRepaint();
                await claySearch.map.once("idle"); // not given back: its event holds the whole map
            }"""
        )
        page.screenshot(path=folder / f"{name}.jpg", type="jpeg", quality=85)

    return take


def test_a_search_is_refined_filtered_exported_and_shared(page, address, shot, tmp_path):
    open_page(page, address)
    ask(page, 28)
    liked, disliked = mark(page, 2, "p"), mark(page, 9, "n")
    refine(page)
    refined = ids_of_hits(page)
    assert {liked, disliked}.isdisjoint(refined)
    shot("map")

    page.keyboard.press("f")
    page.get_by_label("Not before").fill(LAST)
    expect(page.locator("#results:not(.stale) .card").first.locator(".date")).to_contain_text("Oct")
    filtered = ids_of_hits(page)
    assert filtered != refined
    assert all("_20211022_" in id_ for id_ in filtered)

    page.get_by_label("Save the hits as a file").click()
    with page.expect_download() as download:
        page.locator("#export-geojson").click()
    download.value.save_as(tmp_path / "hits.geojson")
    saved = gpd.read_file(tmp_path / "hits.geojson")
    assert saved["chip_id"].tolist() == filtered
    assert set(saved["date"].astype(str).str[:10]) == {LAST}

    page.goto(page.url)
    expect(page.locator(".card")).to_have_count(len(filtered))
    assert ids_of_hits(page) == filtered
    assert marks(page) == [(liked, "positive"), (disliked, "negative")]


def test_two_dates_lie_side_by_side(page, address, shot):
    open_page(page, address)
    page.get_by_role("button", name="Compare two dates or products").click()
    page.wait_for_selector(".compare-map[data-ready]")
    page.get_by_label("Date on the left").select_option(FIRST)
    page.get_by_label("Date on the right").select_option(LAST)
    drag(page, ".compare-divider", -60, 0)
    assert re.search(rf"compare=[^&]*{LAST}", page.url)
    shot("compare")


def test_hexagons_within_a_circle_are_shaded_by_likeness(page, address, shot):
    open_page(page, address, "?mode=circle")
    with page.expect_response(re.compile(r"/api/cells\?.*coverage=0.6(&|$)")) as answered:
        page.get_by_label("Coverage").fill("60")
    scores = [cell["properties"]["score"] for cell in answered.value.json()["features"]]
    assert scores == sorted(scores, reverse=True)
    expect(page.locator(".circle-found .stale")).to_have_count(0)
    shot("circle")


def test_the_area_falls_into_clusters(page, address, shot):
    open_page(page, address, "?mode=change")
    page.get_by_role("radio", name="Clusters").check()
    expect(page.locator(".kinds li")).to_have_count(8)
    shot("clusters")
