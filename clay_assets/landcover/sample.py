"""The `tile_sample` step: from WorldCover to the tiles to train on."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import geopandas
import pandas as pd

from clay_assets import __version__
from clay_assets.geotable import read_geotable, read_geotable_metadata, write_geotable
from clay_assets.ingest.footprint import footprint_wgs84
from clay_assets.landcover import statistics
from clay_assets.landcover.counting import CLAY_OVERVIEW
from clay_assets.landcover.cover_files import LOCATION, CoverFile, find_files
from clay_assets.landcover.criteria import Criterion
from clay_assets.landcover.sampling import sample_of
from clay_assets.landcover.tile_parts import all_parts, parts_of
from clay_assets.mgrs import parse_tile, tile_box
from clay_assets.provenance import fingerprint
from clay_assets.store import Store

CODE_VERSION = "1"
"""Raised whenever the same statistics give another sample."""
SAMPLE_KEY = "samples/tile_sample.parquet"
STATISTICS_KEY = "samples/tile_statistics.parquet"


@dataclass(frozen=True)
class SampleRequest:
    """Which tiles to draw, and from which."""

    criteria: tuple[Criterion, ...]
    """By what to draw."""
    seed: int
    """Of every draw."""
    tiles: tuple[str, ...] = ()
    """MGRS tiles to draw from; empty for all land."""
    location: str = LOCATION
    """Where WorldCover lies, see `find_files`."""
    collection: str | None = None
    """Collection of a STAC API."""
    overview: int = CLAY_OVERVIEW
    """Index of the overview that is read; -1 for all pixels."""


@dataclass(frozen=True)
class SampleReport:
    """What the step did."""

    tiles: tuple[str, ...]
    """The sample, sorted."""
    candidates: int
    """Tiles with land that it was drawn from."""
    drawn: dict[str, int]
    """Criterion -> tiles it drew."""
    by_criterion: dict[str, int]
    """Criterion -> tiles of the sample that it was the first to draw."""
    shortages: tuple[str, ...]
    """Criteria that could not draw as many as asked."""
    files: int
    """WorldCover files that the tiles lie in."""
    files_read: int
    """Those that were new or had changed."""
    data_version: str
    """Fingerprint of the sample."""
    skipped: bool
    """Whether it was there already."""
    seconds: float
    """Time it took."""


def sample_tiles(store: Store, request: SampleRequest, *, run_id: str) -> SampleReport:
    """Draw tiles by their land cover and write sample and statistics.

    All land is some 2,650 files of about 1 MB at Clay's overview and 5,760 questions which of them
    exist; what is read once is kept.

    Raises:
        ImageryError: WorldCover does not answer or a file cannot be read.
        NotFoundError: there is no WorldCover file of the tiles.
        TileError: one of the tiles does not exist.
    """
    started = time.monotonic()
    tiles = sorted({parse_tile(tile) for tile in request.tiles})
    parts = parts_of(tiles) if tiles else all_parts()
    files = find_files(request.location, parts, collection=request.collection)
    inputs = _inputs(request, tiles, files)
    metadata = read_geotable_metadata(store, SAMPLE_KEY)
    skipped = metadata.get("inputs") == inputs and store.exists(STATISTICS_KEY)
    read = 0
    if not skipped:
        found = statistics.statistics_of(store, files, parts, overview=request.overview)
        read = found.files_read
        how = {"inputs": inputs, "run_id": run_id, "package_version": __version__}
        metadata = how | _write(store, found.rows, request, how)
    rows = read_geotable(store, SAMPLE_KEY)
    return SampleReport(
        tiles=tuple(sorted(rows["mgrs"])),
        candidates=metadata["candidates"],
        drawn=metadata["drawn"],
        by_criterion={name: int((rows["criterion"] == name).sum()) for name in metadata["drawn"]},
        shortages=tuple(metadata["shortages"]),
        files=len(files),
        files_read=read,
        data_version=metadata["data_version"],
        skipped=skipped,
        seconds=time.monotonic() - started,
    )


def _inputs(request: SampleRequest, tiles: Sequence[str], files: Sequence[CoverFile]) -> str:
    return fingerprint(
        CODE_VERSION,
        statistics.CODE_VERSION,
        [asdict(criterion) for criterion in request.criteria],
        request.seed,
        request.overview,
        tiles,
        [asdict(file) for file in files],
    )


def _write(
    store: Store, found: pd.DataFrame, request: SampleRequest, how: dict[str, str]
) -> dict[str, object]:
    """Write statistics, then the sample; returns what its file says besides `how`."""
    sample = sample_of(found, request.criteria, seed=request.seed)
    about = {"location": request.location, "overview": request.overview}
    write_geotable(store, STATISTICS_KEY, _placed(found), how | about)
    rows = [list(row) for row in sample.rows.itertuples(index=False)]
    written: dict[str, object] = about | {
        "data_version": fingerprint(rows),
        "candidates": len(found),
        "drawn": sample.drawn,
        "shortages": list(sample.shortages),
        "seed": request.seed,
        "criteria": [asdict(criterion) for criterion in request.criteria],
    }
    write_geotable(store, SAMPLE_KEY, _placed(sample.rows), how | written)
    return written


def _placed(rows: pd.DataFrame) -> geopandas.GeoDataFrame:
    """The rows with the outline of their tile."""
    boxes = [tile_box(tile) for tile in rows["mgrs"]]
    outlines = [footprint_wgs84((b.west, b.south, b.east, b.north), b.epsg) for b in boxes]
    return geopandas.GeoDataFrame(rows, geometry=outlines, crs="OGC:CRS84")
