"""Both search engines on made-up embeddings: time to load, time to answer, recall.

    python benchmarks/search.py --rows 100000 --width 768 --folder /tmp/bench
    python benchmarks/search.py --rows 100000 --engines duckdb

Embeddings are unit vectors around 1,000 low-rank clusters, tiles prefer some of them. Queries are
stored chips; every other is filtered to the tile of another, which leaves out what looks like it.
"""

import argparse
import json
import resource
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from clay_assets.embeddings.file import BOUNDS, METADATA_KEY, FileMetadata, file_schema
from clay_assets.embeddings.listing import file_key
from clay_assets.mgrs import tile_centre_wgs84
from clay_assets.search import (
    DuckDBIndex,
    Index,
    PgvectorIndex,
    Query,
    build_duckdb,
    measure_recall,
    postgres_server,
    sync_tile,
)
from clay_assets.store import Store

PRODUCT = "made_up"
TILES = [
    f"{zone:02d}V{column}M"
    for zone, columns in (
        (31, "ABCDEFGH"),
        (32, "JKLMNPQR"),
        (33, "STUVWXYZ"),
        (34, "ABCDEFGH"),
        (35, "JKLMNPQR"),
        (36, "STUVWXYZ"),
        (37, "ABCDEFGH"),
        (38, "JKLMNPQR"),
    )
    for column in columns
]
CLUSTERS, RANK = 1_000, 16


def main() -> None:
    """Run what the command line asks for and print JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--engines", nargs="+", default=["duckdb", "pgvector"])
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/clay_search_benchmark"))
    parser.add_argument("--keep", action="store_true", help="keep the folder for the next run")
    chosen = parser.parse_args()
    folder = chosen.folder / f"{chosen.rows}x{chosen.width}"
    store = Store(str(folder / "data"), folder / "cache")
    if not store.files("embeddings"):
        with timed("write embedding files", chosen.rows):
            write_files(store, chosen.rows, chosen.width)
    say("one pass over the vectors", ms=memory_pass_ms(chosen.rows, chosen.width))
    with timed("build duckdb", chosen.rows):
        build_duckdb(store, run_id="benchmark")
    with DuckDBIndex(store) as duckdb:
        if "duckdb" in chosen.engines:
            report(duckdb, duckdb, chosen.samples)
        if "pgvector" in chosen.engines:
            with postgres_server(None, folder / "postgres") as url:
                with timed("sync pgvector", chosen.rows):
                    for tile in TILES:
                        sync_tile(url, store, PRODUCT, tile, run_id="benchmark")
                with PgvectorIndex(url) as pgvector:
                    report(pgvector, duckdb, chosen.samples)
    if not chosen.keep:
        shutil.rmtree(folder)


def write_files(store: Store, rows: int, width: int) -> None:
    """Embedding files of all tiles."""
    rng = np.random.default_rng(0)
    common = rng.normal(size=width).astype(np.float32)
    centres = rng.normal(size=(CLUSTERS, width)).astype(np.float32)
    bases = rng.normal(size=(CLUSTERS, RANK, width)).astype(np.float32) / 4
    for number, tile in enumerate(TILES):
        count = rows // len(TILES) + (number < rows % len(TILES))
        if count:
            preferred = rng.permutation(CLUSTERS)[:100]
            cluster = rng.choice(preferred, count)
            spread = rng.normal(size=(count, RANK)).astype(np.float32)
            vectors = centres[cluster] + common
            for one in preferred:
                members = np.flatnonzero(cluster == one)
                vectors[members] += spread[members] @ bases[one]
            write_tile(store, tile, vectors)


def write_tile(store: Store, tile: str, vectors: np.ndarray) -> None:
    """One embedding file, as the embeddings stage writes it."""
    count, width = vectors.shape
    lon, lat = tile_centre_wgs84(tile)
    place = np.arange(count) // 4
    west, south = lon + 0.01 * (place % 64), lat + 0.01 * (place // 64)
    days = [date(2020, 1, 1) + timedelta(days=int(n % 4) * 90) for n in range(count)]
    ids = [f"claytile_{tile}_{day:%Y%m%d}_v01_{n:05d}" for n, day in enumerate(days)]
    corners = (west, south, west + 0.009, south + 0.009)
    storage = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), width)
    columns = {
        "source_url": [f"chips/{tile}/{chip_id}.tif" for chip_id in ids],
        "date": days,
        "embeddings": pa.ExtensionArray.from_storage(
            pa.fixed_shape_tensor(pa.float32(), [width]), storage
        ),
        "geometry": shapely.to_wkb(shapely.box(*corners)),
        "chip_id": ids,
        "mgrs": [tile] * count,
        "chip_hash": ids,
        "bbox": pa.StructArray.from_arrays([pa.array(side) for side in corners], BOUNDS),
        "cloud_share": np.linspace(0, 0.3, count, dtype=np.float32),
        "nodata_share": np.zeros(count, np.float32),
    }
    meta = FileMetadata(
        PRODUCT, "made-up", "mean", "fp32", (width,), "made-up", "1", "1", tile, (), "run", "0"
    )
    table = pa.table(columns, schema=file_schema((width,)))
    with store.writing(file_key(PRODUCT, tile, min(days), max(days))) as path:
        pq.write_table(
            table.replace_schema_metadata({METADATA_KEY: meta.to_json()}),
            path,
            compression="zstd",
            compression_level=1,
            use_dictionary=["mgrs", "date"],
            row_group_size=8192,
        )


def report(index: Index, reference: Index, samples: int) -> None:
    """Recall of what is served, and time by kind of query."""
    measured = measure_recall(index, PRODUCT, reference=reference, samples=samples)
    say(f"{index.engine} recall@10", **vars(measured))
    drawn = index.sample(PRODUCT, samples, seed=1)
    centre = drawn.geometry.iloc[0].centroid
    box = (centre.x - 0.2, centre.y - 0.2, centre.x + 0.2, centre.y + 0.2)
    kinds: dict[str, Callable[[str], tuple[Query, bool]]] = {
        "exact": lambda chip: (Query(PRODUCT, 10, chip), True),
        "unfiltered": lambda chip: (Query(PRODUCT, 10, chip), False),
        "k=1000": lambda chip: (Query(PRODUCT, 1000, chip), False),
        "a tile": lambda chip: (Query(PRODUCT, 10, chip, mgrs=drawn["mgrs"].iloc[0]), False),
        "a box": lambda chip: (Query(PRODUCT, 10, chip, bbox_wgs84=box), False),
        "half by cloud": lambda chip: (Query(PRODUCT, 10, chip, max_cloud_share=0.15), False),
        "3 positives, 2 negatives": lambda chip: (
            Query(
                PRODUCT,
                10,
                chip,
                positives=tuple(drawn["chip_id"][:2]),
                negatives=tuple(drawn["chip_id"][2:4]),
            ),
            False,
        ),
    }
    for kind, make in kinds.items():
        times = []
        for chip_id in drawn["chip_id"][: 5 if kind == "exact" else samples]:
            query, exact = make(chip_id)
            started = time.perf_counter()
            hits = index.search(query, exact=exact)
            times.append((time.perf_counter() - started) * 1000)
        low, middle, high = np.percentile(times, [5, 50, 95]).round(1).tolist()
        say(f"{index.engine} {kind}", exact=hits.exact, p5_ms=low, p50_ms=middle, p95_ms=high)


def memory_pass_ms(rows: int, width: int) -> float:
    """Time of one matrix-vector product over vectors of that size, in memory."""
    count = min(rows, 100_000)
    vectors = np.ones((count, width), dtype=np.float32)
    query = np.ones(width, dtype=np.float32)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        vectors @ query
        times.append(time.perf_counter() - started)
    return round(min(times) * rows / count * 1000, 1)


@contextmanager
def timed(step: str, rows: int) -> Iterator[None]:
    """Say how long a step took."""
    started, before = time.perf_counter(), cpu_seconds()
    yield
    seconds = time.perf_counter() - started
    say(
        step,
        seconds=round(seconds, 2),
        own_cpu_seconds=round(cpu_seconds() - before, 2),
        rows_per_second=round(rows / seconds),
    )


def cpu_seconds() -> float:
    """CPU time of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def say(what: str, **figures: object) -> None:
    """Print one line."""
    print(json.dumps({"what": what} | figures), flush=True)


if __name__ == "__main__":
    main()
