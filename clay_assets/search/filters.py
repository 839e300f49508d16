"""A query's filters as SQL that both engines understand, and where a row lies."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import shapely

from clay_assets.search.query import Query
from clay_assets.search.regions import Cell, Region, regions_of
from clay_assets.search.tables import IndexedProduct, Tables

Mark = Callable[[str], str]
"""How an engine writes a named parameter: `$name` or `%(name)s`."""
Condition = tuple[str, dict[str, Any]]
"""SQL over the columns of `tables.Tables`, and its parameters."""


def matching(tables: Tables, product: IndexedProduct, query: Query) -> Condition:
    """The condition that those rows meet, and only those, that pass a query's filters.

    Rows at the edge of a region are looked up, and those whose footprint meets it are named.
    """
    plain, values = _plain(query, tables.mark)
    regions = regions_of(query)
    if not regions:
        return plain, values
    covered, inside, corners = _covered(regions, tables.mark)
    values |= corners
    condition = f"{plain} AND {covered}"
    edge = tables.chips(product, f"{condition} AND NOT ({inside})", values, vectors=False)
    met = _meeting(edge, regions)
    if not met:
        return f"{condition} AND {inside}", values
    named = f"id IN (SELECT unnest({tables.mark('met')}::text[]))"
    return f"{condition} AND ({inside} OR {named})", values | {"met": met}


def covers(lonlat: tuple[float, float], mark: Mark) -> Condition:
    """The condition that a row's bounding box holds a place."""
    lon, lat = lonlat
    meets, _, values = _cell(Cell((lon, lat, lon, lat), is_inside=False), mark, "place")
    return meets, values


def unwrapped_bounds(geometry: np.ndarray) -> np.ndarray:
    """(N, 4) west, south, east, north of footprints in degrees, with west <= east.

    A chip across the antimeridian keeps its true width: its east lies beyond 180.

    >>> unwrapped_bounds(np.array([shapely.MultiPoint([(179.5, 1), (-179.5, 2)])])).tolist()
    [[179.5, 1.0, 180.5, 2.0]]
    """
    bounds: np.ndarray = shapely.bounds(geometry)
    for place in np.flatnonzero(bounds[:, 2] - bounds[:, 0] > 180):
        lon = shapely.get_coordinates(geometry[place])[:, 0]
        lon = np.where(lon < 0, lon + 360, lon)
        bounds[place, [0, 2]] = lon.min(), lon.max()
    return bounds


def _plain(query: Query, mark: Mark) -> Condition:
    """The condition of all filters but the regions, `TRUE` for none."""
    parts: list[str] = []
    values: dict[str, Any] = {}

    def add(column: str, comparison: str, name: str, value: Any) -> None:  # noqa: ANN401
        if value is not None:
            parts.append(f"{column} {comparison} {mark(name)}")
            values[name] = value

    first, last = query.dates or (None, None)
    add("mgrs", "=", "mgrs", query.mgrs)
    add("date", ">=", "first_date", first)
    add("date", "<=", "last_date", last)
    if query.max_cloud_share is not None:
        # as float32, which the column is: else a share of 0.2 is more than 0.2
        add("cloud_share", "<=", "max_cloud_share", float(np.float32(query.max_cloud_share)))
    if query.excluded:
        parts.append(f"id NOT IN (SELECT unnest({mark('excluded')}::text[]))")
        values["excluded"] = list(query.excluded)
    return " AND ".join(parts) or "TRUE", values


def _covered(regions: Sequence[Region], mark: Mark) -> tuple[str, str, dict[str, Any]]:
    """The conditions that bounds meet cells of all regions, and that the footprint surely does."""
    values: dict[str, Any] = {}
    covered, inside = [], []
    for number, region in enumerate(regions):
        meets, surely = [], []
        for place, cell in enumerate(region.cells):
            met, sure, corners = _cell(cell, mark, f"r{number}c{place}")
            values |= corners
            meets.append(met)
            surely += [sure] if cell.is_inside else []
        covered.append(f"({' OR '.join(meets)})")
        inside.append(f"({' OR '.join(surely) or 'FALSE'})")
    return " AND ".join(covered), " AND ".join(inside), values


def _cell(cell: Cell, mark: Mark, name: str) -> tuple[str, str, dict[str, Any]]:
    """The conditions that a row's unwrapped bounds meet a cell, and its footprint surely does.

    Bounds reach from -180 to beyond 180, so a cell in the west is looked for a turn on as well.
    """
    west, south, east, north = cell.bounds
    values = {f"{name}_south": south, f"{name}_north": north}
    beside, within = [], []
    for turn, again in ((0.0, ""), (360.0, "_again")) if west < 0 else ((0.0, ""),):
        values |= {f"{name}_west{again}": west + turn, f"{name}_east{again}": east + turn}
        left, right = mark(f"{name}_west{again}"), mark(f"{name}_east{again}")
        beside.append(f"(west <= {right} AND east >= {left})")
        within.append(f"(west >= {left} AND east <= {right})")
    below, above = mark(f"{name}_south"), mark(f"{name}_north")
    meets = f"(south <= {above} AND north >= {below} AND ({' OR '.join(beside)}))"
    upright = f"(south >= {below} AND north <= {above})"
    return meets, f"({meets} AND ({upright} OR {' OR '.join(within)}))", values


def _meeting(rows: pa.Table, regions: Sequence[Region]) -> list[str]:
    """Ids of the rows whose footprint meets all regions."""
    footprints = shapely.from_wkb(rows["geometry"].to_numpy())
    met = np.ones(len(rows), dtype=bool)
    for region in regions:
        met[met] = region.meets(footprints[met])
    ids: list[str] = rows["id"].to_numpy()[met].tolist()
    return ids
