"""Made-up embeddings for search.py: unit vectors around low-rank clusters, some in each tile."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from clay_assets.embeddings.file import BOUNDS, METADATA_KEY, FileMetadata, file_schema
from clay_assets.embeddings.listing import file_key
from clay_assets.mgrs import tile_centre_wgs84
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


def write_tile(
    store: Store,
    tile: str,
    vectors: np.ndarray,
    corner: tuple[float, float] | None = None,
    step: float = 0.01,
    across: int = 64,
) -> None:
    """One embedding file, as the embeddings stage writes it, with four dates a place.

    Args:
        store: where it goes.
        tile: its name.
        vectors: (N, D).
        corner: lon and lat of the first place; the middle of the tile by default.
        step: degrees from one place to the next.
        across: places from west to east.
    """
    count, width = vectors.shape
    lon, lat = corner or tile_centre_wgs84(tile)
    place = np.arange(count) // 4
    west, south = lon + step * (place % across), lat + step * (place // across)
    days = [date(2020, 1, 1) + timedelta(days=int(n % 4) * 90) for n in range(count)]
    ids = [f"claytile_{tile}_{day:%Y%m%d}_v01_{n:05d}" for n, day in enumerate(days)]
    corners = (west, south, west + 0.9 * step, south + 0.9 * step)
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
