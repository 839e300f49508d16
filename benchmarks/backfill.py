"""A backfill of many tiny tiles through Dagster's daemon, beside the same work in a plain loop.

    python benchmarks/backfill.py --tiles 1203 --folder /tmp/bench

Each tile has one ready chip of 64 px, so that what is measured is mostly orchestration. The web
server is asked to start the backfill as the UI does; time counts from then to the end of the last
run.
"""

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

PORT = 3901
ASSETS = (["tiles"], ["chips"], ["embeddings", "clay"], ["pgvector_index"])
LAUNCH = """mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
  }
}"""
STATUS = """query($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } }
}"""


def main() -> None:
    """Make the tiles, do them in a loop, then as a backfill."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=int, default=1_203)
    parser.add_argument("--folder", type=Path, required=True)
    arguments = parser.parse_args()
    shutil.rmtree(arguments.folder, ignore_errors=True)
    os.environ |= {
        "CLAY_HOME": str(arguments.folder / "home"),
        "CLAY_IMAGERY": str(arguments.folder / "bucket"),
    }
    tiles = prepare(arguments.folder, arguments.tiles)
    looped = plain_loop(tiles[: min(200, len(tiles))])
    backfilled = backfill(tiles)
    print(f"{len(tiles)} tiles of one 64 px chip: scenes, chips, embeddings, rows in PostgreSQL")
    print(f"plain loop, no Dagster   {looped:.3f} s a tile")
    print(f"backfill by the daemon   {backfilled:.3f} s a tile")
    print(f"of it orchestration      {backfilled - looped:.3f} s a tile")


def prepare(folder: Path, count: int) -> list[str]:
    """Chips in a folder, registered as the sensor does it, and a checkpoint."""
    from clay_assets.defs.imagery import imagery_events
    from clay_assets.defs.instance import open_instance
    from clay_assets.defs.partitions import add_tiles
    from clay_assets.ingest.sweep import SweepState, sweep
    from clay_assets.ingest.watched import register_changes
    from clay_assets.settings import Settings
    from clay_assets.store import Store
    from clay_assets_tests.defs.operating import import_tiny_checkpoint, put_chip
    from clay_assets_tests.ingest.making import tile_names

    settings = Settings.from_environment()
    bucket = Store(str(settings.imagery), folder / "cache")
    for number, tile in enumerate(tile_names(count)):
        put_chip(bucket, tile, 1, seed=number)
    import_tiny_checkpoint(settings, folder / "weights")
    state, started = SweepState(), time.perf_counter()
    with open_instance() as instance:
        while len(state.signatures) < count:
            found = sweep(bucket.root, state)
            state = found.state
            for change in register_changes(settings.store, bucket.root, found.changes):
                for event in imagery_events(change.mgrs, change.version, {}):
                    instance.report_runless_asset_event(event)
        add_tiles(instance, sorted(state.signatures))
    seconds = time.perf_counter() - started
    print(f"found and registered     {seconds / count:.3f} s a tile")
    return sorted(state.signatures)


def plain_loop(tiles: list[str]) -> float:
    """Seconds a tile of the same steps without Dagster, into a folder and database of their own."""
    from dataclasses import replace

    from clay_assets import chips, embeddings, ingest, search
    from clay_assets.embeddings import load_products
    from clay_assets.search.postgres import postgres_server
    from clay_assets.settings import Settings
    from clay_assets.tile_sources import read_source

    settings = Settings.from_environment()
    alone = replace(settings, data_root=f"{settings.data_root}_alone", home=settings.home / "alone")
    shutil.copytree(Path(settings.data_root) / "checkpoints", Path(alone.data_root) / "checkpoints")
    product = load_products(None)["clay"]
    started = time.perf_counter()
    with postgres_server(None, alone.postgres_folder) as url:
        for tile in tiles:
            source = read_source(settings.store, tile)
            ingest.plan_registered(
                alone.store, source, max_dates=3, max_cloud_pct=50, max_nodata_pct=20, run_id=""
            )
            chips.cut_tile(alone.store, tile, run_id="")
            embeddings.embed_tile(alone.store, product, tile, run_id="")
            search.sync_tile(url, alone.store, "clay", tile, run_id="")
    return (time.perf_counter() - started) / len(tiles)


def backfill(tiles: list[str]) -> float:
    """Seconds a tile through web server, daemon and runs."""
    with dagster_at_work():
        params = {
            "assetSelection": [{"path": path} for path in ASSETS],
            "partitionNames": tiles,
            "fromFailure": False,
        }
        started = time.perf_counter()
        launched = ask(LAUNCH, {"params": params})["launchPartitionBackfill"]
        backfill_id = launched["backfillId"]
        status = ""
        while not status.startswith(("COMPLETED", "FAILED", "CANCELED")):
            time.sleep(1)
            answer = ask(STATUS, {"id": backfill_id})["partitionBackfillOrError"]
            status = answer["status"]
        seconds = time.perf_counter() - started
    report(status, tiles)
    return seconds / len(tiles)


def report(status: str, tiles: list[str]) -> None:
    """How it ended, tile by tile, and how the time was spent."""
    from clay_assets.defs.instance import open_instance

    with open_instance() as instance:
        runs = [run for run in instance.get_run_records() if run.dagster_run.asset_selection]
        done = instance.get_materialized_partitions(dg.AssetKey("pgvector_index"))
        print(
            f"backfill {status}, {len(done)} of {len(tiles)} tiles in the index, {len(runs)} runs"
        )
        first = min(run.start_time for run in runs)
        last = max(run.end_time for run in runs)
        spent = sum(run.end_time - run.start_time for run in runs)
        print(f"first run to last        {last - first:.0f} s, runs together {spent:.0f} s")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    print(f"CPU of all processes     {cpu / len(tiles):.3f} s a tile")


@contextmanager
def dagster_at_work() -> Iterator[None]:
    """Web server and daemon, while the block runs."""
    from clay_assets.defs.instance import prepare_dagster_home

    home = prepare_dagster_home()
    command = [sys.executable, "-m", "dagster", "dev", "-m", "clay_assets.definitions"]
    with (home / "dev.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "--port", str(PORT)],
            cwd=home,
            env=os.environ | {"DAGSTER_HOME": str(home)},
            stdout=log,
            stderr=log,
        )
        try:
            wait_for_server()
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def wait_for_server() -> None:
    """Return once the web server answers."""
    while True:
        try:
            ask("{ version }", {})
            return
        except OSError:
            time.sleep(0.5)


def ask(query: str, variables: dict[str, Any]) -> dict[str, Any]:
    """What the web server's GraphQL answers."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}/graphql", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=300) as answer:
        content = json.load(answer)
    if content.get("errors"):
        raise SystemExit(f"the web server answered {content['errors']}")
    return content["data"]


if __name__ == "__main__":
    main()
