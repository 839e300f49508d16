"""Recall of both engines on embeddings of real imagery, for some ten thousand rows each.

    clay-assets demo --imagery item.json --chip-size 128 --home /tmp/real
    python benchmarks/real_recall.py --home /tmp/real --folder /tmp/bench
    python benchmarks/real_recall.py --land-cover worldcover.tif --triplet vectorgeo.safetensors

Of a home, overlapping windows of its chips are embedded by its own network; of an ESA WorldCover
map, windows by VectorGeo's network. The windows of each chip (of 64 at most), or of each quarter of
the map, stand for a tile, so that filters can leave out a query's surroundings. It prints a table,
and under each line what the build measured.
"""

import argparse
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import rasterio
from search_data import PRODUCT, TILES, write_tile

from clay_assets.checkpoint_import import import_checkpoint
from clay_assets.checkpoints import find_checkpoint
from clay_assets.chips import read_chip, read_manifest
from clay_assets.chips.manifest import manifest_rows, manifest_tiles
from clay_assets.embeddings import load_encoder
from clay_assets.embeddings.encoder import ChipEncoder
from clay_assets.embeddings.extraction import Extraction
from clay_assets.embeddings.suiting import kind_of
from clay_assets.ingest.footprint import centre_wgs84
from clay_assets.models.token_encoder import ChipKind, Place
from clay_assets.models.triplet import CLASS_BAND, MISSING_CODE
from clay_assets.search import (
    DuckDBIndex,
    Index,
    PgvectorIndex,
    build_duckdb,
    maintain_pgvector,
    measure_recall,
    postgres_server,
    sync_tile,
)
from clay_assets.settings import Settings
from clay_assets.store import Store

WINDOW, STEP, COVER_STEP = 32, 8, 24  # pixels
BATCH = 256
CODES = {10: 116, 20: 20, 30: 30, 40: 40, 50: 50, 60: 60, 70: 70, 80: 80, 90: 90, 95: 126, 100: 100}
"""Class of ESA WorldCover -> of Copernicus Global Land Service, which VectorGeo learnt from."""
Pixels = npt.NDArray[np.generic]


def main() -> None:
    """Embed what the command line names, index it and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--home", type=Path, help="where `clay-assets demo` was run")
    parser.add_argument("--land-cover", type=Path, help="GeoTIFF of ESA WorldCover")
    parser.add_argument("--triplet", help="VectorGeo's network")
    parser.add_argument("--folder", type=Path, default=Path("/tmp/clay_search_benchmark"))
    asked = parser.parse_args()
    print(
        "| embeddings | rows | numbers | engine | recall@10 | @100 | p50, ms | by sketch or graph |"
    )
    print("|---|---|---|---|---|---|---|---|")
    if asked.home:
        measure("windows of chips", list(of_home(asked.home)), asked.folder)
    if asked.land_cover:
        store = Store(str(asked.folder / "triplet"), asked.folder / "cache")
        vectors = list(of_land_cover(store, asked.land_cover, asked.triplet))
        measure("windows of land cover", vectors, asked.folder)


def of_home(home: Path) -> Iterator[npt.NDArray[np.float32]]:
    """(N, D) vectors of the windows of each chip."""
    settings = Settings.from_environment({"CLAY_HOME": str(home)})
    store = settings.store
    checkpoint = find_checkpoint(store, "default").id
    for tile in manifest_tiles(store):
        for row in manifest_rows(read_manifest(store, tile)):
            chip = read_chip(store, row.path)
            kind = replace(kind_of(row), size_px=WINDOW)
            encoder = load_encoder(
                *(store, checkpoint, kind, Extraction("mean")),
                **{"device": "cpu", "precision": "fp32", "batch_size": BATCH},
            )
            place = Place(*centre_wgs84(chip.bounds, chip.epsg), date=chip.date)
            yield embedded(encoder, windows(chip.pixels, STEP), place)


def of_land_cover(store: Store, path: Path, network: str) -> Iterator[npt.NDArray[np.float32]]:
    """(N, D) vectors of each fourth of the windows that hold more than one class."""
    with rasterio.open(path) as file:
        cover = file.read(1)
    codes = np.full(256, MISSING_CODE, np.uint8)
    codes[list(CODES)] = list(CODES.values())
    found = windows(codes[cover][None], COVER_STEP)
    found = found[found.min(axis=(1, 2, 3)) < found.max(axis=(1, 2, 3))]
    checkpoint = import_checkpoint(store, network, "default", run_id="").data_version
    encoder = load_encoder(
        *(store, checkpoint, ChipKind((CLASS_BAND,), WINDOW, 100.0), Extraction("mean")),
        **{"device": "cpu", "precision": "fp32", "batch_size": BATCH},
    )
    for part in np.array_split(found, 4):
        yield embedded(encoder, part, Place(None, None, None))


def windows(pixels: Pixels, step: int) -> Pixels:
    """(N, C, 32, 32) of (C, H, W), every `step` pixels."""
    seen = np.lib.stride_tricks.sliding_window_view(pixels, (WINDOW, WINDOW), axis=(1, 2))
    seen = seen[:, ::step, ::step].transpose(1, 2, 0, 3, 4)
    return seen.reshape(-1, *seen.shape[2:])


def embedded(encoder: ChipEncoder, found: Pixels, place: Place) -> npt.NDArray[np.float32]:
    """(N, D) of (N, C, H, W)."""
    parts = [found[start : start + BATCH] for start in range(0, len(found), BATCH)]
    return np.concatenate(
        [encoder.embed_pixels(list(part), [place] * len(part)).wait() for part in parts]
    )


def measure(name: str, vectors: list[npt.NDArray[np.float32]], folder: Path) -> None:
    """Index the vectors and print a line for each engine."""
    shutil.rmtree(folder / "real", ignore_errors=True)
    store = Store(str(folder / "real" / "data"), folder / "real" / "cache")
    tiles = TILES[: len(vectors)]
    for tile, part in zip(tiles, vectors, strict=True):
        write_tile(store, tile, part)
    size = f"{sum(map(len, vectors)):,} | {vectors[0].shape[1]}"
    build_duckdb(store, run_id="benchmark")
    with DuckDBIndex(store) as index:
        line(f"{name} | {size} | DuckDB", index)
    with postgres_server(None, folder / "real" / "postgres") as url:
        for tile in tiles:
            sync_tile(url, store, PRODUCT, tile, run_id="benchmark")
        maintain_pgvector(url, PRODUCT)
        with PgvectorIndex(url) as index:
            line(f"{name} | {size} | pgvector", index)
    shutil.rmtree(folder / "real")


def line(name: str, index: Index) -> None:
    """Ask for the neighbours of 200 rows as the asset check does, every other one elsewhere."""
    ten, hundred = (measure_recall(index, PRODUCT, k=k, samples=200) for k in (10, 100))
    print(
        f"| {name} | {ten.recall:.4f} | {hundred.recall:.4f} | {ten.median_ms:.1f} | "
        f"{1 - ten.exact_share:.0%} |",
        flush=True,
    )
    (product,) = index.products()
    for one in product.reranks:
        kind = "elsewhere" if one.is_hard else "anywhere"
        print(f"|   {one.k} {kind}: {one.first} rows, then {one.rows}; recall {one.recall:.4f} |")


if __name__ == "__main__":
    main()
