"""The bucket sensor's look at many tiles, beside listing everything: seconds and changes found.

    python benchmarks/sweep.py --tiles 1203 --objects 100000

The bucket is a moto S3 server on this machine, which takes longer for each listing the more objects
there are; Amazon's S3 does not.
"""

import argparse
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import boto3
import obstore

from clay_assets.ingest.sweep import SweepState, sweep
from clay_assets.store import Store

WRITERS = 16


def main() -> None:
    """Fill a bucket, look until all is known, change something, look again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=int, default=1_203)
    parser.add_argument("--objects", type=int, default=100_000)
    arguments = parser.parse_args()
    from clay_assets_tests.ingest.making import tile_names

    tiles = tile_names(arguments.tiles)
    with s3_server():
        boto3.client("s3").create_bucket(Bucket="clay")
        bucket = Store("s3://clay/02", Path("/nonexistent"))
        fill(bucket, tiles, arguments.objects // len(tiles))
        state = look(bucket, "new tiles", SweepState(), until=len(tiles))
        obstore.put(bucket._objects, f"{tiles[len(tiles) // 2]}/late.tif", b"late")
        obstore.put(bucket._objects, "60XWS/2021-06-01/new.tif", b"new")
        look(bucket, "one new tile, one change", state, until=2)
        started = time.perf_counter()
        objects = len(bucket.files())
        print(f"listing all {objects} objects: {time.perf_counter() - started:.1f} s")


def look(bucket: Store, what: str, state: SweepState, *, until: int) -> SweepState:
    """Look as often as it takes to find so many changes."""
    found, slowest, ticks = 0, 0.0, 0
    while found < until:
        started = time.perf_counter()
        seen = sweep(bucket.root, state)
        slowest = max(slowest, time.perf_counter() - started)
        state, ticks, found = seen.state, ticks + 1, found + len(seen.changes)
    print(
        f"{what}: {found} changes in {ticks} looks, the slowest {slowest:.1f} s; cursor "
        f"{len(state.to_json()) / 1000:.0f} kB"
    )
    return state


def fill(bucket: Store, tiles: list[str], each: int) -> None:
    """Put small objects, so many a tile."""
    started = time.perf_counter()
    keys = [f"{tile}/2021-06-01/{number:04d}.tif" for tile in tiles for number in range(each)]
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda key: obstore.put(bucket._objects, key, key.encode()), keys))
    print(f"{len(keys)} objects put in {time.perf_counter() - started:.0f} s")


@contextmanager
def s3_server() -> Iterator[None]:
    """A moto server, and the environment that leads there."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while socket.socket().connect_ex(("127.0.0.1", port)):
            time.sleep(0.2)
        yield
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
