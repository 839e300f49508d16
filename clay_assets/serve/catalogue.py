"""What can be searched: the chips of each product and the places where they lie.

Read from the embedding files, without their vectors, and again when a file changes. Chips of
several dates share one place; the map draws places.
"""

import json
import math
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from clay_assets.embeddings import EmbeddingFile, list_files, read_metadata, read_rows
from clay_assets.errors import NotFoundError
from clay_assets.provenance import fingerprint
from clay_assets.store import Store

REFRESH_S = 2.0
"""Changed files are looked for at most this often."""
COLUMNS = ["chip_id", "mgrs", "date", "source_url", "chip_hash", "cloud_share", "geometry"]
PATCH_LEVEL = 3
"""Sides of a chip's embedding at level patch: rows, columns, width."""
COORDINATE_DIGITS = 6
"""Digits of degrees that leave the server; the last one is about 0.1 m."""


@dataclass(frozen=True)
class ListedChip:
    """One chip that can be searched."""

    chip_id: str
    """Its id."""
    mgrs: str
    """Its tile."""
    date: str
    """Day of its scene, `YYYY-MM-DD`."""
    cloud_share: float | None
    """Share of cloudy pixels, 0 to 1; None where that is not known."""
    content_hash: str
    """Changes with its pixels."""
    source_url: str
    """Where its file lies."""
    place: int
    """Number of its place."""


@dataclass(frozen=True)
class Place:
    """A footprint and the chips that share it."""

    number: int
    """Position in `ProductChips.places`."""
    footprint: shapely.Geometry
    """Polygon, or two of them across the antimeridian; OGC:CRS84."""
    chips: tuple[ListedChip, ...]
    """By date."""

    @property
    def clearest(self) -> ListedChip:
        """The chip with the least cloud; of equals the latest."""
        return min(
            reversed(self.chips), key=lambda c: 1 if c.cloud_share is None else c.cloud_share
        )

    def of_date(self, date: str) -> ListedChip | None:
        """The chip of a day, or None."""
        return next((chip for chip in self.chips if chip.date == date), None)


@dataclass(frozen=True)
class ProductChips:
    """All chips of one product."""

    product: str
    """Name of the product."""
    version: str
    """Changes with any of its files."""
    chips: Mapping[str, ListedChip]
    """By id."""
    places: tuple[Place, ...]
    """By tile, then as they come in the files."""
    tiles: Mapping[str, tuple[ListedChip, ...]]
    """By MGRS id."""
    grid: tuple[int, int] | None = None
    """Rows and columns of patches in a chip, of a product of level patch."""

    def chip(self, chip_id: str) -> ListedChip:
        """One chip.

        Raises:
            NotFoundError: the product has no chip of that id.
        """
        found = self.chips.get(chip_id)
        if found is None:
            raise NotFoundError(
                f"product {self.product} has no chip {chip_id!r}; it has {len(self.chips)} others"
            )
        return found

    @cached_property
    def dates(self) -> list[str]:
        """Days that occur, oldest first."""
        return sorted({chip.date for chip in self.chips.values()})

    def places_in(self, bbox_wgs84: tuple[float, float, float, float]) -> list[Place]:
        """Places whose footprint meets a box, by number."""
        found = self._tree.query(shapely.box(*bbox_wgs84), predicate="intersects")
        return [self.places[number] for number in sorted(found.tolist())]

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree([place.footprint for place in self.places])

    @cached_property
    def bounds_wgs84(self) -> tuple[float, float, float, float] | None:
        """West, south, east, north of all places; None when there are none."""
        if not self.places:
            return None
        west, south, east, north = shapely.total_bounds([p.footprint for p in self.places])
        return float(west), float(south), float(east), float(north)

    @cached_property
    def geojson(self) -> bytes:
        """The places as a GeoJSON FeatureCollection; each feature lists its chips."""
        footprints = rounded([place.footprint for place in self.places])
        features = ",".join(
            f'{{"type":"Feature","id":{place.number},"geometry":{footprint},'
            f'"properties":{json.dumps(_properties(place), separators=(",", ":"))}}}'
            for place, footprint in zip(self.places, shapely.to_geojson(footprints), strict=True)
        )
        return f'{{"type":"FeatureCollection","features":[{features}]}}'.encode()


@dataclass
class Catalogue:
    """The chips of every product of a store, read once and again when files change."""

    store: Store
    """Where the embedding files lie."""
    _known: dict[str, ProductChips] = field(default_factory=dict)
    _looked_at: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, product: str) -> ProductChips:
        """Chips of a product; empty when nothing is embedded yet."""
        with self._lock:
            known = self._known.get(product)
            now = time.monotonic()
            if known is not None and now - self._looked_at[product] < REFRESH_S:
                return known
            files = list_files(self.store, product)
            version = fingerprint([[file.key, file.etag] for file in files])
            if known is None or known.version != version:
                known = _read(self.store, product, version, files)
            self._known[product], self._looked_at[product] = known, now
            return known

    def holder(self, chip_id: str, products: Iterable[str]) -> ProductChips:
        """The first of some products that has a chip.

        Raises:
            NotFoundError: no product has a chip of that id.
        """
        for product in products:
            chips = self.of(product)
            if chip_id in chips.chips:
                return chips
        raise NotFoundError(f"no product has a chip {chip_id!r}")


def _read(store: Store, product: str, version: str, files: Sequence[EmbeddingFile]) -> ProductChips:
    numbers: dict[bytes, int] = {}  # footprint -> number of the place
    by_place: list[list[ListedChip]] = []
    for file in files:
        for row in _rows(store, file.key):
            place = numbers.setdefault(row["geometry"], len(numbers))
            if place == len(by_place):
                by_place.append([])
            by_place[place].append(_listed(row, place))
    places = tuple(
        Place(number, shapely.from_wkb(footprint), tuple(sorted(chips, key=lambda c: c.date)))
        for (footprint, number), chips in zip(numbers.items(), by_place, strict=True)
    )
    chips = {chip.chip_id: chip for place in places for chip in place.chips}
    tiles: dict[str, list[ListedChip]] = {}
    for chip in chips.values():
        tiles.setdefault(chip.mgrs, []).append(chip)
    by_tile = {tile: tuple(tiles[tile]) for tile in sorted(tiles)}
    return ProductChips(product, version, chips, places, by_tile, _grid(store, files))


def _grid(store: Store, files: Sequence[EmbeddingFile]) -> tuple[int, int] | None:
    """Rows and columns of patches; every file of a product has the same."""
    shape = read_metadata(store, files[0].key).shape if files else ()
    return (shape[0], shape[1]) if len(shape) == PATCH_LEVEL else None


def _rows(store: Store, key: str) -> Iterator[dict[str, Any]]:
    for table in read_rows(store, key, COLUMNS):
        yield from table.to_pylist()


def _listed(row: dict[str, Any], place: int) -> ListedChip:
    return ListedChip(
        chip_id=row["chip_id"],
        mgrs=row["mgrs"],
        date=row["date"].isoformat(),
        cloud_share=known_share(row["cloud_share"]),
        content_hash=row["chip_hash"],
        source_url=row["source_url"],
        place=place,
    )


def known_share(found: float | None) -> float | None:
    """A share rounded to 4 digits; None for what tables write as null or NaN."""
    return None if found is None or math.isnan(found) else round(float(found), 4)


def rounded(footprints: Sequence[shapely.Geometry]) -> npt.NDArray[np.object_]:
    """Footprints as they leave the server, to `COORDINATE_DIGITS`."""
    grid = 10**-COORDINATE_DIGITS
    geometries: npt.NDArray[np.object_] = np.array(footprints, dtype=object)
    return np.asarray(shapely.set_precision(geometries, grid, mode="pointwise"))


def _properties(place: Place) -> dict[str, Any]:
    return {
        "place": place.number,
        "mgrs": place.chips[0].mgrs,
        "chips": [
            {
                "chip_id": chip.chip_id,
                "date": chip.date,
                "cloud_share": chip.cloud_share,
                "hash": chip.content_hash,
            }
            for chip in place.chips
        ],
    }
