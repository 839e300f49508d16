"""Embedding files of made-up chips, and the ranking they should give, by numpy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from clay_assets.embeddings.file import BOUNDS, METADATA_KEY, FileMetadata, file_schema
from clay_assets.embeddings.listing import file_key
from clay_assets.mgrs import tile_centre_wgs84
from clay_assets.store import Store


@dataclass(frozen=True)
class MadeChip:
    chip_id: str
    mgrs: str
    day: date
    cloud_share: float | None
    footprint: shapely.Polygon
    embedding: np.ndarray


def made_chips(
    tile: str, count: int, *, width: int = 24, seed: int = 0, kinds: int = 6
) -> list[MadeChip]:
    """Chips on a grid of three dates; embeddings around a few kinds, as if all were alike."""
    rng = np.random.default_rng([seed, *tile.encode()])
    common = np.random.default_rng(1).normal(size=(kinds, width)) + 3
    lon, lat = tile_centre_wgs84(tile)
    chips = []
    for number in range(count):
        place, day = number // 3, date(2021, 3, 1) + timedelta(days=90 * (number % 3))
        west, south = lon + 0.05 * (place % 20), lat + 0.05 * (place // 20)
        chips.append(
            MadeChip(
                f"claytile_{tile}_{day:%Y%m%d}_v01_{place + 1:04d}",
                tile,
                day,
                None if number % 11 == 0 else float(rng.integers(0, 30)) / 100,
                shapely.box(west, south, west + 0.045, south + 0.045),
                (common[rng.integers(kinds)] + rng.normal(size=width)) * rng.uniform(1, 9),
            )
        )
    return chips


def write_embeddings(
    store: Store,
    product: str,
    tile: str,
    chips: Sequence[MadeChip],
    *,
    version: str = "1",
    checkpoint_id: str = "ab12",
    level: str = "mean",
) -> str:
    """Write one embedding file; returns its key."""
    shape = (len(chips[0].embedding),)
    days = [chip.day for chip in chips]
    storage = pa.FixedSizeListArray.from_arrays(
        pa.array(np.concatenate([chip.embedding for chip in chips]), pa.float32()), shape[0]
    )
    columns = {
        "source_url": [f"chips/{tile}/{chip.chip_id}.tif" for chip in chips],
        "date": days,
        "embeddings": pa.ExtensionArray.from_storage(
            pa.fixed_shape_tensor(pa.float32(), shape), storage
        ),
        "geometry": [shapely.to_wkb(chip.footprint) for chip in chips],
        "chip_id": [chip.chip_id for chip in chips],
        "mgrs": [chip.mgrs for chip in chips],
        "chip_hash": [chip.chip_id for chip in chips],
        "bbox": [dict(zip(BOUNDS, chip.footprint.bounds, strict=True)) for chip in chips],
        "cloud_share": [chip.cloud_share for chip in chips],
        "nodata_share": [0.0 for _ in chips],
    }
    meta = FileMetadata(
        product=product,
        checkpoint_id=checkpoint_id,
        level=level,
        precision="fp32",
        recipe=f"recipe of {checkpoint_id}",
        shape=shape,
        chips_data_version="chips-1",
        inputs="inputs",
        replaces=(),
        run_id="run-of-embeddings",
        package_version="0.1.0",
        data_version=f"{tile}-{version}",
    )
    key = file_key(product, tile, min(days), max(days))
    table = pa.table(columns, schema=file_schema(shape))
    with store.writing(key) as path:
        pq.write_table(
            table.replace_schema_metadata({METADATA_KEY: meta.to_json()}),
            path,
            compression="zstd",
        )
    return key


def ranked_by_numpy(
    chips: Sequence[MadeChip],
    positives: np.ndarray,
    negatives: np.ndarray | None = None,
) -> list[tuple[str, float]]:
    """(chip id, score) of all chips, best first: the definition of the answer."""

    def unit(vectors: np.ndarray) -> np.ndarray:
        vectors = np.asarray(vectors, dtype=np.float32).astype(np.float64)
        return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)

    vectors = unit(np.stack([chip.embedding for chip in chips]))
    scores = (vectors @ unit(positives).T).max(axis=1)
    if negatives is not None and len(negatives):
        scores = scores - 0.5 * (vectors @ unit(negatives).T).max(axis=1)
    ids = [chip.chip_id for chip in chips]
    return sorted(zip(ids, scores.tolist(), strict=True), key=lambda pair: (-pair[1], pair[0]))
