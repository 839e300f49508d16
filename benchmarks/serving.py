"""The HTTP API under many clients at once: time of an answer, answers a second, CPU an answer.

    python benchmarks/serving.py --rows 100000 --clients 16 --folder /tmp/bench

It serves the made-up embeddings of `search.py` (the same folder is used again) by
`clay-assets serve`, asks over real sockets, and prints Markdown. Each client asks its next
question when it has the answer to the one before. CPU is the server's, of all its threads.
"""

import argparse
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import psutil
from search_data import PRODUCT, write_files

from clay_assets.search import DuckDBIndex, build_duckdb
from clay_assets.store import Store

READY_S = 600
Question = Callable[[random.Random], tuple[str, str, bytes | None]]
"""Method, address and body."""


def main() -> None:
    """Run what the command line asks for and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 16])
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/clay_search_benchmark"))
    chosen = parser.parse_args()
    home = (chosen.folder / f"{chosen.rows}x{chosen.width}").absolute()
    store = Store(str(home / "data"), home / "cache")
    if not store.files("embeddings"):
        write_files(store, chosen.rows, chosen.width)
    build_duckdb(store, run_id="benchmark")
    with DuckDBIndex(store) as index:
        ids, vectors = index.vectors(PRODUCT, list(index.sample(PRODUCT, 500)["id"]))
    with served(home) as (port, process):
        print("| question | clients | p50, ms | p95, ms | answers/s | server CPU, ms |")
        print("|---|---|---|---|---|---|")
        for name, question in questions(list(ids), vectors).items():
            for clients in chosen.clients:
                row = measured(port, process, question, clients, chosen.seconds)
                print(f"| {name} | {clients} | {row} |", flush=True)


def questions(ids: list[str], vectors: np.ndarray) -> dict[str, Question]:
    """What is asked, by name."""
    lists = [vector.tolist() for vector in vectors]

    def get(address: str = "/api/search", **fields: object) -> Question:
        def ask(random: random.Random) -> tuple[str, str, None]:
            said = {"chip_id": random.choice(ids), **fields}
            return "GET", f"{address}?{urlencode(said)}", None

        return ask

    def post(random: random.Random) -> tuple[str, str, bytes]:
        said = {"vector": random.choice(lists), "k": 12}
        return "POST", "/api/search", json.dumps(said).encode()

    def alive(_random: random.Random) -> tuple[str, str, None]:
        return "GET", "/healthz", None

    return {
        "`/healthz`": alive,
        "a chip, k = 12": get(k=12),
        "a vector by POST, k = 12": post,
        "a chip, k = 12, in a box of a fourth of the rows": get(k=12, bbox="0,40,11,80"),
        "a chip, k = 12, every row scored": get(k=12, exact="true"),
        "a chip, k = 1,000": get(k=1_000),
        "export of 10,000 hits as GeoParquet": get("/api/export", k=10_000, format="parquet"),
    }


@contextmanager
def served(home: Path) -> Iterator[tuple[int, psutil.Process]]:
    """Port and process of a server that answers while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "clay_assets.cli", "serve", "--no-dagster"]
    products = home / "products.toml"
    products.write_text(f"[products.{PRODUCT}]\n")
    process = subprocess.Popen(
        [*command, "--port", str(port), "--home", str(home)],
        env=os.environ | {"CLAY_DATA_ROOT": str(home / "data"), "CLAY_PRODUCTS": str(products)},
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(port)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def wait_for(port: int) -> None:
    """Until the server is ready; the first look opens the index."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            if asked(http.client.HTTPConnection("127.0.0.1", port), ("GET", "/readyz", None)):
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit(f"the server on port {port} was not ready after {READY_S} s")


def measured(
    port: int, process: psutil.Process, question: Question, clients: int, seconds: float
) -> str:
    """The cells of one row: p50, p95, answers a second, CPU an answer."""
    times: list[float] = []
    before: list[float] = []
    gate = threading.Barrier(clients)
    end = [0.0]

    def client(number: int) -> None:
        chance = random.Random(number)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        asked(connection, question(chance))  # connects, and warms what is cached
        if gate.wait() == 0:
            before.append(cpu_s(process))
            end[0] = time.perf_counter() + seconds
        gate.wait()
        while time.perf_counter() < end[0]:
            started = time.perf_counter()
            if not asked(connection, question(chance)):
                raise RuntimeError("the server refused a question of the benchmark")
            times.append(time.perf_counter() - started)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall, cpu = time.perf_counter() - end[0] + seconds, cpu_s(process) - before[0]
    p50, p95 = np.percentile(times, [50, 95]) * 1_000
    rate, each = len(times) / wall, 1_000 * cpu / len(times)
    return f"{p50:,.1f} | {p95:,.1f} | {rate:,.1f} | {each:,.1f}"


def asked(connection: http.client.HTTPConnection, question: tuple[str, str, bytes | None]) -> bool:
    """Whether the server answers a question with 200; reads the whole answer."""
    method, address, body = question
    connection.request(method, address, body, {"content-type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    return answer.status == 200


def cpu_s(process: psutil.Process) -> float:
    """CPU seconds of a process so far."""
    used = process.cpu_times()
    return used.user + used.system


if __name__ == "__main__":
    main()
