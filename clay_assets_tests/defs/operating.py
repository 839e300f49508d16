"""What an operator has: a bucket of chips, a checkpoint, and Dagster's daemon at work."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import numpy as np
import torch

from clay_assets.bands import BAND_NAMES
from clay_assets.chips.file import Chip, encode_chip
from clay_assets.definitions import build_defs
from clay_assets.defs.instance import open_instance, prepare_dagster_home
from clay_assets.defs.partitions import add_checkpoint
from clay_assets.defs.runs import run_job
from clay_assets.ingest.chip_names import ChipName
from clay_assets.mgrs import tile_box
from clay_assets.models import ClayV0, ClayV0Config, TransformerSize, make_checkpoint
from clay_assets.models.checkpoint import WEIGHTS_FILE
from clay_assets.settings import Settings
from clay_assets.store import Store

CHIP_PX = 64
TINY = ClayV0Config(
    TransformerSize(16, 1, 2, 8, 2), TransformerSize(16, 1, 2, 8, 2), image_size=CHIP_PX
)


def put_chip(bucket: Store, tile: str, number: int, *, date="2021-06-01", seed=0) -> str:
    """A chip of noise in Clay's layout; returns its key."""
    name, box = ChipName(tile, date, number), tile_box(tile)
    pixels = np.random.default_rng([seed, number]).uniform(1, 3000, (13, CHIP_PX, CHIP_PX))
    west, side = box.west + 10 * CHIP_PX * number, 10 * CHIP_PX
    bounds = (west, box.north - side, west + side, box.north)
    chip = Chip(str(name), pixels.astype("float32"), BAND_NAMES, date, box.epsg, bounds, {})
    key = f"{tile}/{date}/{name}.tif"
    bucket.write_bytes(key, encode_chip(chip))
    return key


def import_tiny_checkpoint(settings: Settings, folder: Path) -> None:
    """A small random network as checkpoint `default`, by the job that a person would start."""
    torch.manual_seed(0)
    checkpoint = make_checkpoint(TINY, ClayV0(TINY).state_dict(), {"source": "random"})
    checkpoint.save(folder)
    with open_instance() as instance:
        add_checkpoint(instance, "default")
        run_job(
            build_defs(settings),
            instance,
            "import_checkpoint",
            partition="default",
            config={"checkpoints": {"source": str(folder / WEIGHTS_FILE)}},
        )


@contextmanager
def daemon(environ: dict[str, str]) -> Iterator[None]:
    """Dagster's daemon over the definitions, while the block runs."""
    home = prepare_dagster_home()
    command = [sys.executable, "-m", "dagster._daemon", "run", "-m", "clay_assets.definitions"]
    with (home / "daemon.log").open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=home,
            env=os.environ | environ | {"DAGSTER_HOME": str(home)},
            stdout=log,
            stderr=log,
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def wait_for(what: str, is_so: Callable[[], bool], seconds: float = 300) -> float:
    """Seconds until something is so."""
    started = time.monotonic()
    while not is_so():
        waited = time.monotonic() - started
        assert waited < seconds, f"{what} did not happen within {seconds} s"
        time.sleep(0.5)
    return time.monotonic() - started


def runs_of(instance: dg.DagsterInstance, asset: str) -> list[dg.DagsterRun]:
    """Runs that were to make an asset, the newest first."""
    key = dg.AssetKey(asset.split("/"))
    return [run for run in instance.get_runs() if key in (run.asset_selection or ())]
