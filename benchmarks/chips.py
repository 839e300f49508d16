"""Chips a second from a whole tile: `clay_assets` against odc-stac with rioxarray, in one run.

    pip install -c constraints.txt -e '.[bench]'
    python benchmarks/chips.py --folder /tmp/chips --dates 3

Each way runs in a process of its own. `plain` loads the cube of a date with odc-stac and writes its
chips with rioxarray, deflated, judged by the same rules. `limit` does no more than must be done:
every block of every file is decoded once, every chip that was kept is encoded once, and as many
bytes are written. Peak memory is of the process, bytes read and written are those of its system
calls. Imagery is made on first use, which takes about five minutes.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from full_tile import full_tile

CHIP_PX = 512
THREADS = 2
WAYS = ("ours", "plain", "limit")


def main() -> None:
    """Run every way and print one JSON line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--dates", type=int, default=3)
    parser.add_argument("--plain-dates", type=int, default=1, help="the plain way is slow")
    parser.add_argument("--side", type=int, default=3660, help="of the landscape, in pixels")
    parser.add_argument("--times", type=int, default=3, help="how often it is mirrored")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--only", choices=WAYS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    catalogue = full_tile(
        asked.folder / "imagery", side_px=asked.side, times=asked.times, dates=asked.dates
    )
    if asked.only:
        run = {"ours": ours, "plain": plain, "limit": limit}[asked.only]
        print(json.dumps({"way": asked.only} | measured(run, asked, catalogue)))
        return
    for way in asked.ways:
        subprocess.run([sys.executable, "-W", "ignore", *sys.argv, "--only", way], check=True)


def measured(
    run: Callable[[argparse.Namespace, Path], dict[str, object]],
    asked: argparse.Namespace,
    catalogue: Path,
) -> dict[str, object]:
    """What a way tells of itself, with time, memory and bytes."""
    before, wall, cpu = system_calls(), time.monotonic(), time.process_time()
    facts = run(asked, catalogue)
    seconds, after = time.monotonic() - wall, system_calls()
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return facts | {
        "wall_s": round(seconds, 1),
        "cpu_s": round(time.process_time() - cpu, 1),
        "peak_rss_gib": round(peak_kb / 2**20, 2),
        "read_gb": round((after["rchar"] - before["rchar"]) / 1e9, 3),
        "written_gb": round((after["wchar"] - before["wchar"]) / 1e9, 3),
    }


def system_calls() -> dict[str, int]:
    """Bytes that this process has read and written so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return {name: int(value) for name, value in (line.split(": ") for line in lines)}


def ours(asked: argparse.Namespace, catalogue: Path) -> dict[str, object]:
    """Plan the tile and cut it."""
    from clay_assets.chips import cut_tile
    from clay_assets.ingest import find_imagery, list_tiles, plan_tile, read_recipe
    from clay_assets.store import Store

    shutil.rmtree(asked.folder / "ours", ignore_errors=True)
    store = Store(str(asked.folder / "ours"), asked.folder / "cache")
    (tile,) = list_tiles(str(catalogue))
    plan_tile(store, find_imagery(str(catalogue), tile), max_dates=asked.dates, run_id="benchmark")
    report = cut_tile(store, tile, chip_size=CHIP_PX, run_id="benchmark")
    recipe = read_recipe(store, tile)
    hrefs = {source.href for plan in recipe.dates for of in plan.sources.values() for source in of}
    return {
        "chips": report.chips,
        "rejected": report.rejected,
        "files_gb": round(sum(os.stat(href).st_size for href in hrefs) / 1e9, 3),
        "cut_s": round(report.seconds, 1),
    }


def plain(asked: argparse.Namespace, catalogue: Path) -> dict[str, object]:
    """Load the cube of each date and write its chips, as one would without this package."""
    import pystac
    from plain_way import write_chips

    shutil.rmtree(asked.folder / "plain", ignore_errors=True)
    items = list(pystac.Catalog.from_file(str(catalogue)).get_items())
    days = sorted(str(item.datetime.date()) for item in items if "sentinel-2" in item.collection_id)
    counts = [
        write_chips(items, day, asked.folder / "plain", CHIP_PX, THREADS)
        for day in days[: asked.plain_dates]
    ]
    return {"chips": sum(counts), "dates": len(counts)}


def limit(asked: argparse.Namespace, catalogue: Path) -> dict[str, object]:
    """Decode every block, encode every chip of `ours`, write as many bytes."""
    import numpy as np
    import rasterio
    from rasterio.windows import Window

    from clay_assets.chips.file import decode_chip, encode_chip

    def decode(path: Path) -> None:
        with rasterio.open(path) as dataset:
            rows = dataset.block_shapes[0][0]
            out = np.empty((rows, dataset.width), dataset.dtypes[0])
            for row in range(0, dataset.height, rows):
                height = min(rows, dataset.height - row)
                window = Window(0, row, dataset.width, height)
                dataset.read(1, window=window, out=out[:height])

    paths = sorted((asked.folder / "ours").rglob("claytile_*.tif"))
    sample = [
        decode_chip(path.read_bytes(), path.name) for path in paths[:: max(1, len(paths) // 40)]
    ]
    data = b"x" * (sum(path.stat().st_size for path in paths) // len(paths))
    scratch = asked.folder / "scratch"
    scratch.mkdir(exist_ok=True)
    times = {}
    with rasterio.Env(GDAL_CACHEMAX=1 << 28), ThreadPoolExecutor(THREADS) as pool:
        for name, work, share in (
            ("decode", lambda: list(pool.map(decode, catalogue.parent.glob("*/*.tif"))), 1.0),
            ("encode", lambda: list(pool.map(encode_chip, sample)), len(paths) / len(sample)),
            ("write", lambda: [Path(scratch, path.name).write_bytes(data) for path in paths], 1.0),
        ):
            wall, cpu = time.monotonic(), time.process_time()
            work()
            times[f"{name}_s"] = round(share * (time.monotonic() - wall), 1)
            times[f"{name}_cpu_s"] = round(share * (time.process_time() - cpu), 1)
    shutil.rmtree(scratch)
    return {"chips": len(paths)} | times


if __name__ == "__main__":
    main()
