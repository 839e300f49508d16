"""The training set: one table of all chips, each with its part in training."""

import json
import time
from dataclasses import dataclass
from typing import Any

import geopandas
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from clay_assets import __version__, progress
from clay_assets.chips import Manifest, manifest_tiles, read_manifest
from clay_assets.errors import NotFoundError
from clay_assets.ingest.footprint import centre_wgs84
from clay_assets.provenance import fingerprint
from clay_assets.store import Store
from clay_assets.training.splitting import MARGIN, TRAIN, VALIDATION, split_by_place

SET_VERSION = "1"
"""Raised when the same chips would be split or stored otherwise."""
KEY = "training_set/training_set.parquet"
COLUMNS = (
    "chip_id",
    "mgrs",
    "date",
    "path",
    "epsg",
    "west",
    "south",
    "east",
    "north",
    "chip_size",
    "bands",
    "cloud_share",
    "content_hash",
)
"""Columns taken from the chips' manifests; `lon`, `lat` of the centre and `part` are added."""


@dataclass(frozen=True)
class TrainingSet:
    """The table and how it was made."""

    rows: pd.DataFrame
    """One row a chip: `COLUMNS`, lon, lat in degrees, and part: train, validation or margin."""
    meta: dict[str, Any]
    """`data_version`, `inputs`, `run_id`, `package_version`, `validation_share`, and `tiles` with
    the data version of each."""

    def part(self, name: str) -> pd.DataFrame:
        """Rows of one part, numbered from 0."""
        return self.rows[self.rows["part"] == name].reset_index(drop=True)


@dataclass(frozen=True)
class TrainingSetReport:
    """What building the training set came to."""

    data_version: str
    """Fingerprint of the chips and their parts."""
    skipped: bool
    """Whether it was there already, made from the same inputs."""
    tiles: int
    """Tiles with chips."""
    training_chips: int
    """Chips that train."""
    validation_chips: int
    """Chips that validate; 0 when the area is too small to keep any apart."""
    margin_chips: int
    """Chips left out because they touch one that validates."""
    seconds: float
    """Time it took."""


def build_training_set(
    store: Store,
    *,
    tiles: list[str] | None = None,
    validation_share: float = 0.2,
    run_id: str,
) -> TrainingSetReport:
    """Split the chips of tiles by place and store the table.

    Args:
        store: where the chips are and the table goes.
        tiles: tiles to take; None for all that have chips.
        validation_share: share of each tile that validates, 0 to 0.5.
        run_id: run to note.

    Raises:
        NotFoundError: there are no chips.
        InvalidValueError: the share is outside 0 to 0.5.
    """
    started = time.monotonic()
    names = sorted(set(manifest_tiles(store) if tiles is None else tiles))
    manifests = [
        read_manifest(store, tile)
        for tile in progress.track(names, "Reading chip manifests", len(names))
    ]
    versions = {
        tile: manifest.meta["data_version"] for tile, manifest in zip(names, manifests, strict=True)
    }
    inputs = fingerprint(SET_VERSION, validation_share, versions)
    if store.exists(KEY) and (found := read_training_set(store)).meta["inputs"] == inputs:
        return _report(found, True, started)
    chips = _joined(manifests, store)
    parts = split_by_place(chips, validation_share=validation_share)
    lon, lat = centres_wgs84(chips)
    rows = pd.DataFrame(chips[list(COLUMNS)]).assign(lon=lon, lat=lat, part=parts)
    identity = rows[["chip_id", "content_hash", "part"]].to_numpy().tolist()
    meta = {
        "data_version": fingerprint(identity),
        "inputs": inputs,
        "run_id": run_id,
        "package_version": __version__,
        "validation_share": validation_share,
        "tiles": versions,
    }
    table = pa.Table.from_pandas(rows, preserve_index=False)
    table = table.replace_schema_metadata({"clay_assets": json.dumps(meta)})
    with store.writing(KEY) as path:
        pq.write_table(table, path, compression="zstd")
    return _report(TrainingSet(rows, meta), False, started)


def read_training_set(store: Store) -> TrainingSet:
    """The stored training set.

    Raises:
        NotFoundError: there is none yet.
    """
    try:
        with store.open(KEY) as file:
            table = pq.read_table(file)
    except NotFoundError as error:
        raise NotFoundError(
            f"{store.url(KEY)} does not exist; materialise `training_set` first"
        ) from error
    meta = json.loads(table.schema.metadata[b"clay_assets"])
    return TrainingSet(table.replace_schema_metadata(None).to_pandas(), meta)


def _joined(manifests: list[Manifest], store: Store) -> geopandas.GeoDataFrame:
    filled = [manifest.rows for manifest in manifests if len(manifest.rows)]
    if not filled:
        raise NotFoundError(
            f"no tile of {store.url('chips')} has a chip to train on; materialise `chips` first"
        )
    return geopandas.GeoDataFrame(pd.concat(filled, ignore_index=True))


def centres_wgs84(
    chips: pd.DataFrame,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Longitudes and latitudes of the middles of chips, the middle taken in each chip's own CRS.

    Args:
        chips: columns epsg, west, south, east, north.
    """
    lon, lat = np.empty(len(chips)), np.empty(len(chips))
    west, south, east, north = (
        chips[edge].to_numpy(float) for edge in ("west", "south", "east", "north")
    )
    for epsg, rows in chips.groupby("epsg").indices.items():
        bounds = west[rows], south[rows], east[rows], north[rows]
        lon[rows], lat[rows] = centre_wgs84(bounds, int(epsg))
    return lon, lat


def _report(training_set: TrainingSet, skipped: bool, started: float) -> TrainingSetReport:
    counts = training_set.rows["part"].value_counts()
    return TrainingSetReport(
        data_version=training_set.meta["data_version"],
        skipped=skipped,
        tiles=len(training_set.meta["tiles"]),
        training_chips=int(counts.get(TRAIN, 0)),
        validation_chips=int(counts.get(VALIDATION, 0)),
        margin_chips=int(counts.get(MARGIN, 0)),
        seconds=time.monotonic() - started,
    )
