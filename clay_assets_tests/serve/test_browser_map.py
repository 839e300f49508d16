"""The map in a real browser: imagery, the circle, two maps side by side, a base map."""

import io
import math
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from clay_assets.serve import create_app
from clay_assets_tests.serve.browsing import (
    ask,
    drag,
    needs_chromium,
    open_page,
    point_of,
    serving,
)

pytestmark = needs_chromium


def state(page: Page, name: str):
    return page.evaluate("(name) => claySearch.store.get()[name]", name)


def hexagons(page: Page) -> int:
    expect(page.locator(".circle-found .results-head h3")).to_be_visible()
    return int(page.locator(".circle-found .results-head h3").inner_text().split()[0])


def colour_at(page: Page, x: float, y: float) -> tuple[int, int, int]:
    shot = Image.open(io.BytesIO(page.screenshot(clip={"x": x, "y": y, "width": 1, "height": 1})))
    return shot.convert("RGB").getpixel((0, 0))


def test_the_circle_is_dragged_resized_and_covered_and_its_hexagons_follow(page, address):
    open_page(page, address, "?mode=circle")
    few = hexagons(page)
    before = state(page, "circle")
    middle = page.locator(".circle-middle").bounding_box()
    edge = page.locator(".circle-edge.east").bounding_box()
    drag(page, ".circle-edge.east", edge["x"] - middle["x"], 0)
    after = state(page, "circle")
    assert after["radius"] == pytest.approx(2 * before["radius"], rel=0.1)
    with page.expect_response(re.compile(r"/api/cells\?.*coverage=1(&|$)")) as answered:
        page.get_by_label("Coverage").fill("100")
    asked = answered.value.json()
    assert asked["limit"] == math.ceil(asked["area_km2"] / asked["cell_area_km2"])
    expect(page.locator(".circle-found .stale")).to_have_count(0)
    assert hexagons(page) == len(asked["features"]) > few
    expect(page.locator(".circle-rule")).to_contain_text("100 % = at most")

    drag(page, ".circle-middle", -60, 30)
    moved = state(page, "circle")
    assert moved["lon"] < after["lon"]
    assert moved["lat"] < after["lat"]
    assert moved["radius"] == after["radius"]


def test_the_circle_can_be_moved_by_keys_and_is_in_the_address(page, address):
    open_page(page, address, "?mode=circle")
    hexagons(page)
    before = state(page, "circle")
    page.locator(".circle-middle").focus()
    page.keyboard.press("ArrowRight")
    page.locator(".circle-edge.east").focus()
    page.keyboard.press("ArrowUp")
    after = state(page, "circle")
    assert after["lon"] > before["lon"]
    assert after["radius"] == pytest.approx(1.05 * before["radius"])
    found = hexagons(page)
    page.goto(page.url)
    assert hexagons(page) == found
    assert state(page, "circle")["lon"] == pytest.approx(after["lon"], abs=1e-5)


def test_a_circle_beside_all_chips_says_so(page, address):
    open_page(page, address, "?mode=circle&circle=100,10,5000,20")
    expect(page.locator(".circle-found [role=alert]")).to_contain_text("covers lon 100")


def test_two_dates_are_swiped(page, address):
    open_page(page, address)
    dates = page.evaluate("claySearch.store.get().products[0].dates")
    page.get_by_role("button", name="Compare two dates or products").click()
    page.wait_for_selector(".compare-map[data-ready]")
    page.get_by_label("Date on the left").select_option(dates[0])
    page.get_by_label("Date on the right").select_option(dates[-1])
    divider = page.get_by_role("slider", name="Divider of the two maps")
    expect(divider).to_have_attribute("aria-valuenow", "50")
    drag(page, ".compare-divider", -150, 0)
    assert int(divider.get_attribute("aria-valuenow")) < 35
    page.keyboard.press("End")
    expect(divider).to_have_attribute("aria-valuenow", "100")
    assert f"compare=clay%40{dates[-1]}" in page.url
    page.goto(page.url)
    page.wait_for_selector(".compare-map[data-ready]")
    page.get_by_role("button", name="Compare two dates or products").click()
    expect(page.locator(".compare-divider")).to_have_count(0)


@pytest.fixture
def basemap() -> Iterator[tuple[str, list[str]]]:
    """A server of web tiles, all magenta, and what it was asked for."""
    asked: list[str] = []
    buffer = io.BytesIO()
    Image.new("RGB", (256, 256), (255, 0, 255)).save(buffer, "PNG")

    class Tiles(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("content-type", "image/png")
            self.send_header("access-control-allow-origin", "*")
            self.end_headers()
            self.wfile.write(buffer.getvalue())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Tiles)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()


def test_a_base_map_lies_under_the_places_and_can_be_taken_off(page, installation, basemap):
    host, asked = basemap
    url = f"{host}/{{z}}/{{x}}/{{y}}.png#Tiles by nobody"
    settings = replace(
        installation.settings, api=replace(installation.settings.api, basemap_url=url)
    )
    with serving(create_app(settings)) as address:
        open_page(page, address)
        assert asked
        assert all(path.endswith(".png") for path in asked)
        expect(page.get_by_text("Tiles by nobody")).to_be_visible()
        assert colour_at(page, 20, 400) == (255, 0, 255)
        toggle = page.get_by_role("button", name="Base map")
        expect(toggle).to_have_attribute("aria-pressed", "true")
        toggle.click()
        page.wait_for_timeout(100)
        assert colour_at(page, 20, 400) != (255, 0, 255)


def test_places_show_their_true_colours(page, address):
    open_page(page, address)
    x, y = point_of(page, 6)
    red, green, blue = colour_at(page, x, y)
    tint = page.evaluate("getComputedStyle(document.body).getPropertyValue('--place')")
    assert (red, green, blue) != (219, 215, 205), tint


def test_the_hit_of_another_date_is_shown_on_its_own_date(page, address):
    open_page(page, address)
    ask(page, 6)
    wanted = page.evaluate(
        """() => {
            const { places, answer } = claySearch.store.get();
            const best = (place) => place.properties.chips.reduce((one, chip) =>
                (chip.cloud_share ?? 1) <= (one.cloud_share ?? 1) ? chip : one).chip_id;
            return answer.features.filter(({ properties }) =>
                best(places[properties.place]) !== properties.chip_id).length;
        }"""
    )
    assert wanted > 0
    page.wait_for_function(
        """(wanted) => {
            const drawn = Object.values(claySearch.map.getStyle().sources)
                .filter(({ type }) => type === "image").length;
            return wanted <= drawn && drawn <= wanted + 1; // the asked one, if not the clearest
        }""",
        arg=wanted,
    )
