"""The recipe of a tile's datacube: which pixels of which files make it, on one grid.

It is kept as stac-geoparquet: a row for each scene, and the recipe itself in the file's metadata.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pystac
import stac_geoparquet.arrow

from clay_assets.errors import NotFoundError
from clay_assets.ingest.chip_names import ChipName
from clay_assets.ingest.grid import Grid, PixelWindow
from clay_assets.ingest.raster_files import BandSource
from clay_assets.ingest.selection import Choice
from clay_assets.store import Store


@dataclass(frozen=True)
class DatePlan:
    """Where the pixels of one date come from."""

    date: str
    """Day of the Sentinel-2 scene, `YYYY-MM-DD`."""
    scenes: tuple[str, ...]
    """Ids of all items, Sentinel-2 first."""
    sources: dict[str, tuple[BandSource, ...]]
    """Band, or `SCL`, to its files; where they overlap, the first with data wins."""


@dataclass(frozen=True)
class PlannedChip:
    """A ready chip, as far as its header tells."""

    name: ChipName
    """Read from its file name, else made up."""
    href: str
    """Absolute path or URL."""
    etag: str
    """Changes when the file does."""
    bands: tuple[str, ...]
    """Names of its bands in the file's order."""


@dataclass(frozen=True)
class Recipe:
    """How to make the datacube of a tile."""

    mgrs: str
    """MGRS tile id."""
    location: str
    """Where the imagery was found."""
    grid: Grid
    """Pixels of the whole tile."""
    window: PixelWindow
    """The part of it that is wanted."""
    bands: tuple[str, ...]
    """Bands of the datacube; empty for ready chips, which have their own."""
    dates: tuple[DatePlan, ...]
    """In order of time; empty for ready chips."""
    chips: tuple[PlannedChip, ...]
    """Ready chips; empty for scenes."""
    choices: tuple[Choice, ...]
    """Every scene that was looked at, and what became of it."""
    data_version: str
    """Fingerprint of the pixels it describes."""
    inputs: str
    """Fingerprint of what the recipe was made from."""
    run_id: str
    """Run that made it."""
    package_version: str
    """Version of this package that made it."""

    @property
    def days(self) -> tuple[str, ...]:
        """Its dates, `YYYY-MM-DD`, in order of time."""
        planned = {plan.date for plan in self.dates} | {chip.name.date for chip in self.chips}
        return tuple(sorted(planned))

    def date_plan(self, date: str) -> DatePlan:
        """The plan of one date.

        Raises:
            NotFoundError: the recipe has no such date.
        """
        for plan in self.dates:
            if plan.date == date:
                return plan
        dates = ", ".join(plan.date for plan in self.dates)
        raise NotFoundError(f"tile {self.mgrs} has no date {date}; it has {dates}")


def recipe_key(tile: str) -> str:
    """Where a tile's recipe lies in the store."""
    return f"tiles/{tile}/tile.parquet"


def write_recipe(store: Store, recipe: Recipe, items: Sequence[pystac.Item]) -> None:
    """Write a recipe with the items it uses."""
    with store.writing(recipe_key(recipe.mgrs)) as path:
        table = _table_of(items, path)
        metadata = table.schema.metadata or {}
        metadata |= {b"clay_assets": json.dumps(asdict(recipe)).encode()}
        pq.write_table(table.replace_schema_metadata(metadata), path, compression="zstd")


def read_recipe(store: Store, tile: str) -> Recipe:
    """The recipe of a tile.

    Raises:
        NotFoundError: the tile has none yet.
    """
    try:
        with store.open(recipe_key(tile)) as file:
            metadata = pq.read_schema(file).metadata
    except NotFoundError as error:
        raise NotFoundError(
            f"tile {tile} has no recipe yet ({store.url(recipe_key(tile))} does not exist); "
            "materialise `tiles` of this tile first"
        ) from error
    return _recipe(json.loads(metadata[b"clay_assets"]))


def read_recipe_if_any(store: Store, tile: str) -> Recipe | None:
    """The recipe of a tile; None when it has none yet."""
    try:
        return read_recipe(store, tile)
    except NotFoundError:
        return None


def _table_of(items: Sequence[pystac.Item], path: Path) -> pa.Table:
    """A row for each item; `path` is written to on the way."""
    if not items:
        return pa.table({"id": pa.array([], pa.string())})
    rows = stac_geoparquet.arrow.parse_stac_items_to_arrow([_plain(item) for item in items])
    stac_geoparquet.arrow.to_parquet(rows, path)
    return pq.read_table(path)  # to_parquet takes no metadata of others


def _plain(item: pystac.Item) -> dict[str, Any]:
    return item.to_dict(include_self_link=False, transform_hrefs=False)


def _recipe(fields: dict[str, Any]) -> Recipe:
    return Recipe(
        **fields
        | {
            "grid": Grid(**fields["grid"]),
            "window": PixelWindow(**fields["window"]),
            "bands": tuple(fields["bands"]),
            "dates": tuple(_date_plan(plan) for plan in fields["dates"]),
            "chips": tuple(_chip(chip) for chip in fields["chips"]),
            "choices": tuple(Choice(**choice) for choice in fields["choices"]),
        }
    )


def _date_plan(fields: dict[str, Any]) -> DatePlan:
    sources = {
        band: tuple(BandSource(**source) for source in of_band)
        for band, of_band in fields["sources"].items()
    }
    return DatePlan(fields["date"], tuple(fields["scenes"]), sources)


def _chip(fields: dict[str, Any]) -> PlannedChip:
    name, bands = ChipName(**fields["name"]), tuple(fields["bands"])
    return PlannedChip(name, fields["href"], fields["etag"], bands)
