"""What a STAC item says about its scene, whichever catalogue it comes from."""

import re
from datetime import UTC, datetime
from datetime import date as Date

import pystac
import shapely
import shapely.geometry

from clay_assets.errors import ImageryError, TileError
from clay_assets.ingest.antimeridian import cut_at_antimeridian
from clay_assets.mgrs import parse_tile, tile_of

_TILE_IN_ID = re.compile(r"(?:^|_)T?(\d{1,2}[C-X][A-Z]{2})(?:_|$)")
_SQUARE_PARTS = ("utm_zone", "latitude_band", "grid_square")


def tile_of_scene(item: pystac.Item) -> str:
    """MGRS tile of a Sentinel-2 scene: as its properties say, else its id, else its middle.

    Raises:
        ImageryError: none of them tells.
    """
    properties = item.properties
    in_id = _TILE_IN_ID.search(item.id)
    names = (
        properties.get("s2:mgrs_tile"),
        properties.get("grid:code"),
        "".join(str(properties.get(f"mgrs:{part}", "")) for part in _SQUARE_PARTS),
        in_id[1] if in_id else None,
    )
    for name in names:
        try:
            return parse_tile(str(name or ""))
        except TileError:
            continue
    footprint = footprint_of(item)
    if footprint is None:
        raise ImageryError(
            f"item {item.id} does not tell its MGRS tile; expected s2:mgrs_tile or grid:code "
            "among its properties, or a geometry"
        )
    largest = max(shapely.get_parts(footprint), key=lambda part: part.area)
    return tile_of(largest.centroid.x, largest.centroid.y)


def time_of(item: pystac.Item) -> datetime:
    """When a scene was taken, or began to be, UTC.

    Raises:
        ImageryError: the item has no time.
    """
    time = item.datetime or item.common_metadata.start_datetime
    if time is None:
        raise ImageryError(f"item {item.id} has no datetime; a scene needs one")
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def day_of(item: pystac.Item) -> Date:
    """UTC day of a scene."""
    return time_of(item).date()


def cloud_cover_pct(item: pystac.Item) -> float | None:
    """Cloud cover of the whole scene in percent; None when the item does not say.

    Raises:
        ImageryError: what it says is no number.
    """
    return _percent(item, "eo:cloud_cover")


def nodata_pct(item: pystac.Item) -> float | None:
    """Share of the tile outside of the swath in percent; None when the item does not say.

    Raises:
        ImageryError: what it says is no number.
    """
    coverage = _percent(item, "data_coverage")  # Earth Search v0
    if coverage is not None:
        return 100 - coverage
    return _percent(item, "s2:nodata_pixel_percentage")


def _percent(item: pystac.Item, name: str) -> float | None:
    value = item.properties.get(name)
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError) as error:
        raise ImageryError(
            f"item {item.id} says {name} {value!r}; expected a number of percent"
        ) from error


def updated(item: pystac.Item) -> str:
    """A text that changes when the catalogue says that the scene did."""
    properties = item.properties
    return str(properties.get("updated") or properties.get("s2:generation_time") or "")


def footprint_of(item: pystac.Item) -> shapely.Geometry | None:
    """Where a scene is, OGC:CRS84, cut at the antimeridian; None if it does not say."""
    if item.geometry is None:
        return None
    return cut_at_antimeridian(shapely.geometry.shape(item.geometry))


def overlap(one: pystac.Item, other: pystac.Item) -> bool:
    """Whether two scenes share ground, so far as they say where they are."""
    first, second = footprint_of(one), footprint_of(other)
    return first is None or second is None or bool(first.intersects(second))
