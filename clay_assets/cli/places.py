"""Places as they are written on the command line: latitude first, as people say it."""

import json
from pathlib import Path
from typing import Any

import typer


def parse_place(lon: float | None, lat: float | None) -> tuple[float, float] | None:
    """(lon, lat), or None when neither is given.

    Raises:
        typer.BadParameter: only one of them is given.
    """
    if lon is None and lat is None:
        return None
    if lon is None or lat is None:
        raise typer.BadParameter("--lon and --lat go together")
    return lon, lat


def parse_box(text: str | None) -> tuple[float, float, float, float] | None:
    """Two lat,lon corners as (west, south, east, north).

    >>> parse_box("46.1,11.5,46.9,10.8")
    (10.8, 46.1, 11.5, 46.9)

    Raises:
        typer.BadParameter: not four numbers.
    """
    if text is None:
        return None
    try:
        lat0, lon0, lat1, lon1 = (float(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(
            f"--box must be two corners lat,lon,lat,lon in degrees, got {text!r}"
        ) from error
    return min(lon0, lon1), min(lat0, lat1), max(lon0, lon1), max(lat0, lat1)


def parse_circle(text: str | None) -> tuple[float, float, float] | None:
    """A place and a distance as (lon, lat, radius_m).

    >>> parse_circle("46.1,11.5,20000")
    (11.5, 46.1, 20000.0)

    Raises:
        typer.BadParameter: not three numbers.
    """
    if text is None:
        return None
    try:
        lat, lon, radius_m = (float(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(
            f"--circle must be lat,lon in degrees and metres, got {text!r}"
        ) from error
    return lon, lat, radius_m


def read_polygon(path: Path) -> dict[str, Any]:
    """A GeoJSON file; what is in it is checked by the query.

    Raises:
        typer.BadParameter: it cannot be read, or is not JSON.
    """
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise typer.BadParameter(
            f"--polygon {path} cannot be read as GeoJSON: {error}; export the area as GeoJSON"
        ) from error
    return found if isinstance(found, dict) else {"type": type(found).__name__}
