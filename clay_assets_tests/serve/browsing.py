"""What the browser tests share: a page that is open, where its chips are, what it shows."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Page, expect

CHROMIUM = Path("/usr/bin/chromium")
# MapLibre needs WebGL, which a machine without a graphics card renders in software.
FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--lang=en-US",
]
HITS = 12
PATIENCE = 20_000  # ms; a map drawn in software on a busy machine takes its time
expect.set_options(timeout=PATIENCE)

needs_chromium = pytest.mark.skipif(
    not CHROMIUM.exists(), reason=f"needs {CHROMIUM}: apt-get install chromium"
)


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Address of the app, served by a thread."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def open_page(page: Page, address: str, query: str = "") -> None:
    page.goto(f"{address}/{query}")
    page.wait_for_selector("#map[data-ready]")


def point_of(page: Page, number: int) -> tuple[float, float]:
    """Where on the screen the middle of a chip is, by its number in the tile, from 1."""
    x, y = page.evaluate(
        """(ending) => {
            const { map, store } = claySearch;
            const isWanted = ({ properties }) => properties.chips[0].chip_id.endsWith(ending);
            const ring = store.get().places.find(isWanted).geometry.coordinates[0];
            const lon = (ring[0][0] + ring[2][0]) / 2, lat = (ring[0][1] + ring[2][1]) / 2;
            const { x, y } = map.project([lon, lat]);
            return [x, y];
        }""",
        f"_{number:04d}",
    )
    return x, y


def places_lit(page: Page) -> set[int]:
    """Places that the map draws as hits."""
    lit = page.evaluate(
        """async () => {
            const { map } = claySearch;
            if (!map.areTilesLoaded()) await map.once("idle");
            return map.queryRenderedFeatures({ layers: ["place-tint"] })
                .filter(({ state }) => state.hit).map(({ id }) => id);
        }"""
    )
    return set(lit)


def places_of_hits(page: Page) -> set[int]:
    return set(
        page.evaluate("claySearch.store.get().answer.features.map((h) => h.properties.place)")
    )


def ask(page: Page, number: int) -> None:
    page.mouse.click(*point_of(page, number))
    expect(page.locator(".card").first).to_be_visible()


def mark(page: Page, rank: int, key: str) -> str:
    """Mark a hit by its key and give its row's id."""
    page.locator(f"#hit-{rank}").focus()
    page.keyboard.press(key)
    return str(page.locator(f".card:has(#hit-{rank})").get_attribute("data-id"))


def ids_of_hits(page: Page) -> list[str]:
    return [
        str(card.get_attribute("data-id"))
        for card in page.locator("#results:not(.stale) .card").all()
    ]


def marks(page: Page) -> list[tuple[str, str]]:
    """(id, class) of the marks, in the order in which they were made."""
    found = page.evaluate("claySearch.store.get().labels.map((label) => [label.id, label.class])")
    return [(id_, name) for id_, name in found]


def refine(page: Page) -> None:
    page.keyboard.press("r")
    expect(page.locator("#refine")).to_have_count(0)
    expect(page.locator("#results:not(.stale)")).to_be_visible()


def drag(page: Page, selector: str, right: float, down: float) -> None:
    box = page.locator(selector).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + right / 2, y + down / 2)
    page.mouse.move(x + right, y + down)
    page.mouse.up()
