"""Both search engines beside numpy, FAISS, LanceDB and the speed of memory, on made-up embeddings.

    pip install faiss-cpu lancedb
    python benchmarks/search.py --rows 100000 --folder /tmp/bench
    python benchmarks/search.py --rows 1000000 --engines duckdb --no-graphs --folder /tmp/bench

It prints Markdown. Embeddings are unit vectors around 1,000 low-rank clusters with a mean in
common; each of 64 tiles prefers some of them. Queries are stored rows; the truth is one product of
matrices. CPU counts all threads and, for PostgreSQL, the server's processes too.
"""

import argparse
import os
import resource
import shutil
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from search_data import PRODUCT, TILES, write_files, write_tile
from search_peers import Ask, peers

from clay_assets.mgrs import tile_centre_wgs84
from clay_assets.search import (
    DuckDBIndex,
    Index,
    PgvectorIndex,
    Query,
    build_duckdb,
    maintain_pgvector,
    postgres_server,
    sync_tile,
)
from clay_assets.store import Store

__all__ = ["TILES", "write_files", "write_tile"]

BOX = (0.0, 40.0, 11.0, 80.0)
DAY = date(2020, 3, 31)
FILTERS: dict[str, dict[str, Any]] = {
    "one day": {"dates": (DAY, DAY)},
    "a box elsewhere": {"bbox_wgs84": BOX},
    "a tile elsewhere": {"mgrs": TILES[0]},
}
"""A fourth of the rows with the query's surroundings, a fourth without, and a 64th without."""
ASKED = [(10, None), (100, None), (1_000, None), *((10, name) for name in FILTERS)]
"""Numbers of hits, and filters."""
Answer = Callable[[str, np.ndarray, int, str | None], Sequence[str]]
"""Ids of the k best rows for a row of an id and a vector, of all rows or those of a filter."""


def main() -> None:
    """Run what the command line asks for and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--engines", nargs="*", default=["duckdb", "pgvector"])
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--no-graphs", action="store_true", help="leave out the peers' graphs")
    parser.add_argument("--no-exact", action="store_true", help="do not make pgvector score all")
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/clay_search_benchmark"))
    parser.add_argument("--keep", action="store_true", help="keep the folder for the next run")
    chosen = parser.parse_args()
    folder = chosen.folder / f"{chosen.rows}x{chosen.width}"
    store = Store(str(folder / "data"), folder / "cache")
    if not store.files("embeddings"):
        write_files(store, chosen.rows, chosen.width)
    with Clock() as clock:
        report = build_duckdb(store, run_id="benchmark")
    print(f"DuckDB: {loading(clock, chosen.rows)}; {report.size_bytes / 1e9:.2f} GB, recall@10 of")
    print(f"the sketches as measured by the build {report.recall.get(PRODUCT)}\n")
    with DuckDBIndex(store) as duckdb:
        bench = Bench(duckdb, chosen.samples)
        bench.header()
        if "duckdb" in chosen.engines:
            bench.engine("DuckDB", duckdb)
        if "pgvector" in chosen.engines:
            pgvector(bench, store, folder, chosen.rows, exact=not chosen.no_exact)
        if not chosen.no_peers:
            for name, seconds, ask in peers(
                bench.vectors, bench.passes, folder, graphs=not chosen.no_graphs
            ):
                bench.measure(f"{name} ({seconds:.0f} s to build)", bench.by_place(ask))
    if not chosen.keep:
        shutil.rmtree(folder)


def pgvector(bench: "Bench", store: Store, folder: Path, rows: int, *, exact: bool) -> None:
    """Load the pgvector index and measure it."""
    with postgres_server(None, folder / "postgres") as url:
        server = int((folder / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        with Clock(server) as clock:
            for tile in TILES:
                sync_tile(url, store, PRODUCT, tile, run_id="benchmark")
        with PgvectorIndex(url) as index:
            print(f"| pgvector: {loading(clock, rows)} |", flush=True)
            bench.engine("pgvector, sketches", index, server, exact=exact)
            with Clock(server) as building:
                report = maintain_pgvector(url, PRODUCT)
            walks = ", ".join(f"{walk.ef} for {walk.k} hits" for walk in report.walks)
            graphs = f"{report.rows_in_graphs:,} rows in graphs, ef_search {walks or 'none'}"
            spent = f"{building.wall:.0f} s wall, {building.cpu:.0f} s CPU to build and measure"
            print(f"| {graphs}, {spent}; recall {dict(report.recall)} |", flush=True)
            bench.engine("pgvector, graphs", index, server, exact=exact)


class Bench:
    """Queries with their true answers, and what is measured of each way to answer them."""

    def __init__(self, index: DuckDBIndex, samples: int) -> None:
        """Draw the queries from an index, and find their neighbours by brute force."""
        batches = list(index.vector_batches(PRODUCT))
        self.ids = np.concatenate([ids for ids, _ in batches])
        self.vectors = np.concatenate([vectors for _, vectors in batches])
        self.passes = masks(self.ids)
        elsewhere = ("a box elsewhere", "a tile elsewhere")
        outside = np.flatnonzero(~np.any([self.passes[name] for name in elsewhere], axis=0))
        self.queries = np.random.default_rng(1).choice(outside, samples, replace=False)
        self.pass_ms, self.pass_cpu_ms = memory_pass_ms(self.vectors)
        scores = self.vectors @ self.vectors[self.queries].T
        scores[self.queries, np.arange(samples)] = -np.inf
        self.truth = {None: self._best(scores)}
        for name, passes in self.passes.items():
            self.truth[name] = self._best(np.where(passes[:, None], scores, -np.inf))

    def _best(self, scores: np.ndarray) -> list[list[str]]:
        found = []
        for column in scores.T:
            best = np.argpartition(-column, 1_000)[:1_000]
            found.append(self.ids[best[np.argsort(-column[best], kind="stable")]].tolist())
        return found

    def header(self) -> None:
        """Say what is measured."""
        print(f"One pass over the vectors at the speed of memory: {self.pass_ms:.1f} ms wall,")
        print(f"{self.pass_cpu_ms:.1f} ms CPU. Load: {os.getloadavg()[0]:.1f}.\n")
        asked = [f"{k:,}{f', {name}' if name else ''}" for k, name in ASKED]
        print(f"| p50 / p95, ms; recall | {' | '.join(asked)} | CPU of 10, in passes |")
        print(f"|{'---|' * (len(asked) + 2)}")

    def engine(
        self, name: str, index: Index, server: int | None = None, *, exact: bool = True
    ) -> None:
        """Measure one of ours, as served and scoring every row."""

        def ask(exact: bool) -> Answer:
            def answer(chip_id: str, _: np.ndarray, k: int, name: str | None) -> Sequence[str]:
                query = Query(PRODUCT, k, chip_id, **FILTERS.get(name or "", {}))
                found: list[str] = index.search(query, exact=exact).frame["id"].tolist()
                return found

            return answer

        every = [(10, None), *((10, name) for name in FILTERS)]
        self.measure(f"{name}, as served", ask(False), server)
        if exact:
            self.measure(f"{name}, every row scored", ask(True), server, every)

    def by_place(self, ask: Ask) -> Answer:
        """A peer's way to answer as ours: the row itself is left out."""

        def answer(chip_id: str, vector: np.ndarray, k: int, name: str | None) -> Sequence[str]:
            places = ask(vector, k + 1, name and (name, self.passes[name]))
            return [one for one in self.ids[places].tolist() if one != chip_id][:k]

        return answer

    def measure(
        self,
        name: str,
        answer: Answer,
        server: int | None = None,
        asked: Sequence[tuple[int, str | None]] = ASKED,
    ) -> None:
        """Ask all queries twice, and print a line about the second time."""
        cells = []
        for k, filtered in ASKED:
            if (k, filtered) not in asked:
                cells.append("")
                continue
            few = self.queries[: max(5, len(self.queries) // (4 if k > 100 else 1))]
            times, cpu, found = [], [], 0
            for number, place in enumerate([*few, *few]):
                with Clock(server) as clock:
                    ids = answer(self.ids[place], self.vectors[place], k, filtered)
                if number >= len(few):
                    times.append(clock.wall * 1000)
                    cpu.append(clock.cpu * 1000)
                    found += len({*ids} & {*self.truth[filtered][number - len(few)][:k]})
            middle, high = (
                f"{ms:.{1 if ms < 100 else 0}f}" for ms in np.percentile(times, [50, 95])
            )
            cells.append(f"{middle} / {high}; {found / len(few) / k:.3g}")
            if not cells[1:]:
                share = np.median(cpu) / self.pass_cpu_ms
        print(f"| {name} | {' | '.join(cells)} | {share:.2f} |", flush=True)


class Clock:
    """Wall and CPU seconds of a block, those of a server's processes among them."""

    def __init__(self, server: int | None = None) -> None:
        """`server` is the process whose children are counted too."""
        self._server = server
        self.wall = self.cpu = 0.0

    def __enter__(self) -> "Clock":
        """Start."""
        # The server's last here and at the end: to read it takes some milliseconds.
        self._server_from = self._server_cpu()
        self._from = own_cpu(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        wall, cpu = time.perf_counter(), own_cpu()
        self.wall, self.cpu = wall - self._from[1], cpu - self._from[0]
        self.cpu += self._server_cpu() - self._server_from

    def _server_cpu(self) -> float:
        return cpu_of(self._server) if self._server else 0.0


def own_cpu() -> float:
    """CPU seconds of this process, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def cpu_of(server: int) -> float:
    """CPU seconds of a process and its children, as far as the clock's ticks of 10 ms tell."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # ended meanwhile
            continue
        if int(fields[1]) == server or path.parent.name == str(server):
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def masks(ids: np.ndarray) -> dict[str, np.ndarray]:
    """(N,) which rows meet each of `FILTERS`; by their ids, see `write_tile`."""
    centres = {tile: tile_centre_wgs84(tile) for tile in TILES}
    words = np.array([one.split("_") for one in ids])
    lons, lats = np.array([centres[tile] for tile in words[:, 1]]).T
    number = words[:, 4].astype(int)
    west, south = lons + 0.01 * (number // 4 % 64), lats + 0.01 * (number // 4 // 64)
    in_box = (west <= BOX[2]) & (west + 0.009 >= BOX[0])
    in_box &= (south <= BOX[3]) & (south + 0.009 >= BOX[1])
    found = f"{DAY:%Y%m%d}" == words[:, 2], in_box, words[:, 1] == TILES[0]
    return dict(zip(FILTERS, found, strict=True))


def memory_pass_ms(vectors: np.ndarray) -> tuple[float, float]:
    """Least wall and CPU time of one matrix-vector product over all vectors."""
    taken = []
    for place in range(7):
        with Clock() as clock:
            vectors @ vectors[place]
        taken.append((clock.wall * 1000, clock.cpu * 1000))
    return min(taken)


def loading(clock: Clock, rows: int) -> str:
    """How fast rows were loaded, for people."""
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return (
        f"{rows / clock.wall:,.0f} rows a second, {clock.wall:.0f} s wall, {clock.cpu:.0f} s CPU, "
        f"peak memory {peak_mib} MiB"
    )


if __name__ == "__main__":
    main()
