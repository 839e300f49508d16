"""A query's filters as SQL that both engines understand, and where a chip lies."""

from collections.abc import Callable
from typing import Any

import numpy as np
import shapely

from clay_assets.search.query import Query
from clay_assets.search.shapes import Bbox

Mark = Callable[[str], str]
"""How an engine writes a named parameter: `$name` or `%(name)s`."""


def where(query: Query, mark: Mark) -> tuple[str, dict[str, Any]]:
    """The condition of a query's filters, `TRUE` for none, and its parameters."""
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
    if query.bbox_wgs84 is not None:
        meets, corners = _meets(query.bbox_wgs84, mark)
        parts.append(meets)
        values |= corners
    return " AND ".join(parts) or "TRUE", values


def covers(lonlat: tuple[float, float], mark: Mark) -> tuple[str, dict[str, Any]]:
    """The condition that a chip's bounding box holds a place."""
    lon, lat = lonlat
    return _meets((lon, lat, lon, lat), mark)


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


def _meets(bbox: Bbox, mark: Mark) -> tuple[str, dict[str, Any]]:
    """The condition that a chip's unwrapped bounds meet a box.

    They reach from -180 to beyond 180, so the box is looked for in two places, a turn apart.
    """
    west, south, east, north = bbox
    turn = 360 if west <= east else -360
    east += 360 if west > east else 0
    values = {"west": west, "east": east, "south": south, "north": north}
    values |= {"west_again": west + turn, "east_again": east + turn}
    sides = " OR ".join(
        f"(west <= {mark(f'box_east{again}')} AND east >= {mark(f'box_west{again}')})"
        for again in ("", "_again")
    )
    north_south = f"south <= {mark('box_north')} AND north >= {mark('box_south')}"
    return f"{north_south} AND ({sides})", {f"box_{name}": side for name, side in values.items()}
