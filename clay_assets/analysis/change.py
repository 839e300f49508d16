"""Change: how far the vectors of one place moved between two dates."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date as Date

import geopandas
import numpy as np
import shapely

from clay_assets.analysis.rows import Vectors, files_of, robust_z
from clay_assets.embeddings.file import read_rows
from clay_assets.errors import InvalidValueError, NotFoundError
from clay_assets.search.hits import embedding_of
from clay_assets.search.source import SourceFile
from clay_assets.search.source_rows import read_source
from clay_assets.store import Store

CODE_VERSION = "1"
"""Raised when the same vectors would give other distances."""


@dataclass(frozen=True)
class Period:
    """Some days, both included."""

    first: Date
    """The first."""
    last: Date
    """The last; the same for one day."""

    @classmethod
    def parse(cls, text: str, *, name: str = "period") -> "Period":
        """`YYYY-MM-DD`, or two of them with a slash between.

        >>> Period.parse("2024-06-01/2024-08-31").last
        datetime.date(2024, 8, 31)

        Raises:
            InvalidValueError: it is neither.
        """
        first, _, last = text.partition("/")
        try:
            period = cls(Date.fromisoformat(first), Date.fromisoformat(last or first))
        except ValueError as error:
            raise InvalidValueError(
                f"{name} must be a day YYYY-MM-DD, or two with a slash between, got {text!r}"
            ) from error
        if period.first > period.last:
            raise InvalidValueError(f"{name} must not end before it begins, got {text!r}")
        return period

    def __str__(self) -> str:
        """As `parse` reads it."""
        return str(self.first) if self.first == self.last else f"{self.first}/{self.last}"


@dataclass(frozen=True)
class ChangeSettings:
    """What is compared."""

    before: Period | None = None
    """The tile's first day by default."""
    after: Period | None = None
    """The tile's last day by default."""
    max_cloud_share: float = 0.3
    """Rows known to be cloudier are left out, as cloud is no change of the ground; 0 to 1."""

    def __post_init__(self) -> None:
        """Check the share, and that the one lies before the other."""
        if not 0 <= self.max_cloud_share <= 1:
            raise InvalidValueError(f"max_cloud_share must be 0 to 1, got {self.max_cloud_share}")
        if self.before and self.after and self.before.last >= self.after.first:
            raise InvalidValueError(
                f"before ({self.before}) must end before after ({self.after}) begins"
            )


@dataclass(frozen=True)
class Change:
    """The places of one tile that were seen in both periods."""

    tile: str
    """MGRS tile."""
    before: Period
    """Compared with."""
    after: Period
    """What is compared."""
    frame: geopandas.GeoDataFrame
    """Columns id (of the later row), id_before, mgrs, date_before, date, distance (1 - cosine,
    0 to 2), z (deviations above the tile's median, robust) and geometry; most changed first."""
    unpaired: int
    """Places that were seen in one of the periods only, or too cloudy in one."""


def tile_days(store: Store, file: SourceFile) -> list[Date]:
    """Days of a tile's rows, oldest first."""
    days = {
        day for rows in read_rows(store, file.key, ["date"]) for day in rows["date"].to_pylist()
    }
    return sorted(days)


def change_of_tile(
    store: Store, product: str, tile: str, settings: ChangeSettings | None = None
) -> Change:
    """How much each place of a tile has changed. Memory holds the vectors of one period.

    A place is a footprint. Of several rows of a place in a period the clearest counts, then the
    latest.

    Raises:
        NotFoundError: the tile has no embeddings of the product, or not of both periods.
    """
    settings = settings or ChangeSettings()
    (file,) = files_of(store, product, [tile])
    before, after = _periods(store, file, settings)
    earlier, later = _seen(store, file, (before, after), settings)
    vectors = _vectors_of(store, file, {row.id: place for place, row in earlier.items()})
    pairs = {row.id: place for place, row in later.items() if place in earlier}
    distances = _distances(store, file, pairs, vectors)
    frame = _frame(file, pairs, distances, earlier, later)
    unpaired = len({*earlier, *later}) - len(pairs)
    return Change(tile, before, after, frame, unpaired)


def changes(
    store: Store, product: str, settings: ChangeSettings, tiles: tuple[str, ...] = ()
) -> Iterator[Change]:
    """The same of some tiles or of all, leaving out those that were not seen in both periods.

    Raises:
        NotFoundError: the product has no embeddings, or no tile was seen in both periods.
    """
    files = files_of(store, product, tiles or None)
    count, reason = 0, ""
    for file in files:
        try:
            change = change_of_tile(store, product, file.tile, settings)
        except NotFoundError as error:
            reason = reason or str(error)
            continue
        count += 1
        yield change
    if not count:
        raise NotFoundError(reason)


@dataclass(frozen=True)
class _Row:
    """The row of a place that counts."""

    id: str
    date: Date
    cloud: float

    def order(self) -> tuple[float, int]:
        """The clearest first, then the latest."""
        return self.cloud, -self.date.toordinal()


def _periods(store: Store, file: SourceFile, settings: ChangeSettings) -> tuple[Period, Period]:
    days = tile_days(store, file)
    before = settings.before or Period(days[0], days[0])
    after = settings.after or Period(days[-1], days[-1])
    for name, period in (("before", before), ("after", after)):
        if (
            not any(period.first <= day <= period.last for day in days)
            or before.last >= after.first
        ):
            raise NotFoundError(
                f"tile {file.tile} has no two dates to compare: {name} is {period}, and "
                f"{file.product} has {', '.join(map(str, days))}; choose two of them, or add "
                "imagery of another date"
            )
    return before, after


def _seen(
    store: Store, file: SourceFile, periods: tuple[Period, Period], settings: ChangeSettings
) -> list[dict[bytes, _Row]]:
    """Footprint -> the row that counts, of each period."""
    best: list[dict[bytes, _Row]] = [{} for _ in periods]
    for rows in read_source(store, file):
        clouds, most = rows["cloud_share"].to_numpy(), np.float32(settings.max_cloud_share)
        for id_, day, cloud, place in zip(
            rows["id"].to_pylist(),
            rows["date"].to_pylist(),
            # Not known to be cloudy, but a row that is known to be clear comes first.
            np.where(np.isnan(clouds), most, clouds).tolist(),
            rows["geometry"].to_pylist(),
            strict=True,
        ):
            if cloud > most:
                continue
            row = _Row(id_, day, cloud)
            for period, known in zip(periods, best, strict=True):
                if period.first <= day <= period.last:
                    known[place] = min(row, known.get(place, row), key=_Row.order)
    return best


def _vectors_of(store: Store, file: SourceFile, places: dict[str, bytes]) -> dict[bytes, Vectors]:
    """Place -> vector of the row that counts there."""
    found: dict[bytes, Vectors] = {}
    for rows in read_source(store, file):
        ids = rows["id"].to_pylist()
        chosen = [number for number, id_ in enumerate(ids) if id_ in places]
        vectors = embedding_of(rows)[chosen]  # a copy, so that the rest of the batch can go
        found |= {places[ids[row]]: vector for row, vector in zip(chosen, vectors, strict=True)}
    return found


def _distances(
    store: Store, file: SourceFile, pairs: dict[str, bytes], before: dict[bytes, Vectors]
) -> dict[str, float]:
    """Later row -> cosine distance from the earlier one of its place."""
    found: dict[str, float] = {}
    for rows in read_source(store, file):
        ids = rows["id"].to_pylist()
        chosen = [number for number, id_ in enumerate(ids) if id_ in pairs]
        if not chosen:
            continue
        later = embedding_of(rows)[chosen].astype(np.float64)
        earlier = np.array([before[pairs[ids[row]]] for row in chosen], np.float64)
        cosines = (later * earlier).sum(axis=1)
        found |= {ids[row]: 1 - cosine for row, cosine in zip(chosen, cosines, strict=True)}
    return found


def _frame(
    file: SourceFile,
    pairs: dict[str, bytes],
    distances: dict[str, float],
    earlier: dict[bytes, _Row],
    later: dict[bytes, _Row],
) -> geopandas.GeoDataFrame:
    values = np.array([distances[id_] for id_ in pairs], np.float64).clip(0, 2)
    frame = geopandas.GeoDataFrame(
        {
            "id": list(pairs),
            "id_before": [earlier[place].id for place in pairs.values()],
            "mgrs": file.tile,
            "date_before": [earlier[place].date for place in pairs.values()],
            "date": [later[place].date for place in pairs.values()],
            "distance": values,
            "z": robust_z(values),
        },
        geometry=shapely.from_wkb(list(pairs.values())),
        crs="OGC:CRS84",
    )
    return frame.sort_values(["distance", "id"], ascending=[False, True], ignore_index=True)
