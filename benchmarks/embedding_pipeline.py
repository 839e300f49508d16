r"""Chips a second: reading alone, encoding alone, and both together from GeoTIFF to GeoParquet.

    python benchmarks/embedding_pipeline.py --folder /tmp/pipeline
    python benchmarks/embedding_pipeline.py --folder /tmp/pipeline --s3
    python benchmarks/embedding_pipeline.py --folder /tmp/pipeline --tiles 500 --chips 2 \
        --chip-size 64 --size tiny --ways together

Chips are made first: smooth hills with noise, so that they pack about as imagery does. Each way
runs in a process of its own. `reader` reads and checks every chip; `encoder` embeds chips that are
in memory; `together` is what the asset does. `of_slower` compares its rate with the slower of the
two, by wall and by CPU time, of which on a shared machine only the second means much. `idle` is the
share of its time, after the weights are loaded, in which nothing was computed because chips were
not there yet. With --s3 everything lies in a moto server on this machine, which takes processor
time of its own. CPU seconds are of the process and do not count that server.
"""

import argparse
import json
import os
import resource
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from clay_assets.bands import BAND_NAMES, statistics_of
from clay_assets.checkpoints import put_checkpoint
from clay_assets.chips import Chip, ChipRow, read_manifest, write_chip, write_manifest
from clay_assets.chips.file import hash_chip
from clay_assets.chips.manifest import manifest_rows
from clay_assets.embeddings import EmbeddingsReport, Product, embed_tiles, load_encoder
from clay_assets.embeddings.batching import WantedChip
from clay_assets.embeddings.reading import read_chips
from clay_assets.embeddings.suiting import kind_of
from clay_assets.mgrs import tile_of
from clay_assets.models import ClayV0, ClayV0Config, make_checkpoint, size_named
from clay_assets.store import Store

WAYS = ("reader", "encoder", "together")
DATE, PRODUCT = "2023-06-12", Product("clay")


def main() -> None:
    """Make the chips, run every way, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--tiles", type=int, default=4)
    parser.add_argument("--chips", type=int, default=8, help="of each tile")
    parser.add_argument("--chip-size", type=int, default=512)
    parser.add_argument("--size", default="small", help="of the Clay v0 network")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--s3", action="store_true", help="keep all files in a moto server")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--only", choices=WAYS, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    if asked.only:
        print(
            json.dumps(
                {"reader": reader, "encoder": encoder, "together": together}[asked.only](asked)
            )
        )
        return
    with moto() if asked.s3 else here():
        fill(asked)
        found = {way: measured(way) for way in asked.ways}
    if len(found) == len(WAYS):
        slower = min(found[way]["chips_a_second"] for way in ("reader", "encoder"))
        dearer = max(found[way]["cpu_s_a_chip"] for way in ("reader", "encoder"))
        wall = found["together"]["chips_a_second"] / slower
        cpu = dearer / found["together"]["cpu_s_a_chip"]
        print(f"of_slower {wall:.2f} by wall, {cpu:.2f} by CPU time")


def measured(way: str) -> dict[str, float]:
    """Run one way in a process of its own."""
    command = [sys.executable, "-W", "ignore", *sys.argv, "--only", way]
    line = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(f"{way:9} {line}", end="", flush=True)
    return dict(json.loads(line))


def reader(asked: argparse.Namespace) -> dict[str, float]:
    """Read all chips of all tiles, as the pipeline does."""
    store = store_of(asked)
    wanted = [Wanted(row) for tile in tiles_of(asked) for row in rows_of(store, tile)]
    started = clock()
    count = sum(isinstance(chip, Chip) for _, chip in read_chips(store, wanted, ahead=8))
    return rates(count, started)


def encoder(asked: argparse.Namespace) -> dict[str, float]:
    """Embed chips that are in memory, as many as there are."""
    store, batch = store_of(asked), []
    rows = rows_of(store, tiles_of(asked)[0])[: asked.batch_size]
    batch = [chip for _, chip in read_chips(store, [Wanted(row) for row in rows], ahead=8)]
    ready = load_encoder(
        *(store, drawn(asked).id, kind_of(rows[0]), PRODUCT.extraction),
        **{name: getattr(asked, name) for name in ("device", "precision", "batch_size")},
    )
    ready.embed(batch).wait()
    count, started, flying = asked.tiles * asked.chips, clock(), []
    left = count
    while left > 0:
        flying.append(ready.embed(batch[:left]))
        left -= len(batch)
        if len(flying) > 2:
            flying.pop(0).wait()
    for pending in flying:
        pending.wait()
    return rates(count, started)


def together(asked: argparse.Namespace) -> dict[str, float]:
    """Embed all tiles; time counts from the second, when the weights are loaded."""
    store = store_of(asked)
    store.delete([file.key for file in store.files("embeddings")])
    how = {name: getattr(asked, name) for name in ("device", "precision", "batch_size")}
    first, *rest = tiles_of(asked)
    list(embed_tiles(store, PRODUCT, [first], run_id="", **how))
    reports, started = [], clock()
    for tile, report in embed_tiles(store, PRODUCT, rest, run_id="", **how):
        if not isinstance(report, EmbeddingsReport):
            raise SystemExit(f"{tile}: {report}")
        reports.append(report)
    found = rates(sum(report.embedded for report in reports), started)
    waited = sum(report.waited_seconds for report in reports)
    return found | {"idle": round(waited / (time.perf_counter() - started[0]), 3)}


class Wanted(WantedChip):
    """A chip of no tile."""

    def __init__(self, row: ChipRow) -> None:
        """Want it."""
        super().__init__(None, row)

    @property
    def is_wanted(self) -> bool:
        """Always."""
        return True


def clock() -> tuple[float, float]:
    """Wall and CPU time."""
    return time.perf_counter(), time.process_time()


def rates(chips: int, started: tuple[float, float]) -> dict[str, float]:
    """What so many chips took since then."""
    wall, cpu = (now - then for now, then in zip(clock(), started, strict=True))
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "chips": chips,
        "chips_a_second": round(chips / wall, 3),
        "cpu_s_a_chip": round(cpu / chips, 4),
        "peak_rss_gib": round(peak_kb / 2**20, 2),
    }


def store_of(asked: argparse.Namespace) -> Store:
    """Where the chips are, in a folder or a bucket for each kind."""
    name = f"{asked.chip_size}px-{asked.chips}"
    root = f"s3://bench/{name}" if asked.s3 else str(asked.folder / name)
    return Store(root, asked.folder / "cache")


def tiles_of(asked: argparse.Namespace) -> list[str]:
    """So many tiles, and one more to load the weights with."""
    found = (tile_of(lon, lat) for lat in range(5, 60) for lon in range(10, 60))
    return list(islice(dict.fromkeys(found), asked.tiles + 1))


def rows_of(store: Store, tile: str) -> list[ChipRow]:
    """The chips of a tile."""
    return manifest_rows(read_manifest(store, tile))


def fill(asked: argparse.Namespace) -> None:
    """Make the checkpoint, and the chips that are not there yet."""
    store = store_of(asked)
    put_checkpoint(store, drawn(asked), PRODUCT.checkpoint, inputs="", run_id="")
    pixels = hills(asked.chip_size)
    for tile in tiles_of(asked):
        if store.exists(f"chips/{tile}/chips.parquet"):
            continue
        rows = [put_chip(store, tile, number + 1, pixels) for number in range(asked.chips)]
        write_manifest(
            *(store, tile, rows),
            **{"inputs": "", "run_id": "", "chip_size": asked.chip_size},
            **{"rejected": {}, "source": "made up"},
        )


def drawn(asked: argparse.Namespace) -> object:
    """A checkpoint of random weights."""
    torch.manual_seed(0)
    config = ClayV0Config(*size_named(asked.size))
    return make_checkpoint(config, ClayV0(config).state_dict(), {"source": "random"})


def hills(side: int) -> np.ndarray:
    """(C, H, W) whole numbers around the bands' means."""
    rng, waves = np.random.default_rng(0), np.linspace(0, 9, side)
    relief = np.sin(waves)[:, None] + np.cos(2 * waves)
    means, stds = (np.array(values)[:, None, None] for values in statistics_of(BAND_NAMES))
    noise = rng.normal(0, 0.02, (len(BAND_NAMES), side, side))
    return np.abs(means + stds * (relief + noise)).round().clip(1).astype(np.float32)


def put_chip(store: Store, tile: str, number: int, pixels: np.ndarray) -> ChipRow:
    """Write one chip, unlike all others."""
    side, west = pixels.shape[-1], 300_000.0 + number * 10 * pixels.shape[-1]
    chip = Chip(
        chip_id=f"claytile_{tile}_{DATE.replace('-', '')}_v10_{number:04d}",
        pixels=np.roll(pixels, 7 * number, axis=2) + np.float32(number),
        bands=BAND_NAMES,
        date=DATE,
        epsg=32632,
        bounds=(west, 6_500_000.0 - 10 * side, west + 10 * side, 6_500_000.0),
        tags={},
    )
    path = f"chips/{tile}/{DATE}/{chip.chip_id}.tif"
    write_chip(store, path, chip)
    return ChipRow(
        **{"chip_id": chip.chip_id, "mgrs": tile, "date": DATE, "number": number, "row": 0},
        **{"col": number, "path": path, "epsg": chip.epsg, "bounds": chip.bounds, "gsd_m": 10.0},
        **{"chip_size": side, "bands": chip.bands, "cloud_share": 0.0, "nodata_share": 0.0},
        **{"scenes": (), "content_hash": hash_chip(chip)},
    )


@contextmanager
def here() -> Iterator[None]:
    """Files in a folder."""
    yield


@contextmanager
def moto() -> Iterator[None]:
    """An S3 server on this machine with a bucket `bench`, while the block runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    os.environ |= {"AWS_ENDPOINT_URL": url, "AWS_REGION": "us-east-1"}
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                request = urllib.request.Request(f"{url}/bench", method="PUT")
                urllib.request.urlopen(request, timeout=2).close()
                break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
