"""Embedding files of made-up chips, and the ranking they should give, by numpy."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from pyproj import Geod

from clay_assets.embeddings.extraction import Extraction
from clay_assets.embeddings.file import BOUNDS, METADATA_KEY, FileMetadata, file_schema
from clay_assets.embeddings.listing import file_key
from clay_assets.ingest.footprint import (
    box_of_footprint,
    cell_footprints_wgs84,
    footprint_wgs84,
)
from clay_assets.mgrs import tile_box, tile_centre_wgs84
from clay_assets.search import Query
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


def made_patch_chips(
    tile: str, count: int, *, grid: tuple[int, int] = (4, 4), width: int = 24, seed: int = 0
) -> list[MadeChip]:
    """Chips of 2560 m in the tile's own grid, with embeddings of (rows, columns, width)."""
    rng, box = np.random.default_rng([seed, 7, *tile.encode()]), tile_box(tile)
    common = np.random.default_rng(1).normal(size=(6, width)) + 3
    chips = []
    for number, chip in enumerate(made_chips(tile, count, width=width, seed=seed)):
        row, column = divmod(number // 3, 40)
        west, north = box.west + 2560 * column, box.north - 2560 * row
        footprint = footprint_wgs84((west, north - 2560, west + 2560, north), box.epsg)
        embedding = common[rng.integers(6, size=grid)] + rng.normal(size=(*grid, width))
        chips.append(replace(chip, footprint=footprint, embedding=embedding))
    return chips


def patches_of(chips: Sequence[MadeChip]) -> list[MadeChip]:
    """The patches of such chips as if they were chips, in the order of the embeddings."""
    patches = []
    for chip in chips:
        rows, columns, _ = chip.embedding.shape
        epsg = tile_box(chip.mgrs).epsg
        box = box_of_footprint(chip.footprint, epsg)
        cells = cell_footprints_wgs84(box, epsg, rows=rows, columns=columns)
        for number, cell in enumerate(cells):
            row, column = divmod(number, columns)
            name = f"{chip.chip_id}/{row}/{column}"
            vector = chip.embedding[row, column]
            patches.append(replace(chip, chip_id=name, footprint=cell, embedding=vector))
    return patches


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
    shape = chips[0].embedding.shape
    days = [chip.day for chip in chips]
    storage = pa.FixedSizeListArray.from_arrays(
        pa.array(np.concatenate([chip.embedding.ravel() for chip in chips]), pa.float32()),
        math.prod(shape),
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
        extraction=Extraction(level, pooling="max" if level == "chip" else None),
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


def write_all(store: Store, product: str, chips: Sequence[MadeChip], **options: str) -> None:
    """Write the embedding files of all tiles of some chips."""
    for tile in sorted({chip.mgrs for chip in chips}):
        own = [chip for chip in chips if chip.mgrs == tile]
        write_embeddings(store, product, tile, own, **options)


def answer_by_numpy(chips: Sequence[MadeChip], query: Query) -> list[tuple[str, float]]:
    """(chip id, score) of the hits: what the query means, without any index."""
    by_id = {chip.chip_id: chip for chip in chips}
    positives = [*([query.chip_id] if query.chip_id else []), *query.positives]
    examples = [_unit(by_id[chip_id].embedding) for chip_id in positives]
    if query.vector is not None:
        examples.append(_unit(np.asarray(query.vector)))
    unwanted = [_unit(by_id[chip_id].embedding) for chip_id in query.negatives]
    hits = []
    for chip in chips:
        if not query.include_query and chip.chip_id in {*positives, *query.negatives}:
            continue
        if not _passes(chip, query):
            continue
        unit = _unit(chip.embedding)
        score = max(unit @ example for example in examples)
        if unwanted:
            score -= 0.5 * max(unit @ example for example in unwanted)
        if query.min_score is None or score >= query.min_score:
            hits.append((chip.chip_id, float(score)))
    ranked = sorted(hits, key=lambda hit: (-round(hit[1], 9), hit[0]))
    return ranked[query.offset : query.offset + query.k]


def _unit(vector: np.ndarray) -> np.ndarray:
    # Indexes keep unit vectors of float32.
    unit = vector.astype(np.float32).astype(np.float64)
    unit = (unit / np.linalg.norm(unit)).astype(np.float32).astype(np.float64)
    return unit / np.linalg.norm(unit)


def _passes(chip: MadeChip, query: Query) -> bool:
    if query.mgrs is not None and chip.mgrs != query.mgrs:
        return False
    first, last = query.dates or (None, None)
    if (first and chip.day < first) or (last and chip.day > last):
        return False
    if query.max_cloud_share is not None and (
        chip.cloud_share is None or chip.cloud_share > query.max_cloud_share
    ):
        return False
    if chip.chip_id in query.excluded:
        return False
    return all(shapely.intersects(chip.footprint, region) for region in _regions(query)) and (
        query.circle is None or metres_to(chip.footprint, query.circle[:2]) <= query.circle[2]
    )


def _regions(query: Query) -> list[shapely.Geometry]:
    """The box and the area of a query."""
    if query.bbox_wgs84 is None:
        boxes = []
    else:
        west, south, east, north = query.bbox_wgs84
        parts = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
        boxes = [shapely.union_all([shapely.box(w, south, e, north) for w, e in parts])]
    return [*boxes, *([] if query.area is None else [query.area])]


def metres_to(footprint: shapely.Geometry, lonlat: tuple[float, float]) -> float:
    """Geodesic distance of a place from a footprint, to a few metres."""
    if shapely.intersects_xy(footprint, *lonlat):
        return 0.0
    lon, lat = shapely.get_coordinates(shapely.segmentize(footprint, 0.001)).T
    start = np.ones_like(lon)
    return float(Geod(ellps="WGS84").inv(lonlat[0] * start, lonlat[1] * start, lon, lat)[2].min())
