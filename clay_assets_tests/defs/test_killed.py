"""A demo killed at any stage is completed by the next one, and nothing finished is redone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import psutil
import pytest

from clay_assets.chips import read_chip
from clay_assets.chips.file import hash_chip
from clay_assets.settings import Settings
from clay_assets.store import Store
from clay_assets_tests.defs.conftest import CHIP_SIZE, CHIPS

DEADLINE_S = 180


def _chips(store: Store) -> int:
    return sum(file.key.endswith(".tif") for file in store.files("chips"))


STAGES: dict[str, Callable[[Store], bool]] = {
    "imagery": lambda store: bool(store.files("imagery")),
    "tiles": lambda store: bool(store.files("tiles")),
    "chips": lambda store: 0 < _chips(store) < CHIPS,
    "training": lambda store: bool(store.files("training_set")),
    "embeddings": lambda store: bool(store.files("checkpoints/names")),
    "indexes": lambda store: bool(store.files("embeddings")),
}


def _finished_files(store: Store, stage: str) -> dict[str, datetime]:
    """Files that the next run has to leave alone: all but what the killed run had in hand."""
    in_hand = ("imagery/", "chips/") if stage == "chips" else ("imagery/",)
    return {f.key: f.modified for f in store.files() if not f.key.startswith(in_hand)}


def _chip_hashes(store: Store) -> dict[str, str]:
    keys = [file.key for file in store.files("chips") if file.key.endswith(".tif")]
    return {key: hash_chip(read_chip(store, key)) for key in keys}


def _start(landscape: Path, home: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "clay_assets.cli", "demo", "--imagery", str(landscape)]
    command += ["--chip-size", str(CHIP_SIZE), "--train-seconds", "3", "--home", str(home)]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CLAY_")}
    return subprocess.Popen(
        command,
        env=inherited,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _wait_for(stage: str, store: Store, process: subprocess.Popen[str]) -> None:
    started = time.monotonic()
    while not STAGES[stage](store):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() - started < DEADLINE_S, f"{stage} was not reached"
        time.sleep(0.005)


def _finish(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, output
    return output


def _servers(home: Path) -> list[psutil.Process]:
    """PostgreSQL processes of this home."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if any(str(home) in part for part in process.info["cmdline"] or ())
    ]


@pytest.mark.slow
@pytest.mark.parametrize("stage", list(STAGES))
def test_a_killed_demo_is_completed_by_the_next(stage: str, landscape: Path, tmp_path: Path):
    home = tmp_path / "home"
    store = Settings.from_environment({"CLAY_HOME": str(home)}).store
    process = _start(landscape, home)
    _wait_for(stage, store, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = _finished_files(store, stage)
    chips = _chip_hashes(store)
    output = _finish(_start(landscape, home))
    assert "was cut short" in output or stage == "imagery"
    assert "Chips most like" in output
    after = {file.key: file.modified for file in store.files()}
    assert {key: after.get(key) for key in kept} == kept, "finished files were made again"
    assert chips.items() <= _chip_hashes(store).items()
    assert _chips(store) == CHIPS
    assert not _servers(home)


@pytest.mark.slow
def test_ctrl_c_leaves_nothing_running(landscape: Path, tmp_path: Path):
    home = tmp_path / "home"
    store = Settings.from_environment({"CLAY_HOME": str(home)}).store
    process = _start(landscape, home)
    _wait_for("chips", store, process)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "Run the same command again" in output
    assert "Traceback" not in output
    assert not _servers(home)
    assert not [child for child in children if child.is_running()]
