"""Local to S3 is a change of environment only: the whole demo, imagery and files in buckets."""

import os
import subprocess
import sys
from pathlib import Path

import obstore
import pytest
from obstore.store import from_url

from clay_assets.settings import Settings
from clay_assets_tests.defs.conftest import CHIP_SIZE, CHIPS


@pytest.mark.slow
def test_the_whole_demo_writes_to_a_bucket(
    landscape: Path, tmp_path: Path, s3_bucket: str, s3_environment: dict[str, str]
):
    imagery = f"s3://{s3_bucket}/imagery"
    _upload(landscape.parent, imagery)
    home = tmp_path / "home"
    environ = s3_environment | {
        "CLAY_HOME": str(home),
        "CLAY_DATA_ROOT": f"s3://{s3_bucket}/clay",
        "CLAY_IMAGERY": f"{imagery}/{landscape.name}",
    }
    command = [sys.executable, "-m", "clay_assets.cli", "demo", "--train-seconds", "3"]
    done = subprocess.run(
        [*command, "--chip-size", str(CHIP_SIZE)],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Chips most like" in done.stdout
    keys = [file.key for file in Settings.from_environment(environ).store.files()]
    assert sum(key.endswith(".tif") for key in keys) == CHIPS
    assert any(key.endswith(".gpq") for key in keys)
    assert "indexes/index.duckdb" in keys
    assert not (home / "data").exists()


def _upload(folder: Path, root: str) -> None:
    bucket = from_url(root, client_options={"allow_http": True})
    for path in folder.rglob("*"):
        if path.is_file():
            obstore.put(bucket, str(path.relative_to(folder)), path)
