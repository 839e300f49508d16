"""The search page with 25,200 footprints in Chromium: time to be ready, to answer, and of frames.

    pip install playwright
    python benchmarks/page.py --folder /tmp/bench

It serves 63 made-up tiles side by side, 400 places of four dates each, and drives the page as a
person does. Frames are compared with those of the same map without footprints. Needs Debian's
chromium, which here renders in software: a graphics card is faster.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright
from search_data import TILES, write_tile
from serving import served

from clay_assets.search import build_duckdb
from clay_assets.store import Store

FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader"]
FLAGS += ["--enable-unsafe-swiftshader"]
STEP, ACROSS = 0.05, 20
RECORD = """() => {
    window.frames_ms = [];
    let last = performance.now();
    const next = (now) => { window.frames_ms.push(now - last); last = now; request(); };
    const request = () => { window.frame = requestAnimationFrame(next); };
    request();
}"""
STOP = "() => { cancelAnimationFrame(window.frame); return window.frames_ms.slice(2); }"


def main() -> None:
    """Run what the command line asks for and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/clay_search_benchmark"))
    parser.add_argument("--picture", type=Path, help="file for a screenshot")
    chosen = parser.parse_args()
    home = (chosen.folder / "page").absolute()
    store = Store(str(home / "data"), home / "cache")
    rng = np.random.default_rng(0)
    for number, tile in enumerate(TILES[:63]):
        vectors = rng.normal(size=(1_600, 32)).astype(np.float32)
        corner = 5 + STEP * ACROSS * (number % 9), 45 + STEP * ACROSS * (number // 9)
        write_tile(store, tile, vectors, corner, STEP, ACROSS)
    build_duckdb(store, run_id="benchmark")
    with served(home) as (port, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        started = time.perf_counter()
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_selector("#map[data-ready]", timeout=300_000)
        ready_s = time.perf_counter() - started
        places = page.evaluate("claySearch.store.get().places.length")
        print(
            f"{places:,} footprints are on the map {ready_s:.1f} s after the address is opened.\n"
        )
        print("| | frames/s | p50, ms | p95, ms | longest, ms |")
        print("|---|---|---|---|---|")
        measure(page, "all footprints in view")
        print(f"\nA click is answered after {answered_s(page):.2f} s, drawing included.\n")
        measure(page, "the same with 12 hits")
        page.evaluate("claySearch.map.jumpTo({ zoom: claySearch.map.getZoom() + 4 })")
        page.wait_for_timeout(2_000)
        measure(page, "near, some hundred in view")
        if chosen.picture:
            page.screenshot(path=chosen.picture)
        page.evaluate(
            """() => {
                const { map } = claySearch;
                map.jumpTo({ zoom: map.getZoom() - 4 });
                const nothing = { type: "FeatureCollection", features: [] };
                for (const name of ["places", "hits"]) map.getSource(name).setData(nothing);
            }"""
        )
        page.wait_for_timeout(2_000)
        measure(page, "the same map, footprints taken out")
        browser.close()


def measure(page: Page, name: str) -> None:
    """Drag the map about, zoom in and out, and print a line about the frames."""
    page.mouse.move(400, 400)
    page.evaluate(RECORD)
    started = time.perf_counter()
    for x, y in ((600, 500), (300, 350), (500, 300), (400, 400)):
        page.mouse.down()
        page.mouse.move(x, y, steps=20)
        page.mouse.up()
    for turn in (-240, -240, 240, 240):
        page.mouse.wheel(0, turn)
        page.wait_for_timeout(400)
    seconds = time.perf_counter() - started
    frames = np.array(page.evaluate(STOP))
    middle, high = np.percentile(frames, [50, 95])
    rate = len(frames) / seconds
    print(f"| {name} | {rate:.0f} | {middle:.0f} | {high:.0f} | {frames.max():.0f} |", flush=True)


def answered_s(page: Page) -> float:
    """Seconds from a click on a place to its hits, drawn."""
    x, y = page.evaluate(
        """() => {
            const { map, store } = claySearch;
            const { lng, lat } = map.getCenter();
            const middles = store.get().places.map(({ geometry: { coordinates: [ring] } }) =>
                [(ring[0][0] + ring[2][0]) / 2, (ring[0][1] + ring[2][1]) / 2]);
            const far = ([x, y]) => Math.hypot(x - lng, y - lat);
            const nearest = middles.reduce((best, one) => far(one) < far(best) ? one : best);
            const { x, y } = map.project(nearest);
            return [x, y];
        }"""
    )
    started = time.perf_counter()
    page.mouse.click(x, y)
    page.wait_for_selector(".card", timeout=60_000)
    # The event holds the whole map, which takes 20 s to be sent here.
    page.evaluate("claySearch.map.loaded() || claySearch.map.once('idle').then(() => true)")
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
