"""The one query that every engine answers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date as Date
from datetime import datetime
from typing import Any

import numpy as np

from clay_assets.errors import SearchError
from clay_assets.mgrs import parse_tile
from clay_assets.search.shapes import Area, Bbox, Circle, parse_area, parse_bbox, parse_circle

MAX_K = 25_000
"""Most neighbours of one query, those of the pages before counted too."""
MAX_EXAMPLES = 1_000
"""Most positives, and most negatives, of one query."""
MAX_NEAREST = 64
"""Most of each by mode `max`, which compares every row with every example."""
MAX_EXCLUDED = 25_000
"""Most rows that are left out by name."""
MODES = ("max", "mean", "rocchio", "ridge")
"""Ways to make one score of several examples, see `modes.py`."""
NEGATIVE_WEIGHT = 0.5
"""Share of the likeness to the nearest negative that is taken off the score, by mode `max`."""


@dataclass(frozen=True)
class Query:
    """Which rows look like these examples, among those that pass the filters?

    A row is a chip, or a patch of one for products of level patch; its id is the chip's, or
    `chip_id/row/col`. By default its score is its cosine to the nearest positive, less half its
    cosine to the nearest negative where there are negatives. Rows with equal scores come in the
    order of their ids.

    A row passes `bbox_wgs84`, `area` and `circle` when its footprint meets them.
    """

    product: str
    """Embedding product that is searched."""
    k: int = 10
    """Most hits, 1 to `MAX_K`."""
    chip_id: str | None = None
    """A positive: a row of the product, by id."""
    lonlat: tuple[float, float] | None = None
    """A positive: the clearest row over this place, then the latest; degrees."""
    vector: Sequence[float] | None = None
    """A positive: an embedding of the product's checkpoint, of any length but 0; kept as tuple."""
    positives: tuple[str, ...] = ()
    """More positives, ids."""
    negatives: tuple[str, ...] = ()
    """Rows that the hits should not look like, ids."""
    mode: str = "max"
    """How several examples make one score, one of `MODES`."""
    bbox_wgs84: Bbox | None = None
    """Only within (west, south, east, north), degrees; west > east crosses the antimeridian."""
    area: Area | None = None
    """Only within this polygon: GeoJSON or a shapely geometry in OGC:CRS84. Kept as shapely."""
    circle: Circle | None = None
    """Only within radius_m of a place: (lon, lat, radius_m)."""
    dates: tuple[Date | str | None, Date | str | None] | None = None
    """Only of these days, both included; None leaves a side open. Kept as dates."""
    mgrs: str | None = None
    """Only of this tile."""
    max_cloud_share: float | None = None
    """Only known to have at most this share of cloud, 0 to 1."""
    min_score: float | None = None
    """Only with at least this score."""
    excluded: tuple[str, ...] = ()
    """Rows that are never hits, ids; those the index does not hold do no harm."""
    include_query: bool = False
    """Whether the examples themselves may be hits."""
    offset: int = 0
    """How many of the best hits to pass over: those of the pages before."""

    def __post_init__(self) -> None:
        """Check every field and bring it to one form.

        Raises:
            SearchError: a field is outside what is allowed.
            TileError: `mgrs` is no tile.
        """
        self._check_page()
        for name, most in (
            ("positives", MAX_EXAMPLES),
            ("negatives", MAX_EXAMPLES),
            ("excluded", MAX_EXCLUDED),
        ):
            self._set(name, _ids(name, getattr(self, name), most))
        if self.lonlat is not None:
            self._set("lonlat", _place(self.lonlat))
        if self.vector is not None:
            self._set("vector", _vector(self.vector))
        if not self.has_positive:
            raise SearchError("a query needs an example; give chip_id, lonlat, vector or positives")
        self._check_mode()
        self._check_filters()

    def _check_mode(self) -> None:
        if self.mode not in MODES:
            raise SearchError(f"mode must be one of {', '.join(MODES)}, got {self.mode!r}")
        most = max(len(self.positives), len(self.negatives))
        if self.mode == "max" and most > MAX_NEAREST:
            raise SearchError(
                f"mode 'max' takes at most {MAX_NEAREST} positives and as many negatives, got "
                f"{most}; use mode ridge, rocchio or mean"
            )

    def _check_page(self) -> None:
        if not 1 <= self.k <= MAX_K:
            raise SearchError(f"k must be 1 to {MAX_K}, got {self.k}")
        if self.offset < 0:
            raise SearchError(f"offset must be 0 or more, got {self.offset}")
        if self.offset + self.k > MAX_K:
            raise SearchError(
                f"offset and k must be at most {MAX_K} together, got {self.offset} and {self.k}; "
                "narrow the search by a filter"
            )

    def _check_filters(self) -> None:
        if self.bbox_wgs84 is not None:
            self._set("bbox_wgs84", parse_bbox(self.bbox_wgs84))
        if self.area is not None:
            self._set("area", parse_area(self.area))
        if self.circle is not None:
            self._set("circle", parse_circle(self.circle))
        if self.dates is not None:
            self._set("dates", _dates(self.dates))
        if self.mgrs is not None:
            self._set("mgrs", parse_tile(self.mgrs))
        if self.max_cloud_share is not None and not 0 <= self.max_cloud_share <= 1:
            raise SearchError(f"max_cloud_share must be 0 to 1, got {self.max_cloud_share}")
        if self.min_score is not None and not math.isfinite(self.min_score):
            raise SearchError(f"min_score must be a finite number, got {self.min_score}")

    @property
    def has_positive(self) -> bool:
        """Whether there is at least one positive."""
        return bool(self.positives) or any(
            value is not None for value in (self.chip_id, self.lonlat, self.vector)
        )

    @property
    def last_rank(self) -> int:
        """Rank of the last hit that is asked for."""
        return self.offset + self.k

    @property
    def has_filter(self) -> bool:
        """Whether some rows are left out whatever their score."""
        fields = (self.bbox_wgs84, self.area, self.circle, self.dates, self.mgrs)
        return bool(self.excluded) or any(
            value is not None for value in (*fields, self.max_cloud_share)
        )

    def _set(self, name: str, value: Any) -> None:  # noqa: ANN401
        object.__setattr__(self, name, value)


def _ids(name: str, found: Sequence[str], most: int) -> tuple[str, ...]:
    if isinstance(found, str):
        raise SearchError(f"{name} must be a list of ids, got the text {found!r}")
    if len(found) > most:
        raise SearchError(f"{name} must be at most {most} ids, got {len(found)}")
    return tuple(dict.fromkeys(found))


def _place(found: tuple[float, float]) -> tuple[float, float]:
    lon, lat = (float(value) for value in found)
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise SearchError(
            f"lonlat must be longitude -180 to 180 and latitude -90 to 90, got {lon}, {lat}"
        )
    return lon, lat


def _vector(found: Sequence[float]) -> tuple[float, ...]:
    values = np.asarray(found, dtype=np.float64)
    if values.ndim != 1 or not values.size:
        raise SearchError(f"vector must be one row of numbers, got shape {values.shape}")
    if not np.isfinite(values).all():
        raise SearchError(f"vector must be finite, got {_first_bad(values)}")
    if not values.any():
        raise SearchError("vector must have a direction, got zeros only")
    return tuple(values.tolist())


def _first_bad(values: np.ndarray) -> str:
    place = int(np.argmin(np.isfinite(values)))
    return f"{values[place]} at position {place}"


def _dates(found: tuple[Any, Any]) -> tuple[Date | None, Date | None]:
    start, end = (_day(value) for value in found)
    if start and end and start > end:
        raise SearchError(f"dates must be (first, last), got {start} after {end}")
    return start, end


def _day(found: Date | str | None) -> Date | None:
    if isinstance(found, datetime):
        return found.date()
    if found is None or isinstance(found, Date):
        return found
    try:
        return Date.fromisoformat(found)
    except ValueError as error:
        raise SearchError(f"dates must be YYYY-MM-DD, got {found!r}") from error
