"""Embedding files of random vectors over chips that only the manifest knows."""

from dataclasses import dataclass, replace

import numpy as np

from clay_assets.chips import ChipRow
from clay_assets.embeddings.extraction import Extraction
from clay_assets.embeddings.file import FileMetadata
from clay_assets.embeddings.listing import file_key
from clay_assets.embeddings.writing import EmbeddedChip, write_file
from clay_assets.ingest.footprint import footprint_wgs84
from clay_assets.store import Store
from clay_assets_tests.embeddings.conftest import TILE, make_chip, put_manifest, row_of


@dataclass(frozen=True)
class Made:
    """A file as it was written."""

    key: str
    rows: list[ChipRow]
    vectors: np.ndarray
    metadata: FileMetadata


def made_rows(count: int = 3, tile: str = TILE) -> list[ChipRow]:
    """Chips of two days, side by side."""
    chips = [
        make_chip(number, date="2023-06-12" if number % 2 else "2023-09-01")
        for number in range(1, count + 1)
    ]
    rows = [row_of(chip, f"chips/{tile}/{chip.chip_id}.tif") for chip in chips]
    named = [
        replace(row, mgrs=tile, chip_id=row.chip_id.replace(TILE, tile), path=row.path)
        for row in rows
    ]
    return sorted(named, key=lambda row: (row.date, row.number))


def put_file(
    store: Store,
    product: str = "clay",
    *,
    shape: tuple[int, ...] = (3,),
    rows: list[ChipRow] | None = None,
    tile: str = TILE,
    seed: int = 0,
    checkpoint_id: str = "ab12",
    vectors: np.ndarray | None = None,
    **metadata,
) -> Made:
    """Write manifest and embedding file."""
    rows = made_rows(tile=tile) if rows is None else rows
    version = put_manifest(store, rows, tile)
    if vectors is None:
        vectors = np.random.default_rng(seed).normal(size=(len(rows), *shape)).astype("float32")
    by_id = {row.chip_id: vector for row, vector in zip(rows, vectors, strict=True)}
    level = {1: "mean", 3: "patch", 4: "group"}[len(shape)]
    days = [np.datetime64(row.date).item() for row in rows]
    key = file_key(product, tile, min(days), max(days))
    written = write_file(
        store,
        key,
        [
            EmbeddedChip(row, f"/made/{row.chip_id}.tif", footprint_wgs84(row.bounds, row.epsg))
            for row in rows
        ],
        lambda chips: np.stack([by_id[chip.chip_id].ravel() for chip in chips]),
        FileMetadata(
            product=product,
            checkpoint_id=checkpoint_id,
            level=level,
            precision="fp32",
            shape=shape,
            chips_data_version=version,
            inputs=f"inputs {seed}",
            data_version="",
            run_id="run 7",
            package_version="0.1.0",
            extraction=Extraction(level=level),
            **{"replaces": (), "recipe": "recipe"} | metadata,
        ),
    )
    return Made(key, rows, vectors, written)
