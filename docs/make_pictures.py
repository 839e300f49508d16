"""Make the README's pictures of the asset graph and the chip grid from a finished demo.

    .venv/bin/clay-assets demo && .venv/bin/python docs/make_pictures.py

Needs Debian's chromium. Starts Dagster's page and stops it again. The pictures of the search page
are made by its tests: `pytest clay_assets_tests/serve/test_browser_journey.py --pictures docs`.
"""

import argparse
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
PAGE_PORT, DAGSTER_PORT = 8766, 3766
START_S = 120
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]


def main() -> None:
    """Take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="home folder of the demo")
    home = parser.parse_args().home
    data = (home or Path.home() / ".clay_assets") / "data"
    shutil.copyfile(next(data.glob("tiles/*/chip_grid.png")), HERE / "chip_grid.png")
    with pages(home), sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=CHROMIUM_FLAGS
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        picture_graph(page)
        browser.close()


def picture_graph(page: Page) -> None:
    """Dagster's asset graph, all groups unfolded."""
    page.set_viewport_size({"width": 2400, "height": 1500})
    page.goto(f"http://127.0.0.1:{DAGSTER_PORT}/asset-groups")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(6_000)
    page.mouse.click(1_000, 250, button="right")
    page.get_by_role("menuitem", name="Expand all groups").click()
    page.mouse.move(1, 1)
    page.wait_for_timeout(6_000)
    clip = {"x": 545, "y": 110, "width": 1850, "height": 1370}
    page.screenshot(path=HERE / "graph.png", clip=clip)


@contextmanager
def pages(home: Path | None) -> Iterator[None]:
    """Both pages, running."""
    command = ["clay-assets", "serve", "--port", str(PAGE_PORT)]
    command += ["--dagster-port", str(DAGSTER_PORT)]
    if home is not None:
        command += ["--home", str(home)]
    program = shutil.which(command[0]) or str(HERE.parent / ".venv" / "bin" / command[0])
    process = subprocess.Popen([program, *command[1:]], env=dict(os.environ))
    try:
        for port in (PAGE_PORT, DAGSTER_PORT):
            wait_for(f"http://127.0.0.1:{port}/")
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def wait_for(url: str) -> None:
    """Return once a page answers."""
    started = time.monotonic()
    while time.monotonic() - started < START_S:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(1)
    raise TimeoutError(f"{url} did not answer within {START_S} s")


if __name__ == "__main__":
    main()
