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

MAX_K = 25_000
"""Most neighbours of one query."""
MAX_EXAMPLES = 64
"""Most positives, and most negatives, of one query."""
NEGATIVE_WEIGHT = 0.5
"""Share of the likeness to the nearest negative that is taken off the score."""

Bbox = tuple[float, float, float, float]


@dataclass(frozen=True)
class Query:
    """Which chips look like these examples, among those that pass the filters?

    The score of a chip is its cosine to the nearest positive, less half its cosine to the nearest
    negative where there are negatives. Chips with equal scores come in the order of their ids.
    """

    product: str
    """Embedding product that is searched."""
    k: int = 10
    """Most hits, 1 to `MAX_K`."""
    chip_id: str | None = None
    """A positive: a chip of the product."""
    lonlat: tuple[float, float] | None = None
    """A positive: the clearest chip over this place, then the latest; degrees."""
    vector: Sequence[float] | None = None
    """A positive: an embedding of the product's checkpoint, of any length but 0; kept as tuple."""
    positives: tuple[str, ...] = ()
    """More positives, chip ids."""
    negatives: tuple[str, ...] = ()
    """Chips that the hits should not look like."""
    bbox_wgs84: Bbox | None = None
    """Only chips whose bounding box meets (west, south, east, north), degrees; west > east
    crosses the antimeridian."""
    dates: tuple[Date | str | None, Date | str | None] | None = None
    """Only chips of these days, both included; None leaves a side open. Kept as dates."""
    mgrs: str | None = None
    """Only chips of this tile."""
    max_cloud_share: float | None = None
    """Only chips known to have at most this share of cloud, 0 to 1."""
    min_score: float | None = None
    """Only chips with at least this score."""
    include_query: bool = False
    """Whether the examples themselves may be hits."""

    def __post_init__(self) -> None:
        """Check every field and bring it to one form.

        Raises:
            SearchError: a field is outside what is allowed.
            TileError: `mgrs` is no tile.
        """
        if not 1 <= self.k <= MAX_K:
            raise SearchError(f"k must be 1 to {MAX_K}, got {self.k}")
        for name in ("positives", "negatives"):
            self._set(name, _chip_ids(name, getattr(self, name)))
        if self.lonlat is not None:
            self._set("lonlat", _place(self.lonlat))
        if self.vector is not None:
            self._set("vector", _vector(self.vector))
        if not self.has_positive:
            raise SearchError("a query needs an example; give chip_id, lonlat, vector or positives")
        if self.bbox_wgs84 is not None:
            self._set("bbox_wgs84", _bbox(self.bbox_wgs84))
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
    def has_filter(self) -> bool:
        """Whether some chips are left out whatever their score."""
        return any(
            value is not None
            for value in (self.bbox_wgs84, self.dates, self.mgrs, self.max_cloud_share)
        )

    def _set(self, name: str, value: Any) -> None:  # noqa: ANN401
        object.__setattr__(self, name, value)


def _chip_ids(name: str, found: Sequence[str]) -> tuple[str, ...]:
    if isinstance(found, str):
        raise SearchError(f"{name} must be a list of chip ids, got the text {found!r}")
    if len(found) > MAX_EXAMPLES:
        raise SearchError(f"{name} must be at most {MAX_EXAMPLES} chips, got {len(found)}")
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


def _bbox(found: Bbox) -> Bbox:
    west, south, east, north = (float(value) for value in found)
    inside = all(-180 <= lon <= 180 for lon in (west, east))
    if not (inside and -90 <= south <= north <= 90):
        raise SearchError(
            "bbox_wgs84 must be west, south, east, north in degrees with south <= north, "
            f"got {west}, {south}, {east}, {north}"
        )
    return west, south, east, north


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
