"""What there is of every tile: one table over the whole store, read from as little as will do.

Only tiles whose files have changed since the last time are read again.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import geopandas
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from clay_assets import __version__, progress
from clay_assets.chips.manifest import manifest_key
from clay_assets.embeddings.listing import list_files
from clay_assets.errors import NotFoundError
from clay_assets.geotable import read_geotable, read_geotable_metadata, write_geotable
from clay_assets.ingest.footprint import footprint_wgs84
from clay_assets.mgrs import tile_box
from clay_assets.provenance import fingerprint
from clay_assets.store import Store
from clay_assets.tile_sources import read_source

CODE_VERSION = "1"
"""Raised whenever the same files give another table."""
COVERAGE_KEY = "coverage/coverage.parquet"
STATES = ("registered", "planned", "chips", "embedded")
"""How far a tile has come."""
PRODUCT_PREFIX = "embeddings_"
"""Of the columns that count a product's embeddings."""
_TYPES = {
    "dates": pd.ArrowDtype(pa.string()),
    "first_date": pd.ArrowDtype(pa.string()),
    "last_date": pd.ArrowDtype(pa.string()),
    "chips": "int64",
    "rejected": "int64",
    "cloud_share": "float64",
    "source": pd.ArrowDtype(pa.string()),
    "chips_data_version": pd.ArrowDtype(pa.string()),
}
_FILES_AT_ONCE = 32


@dataclass(frozen=True)
class CoverageReport:
    """What the step did."""

    tiles: int
    """Tiles of the store."""
    by_state: dict[str, int]
    """The same by state."""
    chips: int
    """Chips of all tiles."""
    embeddings: dict[str, int]
    """Embeddings by product."""
    tiles_read: int
    """Tiles whose files were new or had changed."""
    data_version: str
    """Fingerprint of the table."""
    skipped: bool
    """Whether it was up to date."""
    seconds: float
    """Time it took."""


@dataclass
class _Files:
    """What is known of a tile from the names and etags of its files."""

    source: str = ""
    """Etag of its registered source, as the next."""
    manifest: str = ""
    planned: bool = False
    """Whether it has a recipe."""
    embeddings: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Product -> key and etag of its file."""

    @property
    def mark(self) -> str:
        """Changes when one of the files does."""
        return fingerprint(
            self.source, self.manifest, self.planned, sorted(self.embeddings.items())
        )

    @property
    def state(self) -> str:
        """One of `STATES`."""
        if self.embeddings:
            return "embedded"
        return "chips" if self.manifest else "planned" if self.planned else "registered"


def update_coverage(store: Store, *, run_id: str) -> CoverageReport:
    """Bring the table of all tiles up to date.

    Columns: `mgrs`, `state`, `dates` in one text, the first and the last of them, `chips`,
    `rejected`, mean `cloud_share` of the chips, `embeddings_PRODUCT`, `source`,
    `chips_data_version`, and `geometry`, the tile's outline in OGC:CRS84.

    Raises:
        StoreError: the store cannot be read or written.
    """
    started = time.monotonic()
    found = _find(store)
    old = _previous(store)
    kept = {
        tile for tile, mark in old["mark"].items() if tile in found and found[tile].mark == mark
    }
    skipped = len(kept) == len(found) == len(old) and store.exists(COVERAGE_KEY)
    table = old
    if not skipped:
        fresh = _read(store, {tile: found[tile] for tile in sorted(found.keys() - kept)})
        table = _table(old.loc[sorted(kept)], fresh, _products(found))
        _write(store, table, run_id)
    states = Counter(table["state"])
    return CoverageReport(
        tiles=len(table),
        by_state={state: states[state] for state in STATES if states[state]},
        chips=int(table["chips"].sum()),
        embeddings={
            product: int(table[PRODUCT_PREFIX + product].sum()) for product in _products(found)
        },
        tiles_read=0 if skipped else len(found) - len(kept),
        data_version=read_geotable_metadata(store, COVERAGE_KEY)["data_version"],
        skipped=skipped,
        seconds=time.monotonic() - started,
    )


def read_coverage(store: Store) -> geopandas.GeoDataFrame:
    """The table, sorted by tile.

    Raises:
        NotFoundError: there is none yet.
    """
    return read_geotable(store, COVERAGE_KEY)


def _find(store: Store) -> dict[str, _Files]:
    """All tiles; no file is opened."""
    found: dict[str, _Files] = {}
    for file in store.files("imagery"):
        tile = file.key.removeprefix("imagery/").removesuffix(".json")
        found.setdefault(tile, _Files()).source = file.etag
    for tile in store.folders("tiles"):
        found.setdefault(tile, _Files()).planned = True
    folders = store.folders("chips")
    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        for tile, etag in zip(folders, pool.map(lambda t: _etag(store, t), folders), strict=True):
            if etag:
                found.setdefault(tile, _Files()).manifest = etag
    for embedded in list_files(store):
        of_tile = found.setdefault(embedded.tile, _Files()).embeddings
        of_tile[embedded.product] = embedded.key, embedded.etag
    return found


def _etag(store: Store, tile: str) -> str:
    """Etag of a tile's manifest; empty when it has none yet."""
    try:
        return store.stat(manifest_key(tile)).etag
    except NotFoundError:
        return ""


def _previous(store: Store) -> geopandas.GeoDataFrame:
    """The table of the last time by tile; empty when there is none of this code version."""
    if read_geotable_metadata(store, COVERAGE_KEY).get("code_version") == CODE_VERSION:
        return read_coverage(store).set_index("mgrs")
    return geopandas.GeoDataFrame({"mgrs": [], "mark": [], "geometry": []}).set_index("mgrs")


def _read(store: Store, found: Mapping[str, _Files]) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
        rows = pool.map(lambda item: _row(store, *item), found.items())
        return list(progress.track(rows, "Reading what there is of each tile", len(found)))


def _row(store: Store, tile: str, files: _Files) -> dict[str, Any]:
    box = tile_box(tile)
    row = {
        "mgrs": tile,
        "state": files.state,
        "mark": files.mark,
        "geometry": footprint_wgs84((box.west, box.south, box.east, box.north), box.epsg),
    }
    for product, (key, _) in files.embeddings.items():
        with store.open(key) as file:
            row[PRODUCT_PREFIX + product] = pq.read_metadata(file).num_rows
    return row | (_of_chips(store, tile) if files.manifest else _of_source(store, tile, files))


def _of_chips(store: Store, tile: str) -> dict[str, Any]:
    with store.open(manifest_key(tile)) as file:
        table = pq.read_table(file, columns=["date", "cloud_share"])
    meta = json.loads(table.schema.metadata[b"clay_assets"])
    dates = sorted({date.isoformat() for date in table["date"].to_pylist()})
    cloud_share = table["cloud_share"].to_numpy()
    known = cloud_share[np.isfinite(cloud_share)]
    return {
        "dates": " ".join(dates),
        "first_date": dates[0] if dates else None,
        "last_date": dates[-1] if dates else None,
        "chips": len(table),
        "rejected": sum(meta["rejected"].values()),
        "cloud_share": float(known.mean(dtype=np.float64)) if len(known) else None,
        "source": meta["source"],
        "chips_data_version": meta["data_version"],
    }


def _of_source(store: Store, tile: str, files: _Files) -> dict[str, Any]:
    source = read_source(store, tile).location if files.source else None
    return dict.fromkeys(_TYPES) | {"dates": "", "chips": 0, "rejected": 0, "source": source}


def _table(
    kept: geopandas.GeoDataFrame, fresh: Iterable[dict[str, Any]], products: list[str]
) -> geopandas.GeoDataFrame:
    counts = [PRODUCT_PREFIX + product for product in products]
    columns = ["mgrs", "state", *_TYPES, *counts, "mark", "geometry"]
    new = pd.DataFrame(list(fresh)).reindex(columns=columns)
    old = pd.DataFrame(kept.reset_index()).reindex(columns=columns)
    rows = pd.concat([part for part in (old, new) if len(part)] or [new])
    rows[counts] = rows[counts].fillna(0).astype("int64")
    rows = rows.astype(_TYPES).sort_values("mgrs", ignore_index=True)
    return geopandas.GeoDataFrame(rows, geometry="geometry", crs="OGC:CRS84")


def _products(found: Mapping[str, _Files]) -> list[str]:
    return sorted({product for files in found.values() for product in files.embeddings})


def _write(store: Store, table: geopandas.GeoDataFrame, run_id: str) -> None:
    # Marks follow etags, which change when the same is written anew.
    plain = table.drop(columns=["geometry", "mark"]).to_json(orient="records")
    metadata = {
        "code_version": CODE_VERSION,
        "data_version": fingerprint(plain),
        "run_id": run_id,
        "package_version": __version__,
    }
    write_geotable(store, COVERAGE_KEY, table, metadata)
