"""Which MGRS squares are Sentinel-2 tiles: ESA's grid of 56,686 by arithmetic.

MGRS names more squares than there are tiles: where a zone narrows, the sliver of a square at its
edge lies within a tile of the zone beside it already, and ESA leaves it out.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from pyproj import Transformer

from clay_assets.mgrs import SQUARE_M, TILE_SIDE_M, band_of_latitude, square_letters

ZONES = range(1, 61)
ZONE_STEPS = (0.0, 56.0, 64.0, 72.0, 90.0)
"""Latitudes in degrees north where the width of some zone changes."""
_NORTHERN_ROWS, _SOUTHERN_ROWS = range(94), range(7, 100)
_COLUMNS = range(1, 9)
_NORWAY = {31: (0.0, 3.0), 32: (3.0, 12.0)}
_SVALBARD = {31: (0.0, 9.0), 33: (9.0, 21.0), 35: (21.0, 33.0), 37: (33.0, 42.0)}
_NOT_ON_SVALBARD = (32, 34, 36)
# Beside Norway's and Svalbard's wide zones ESA's grid follows no rule.
_MORE = {"31VFL", "33WUV", "35WLV", "37WCV"}
_FEWER = {"32VJH", "32VJJ", "32VJK", "32VKH", "32WME", "34WDE", "36WVE"}

Floats = npt.NDArray[np.float64]
Metres = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ZoneTiles:
    """The Sentinel-2 tiles of one UTM zone north or south of the equator."""

    epsg: int
    """EPSG code of the zone."""
    names: npt.NDArray[np.str_]
    """(N,) MGRS tile ids."""
    west: Metres
    """(N,) metres, western edge of the 100 km square."""
    south: Metres
    """(N,) metres, southern edge of the 100 km square."""

    @property
    def boxes(self) -> Floats:
        """(N, 4) west, south, east, north of the 109.8 km tiles in metres."""
        false = 10_000_000 if self.epsg > 32700 else 0
        west = self.west // 60 * 60
        north = -(-(self.south + SQUARE_M - false) // 60) * 60 + false
        sides: Floats = np.stack([west, north - TILE_SIDE_M, west + TILE_SIDE_M, north], 1)
        return sides.astype(np.float64)


def epsg_of(zone: int, *, southern: bool) -> int:
    """EPSG code of a UTM zone.

    >>> epsg_of(1, southern=True)
    32701
    """
    return (32700 if southern else 32600) + zone


def zone_edges(zone: int, lat: float) -> tuple[float, float] | None:
    """Western and eastern meridian of a UTM zone at a latitude, in degrees.

    >>> zone_edges(32, 50.0), zone_edges(32, 60.0), zone_edges(32, 75.0)
    ((6.0, 12.0), (3.0, 12.0), None)
    """
    if 56 <= lat < 64 and zone in _NORWAY:
        return _NORWAY[zone]
    if lat >= 72 and zone in _SVALBARD:
        return _SVALBARD[zone]
    if lat >= 72 and zone in _NOT_ON_SVALBARD:
        return None
    return zone * 6.0 - 186, zone * 6.0 - 180


@lru_cache(maxsize=120)
def zone_tiles(zone: int, *, southern: bool) -> ZoneTiles:
    """The tiles of a zone on one side of the equator."""
    epsg = epsg_of(zone, southern=southern)
    rows = np.array(_SOUTHERN_ROWS if southern else _NORTHERN_ROWS) * SQUARE_M
    south, west = (side.ravel() for side in np.meshgrid(rows, np.array(_COLUMNS) * SQUARE_M))
    middle_lat = _from_utm(epsg).transform(west + SQUARE_M / 2, south + SQUARE_M / 2)[1]
    names = np.array(
        [
            f"{zone:02d}{band_of_latitude(lat)}{square_letters(zone, int(x), int(y))}"
            for lat, x, y in zip(middle_lat, west, south, strict=True)
        ]
    )
    kept = _is_tile(zone, epsg, rows, west, south) | np.isin(names, list(_MORE))
    kept &= ~np.isin(names, list(_FEWER))
    return ZoneTiles(epsg, names[kept], west[kept], south[kept])


def _is_tile(
    zone: int, epsg: int, rows: Metres, west: Metres, south: Metres
) -> npt.NDArray[np.bool_]:
    """Whether a square touches its zone and is not left to the zone beside it.

    A square is left to the zone to the west when the edge between them lies east of the tile's
    centre. Zone 1 leaves nothing to zone 60, which leaves its own slivers to zone 1.
    """
    row = (south - rows[0]) // SQUARE_M
    at = [
        _edge_eastings(zone, epsg, np.float64(part * SQUARE_M) + rows) for part in (0.0, 0.5, 1.0)
    ]
    westmost = np.fmin.reduce([edges[0] for edges in at])[row]
    eastmost = np.fmax.reduce([edges[1] for edges in at])[row]
    middle_west, middle_east = (side[row] for side in at[1])
    half = TILE_SIDE_M / 2
    kept = (westmost < west + SQUARE_M) & (eastmost > west)
    if zone != 1:
        kept &= middle_west <= west + half
    if zone == 60:
        kept &= middle_east >= west + SQUARE_M - half
    result: npt.NDArray[np.bool_] = kept
    return result


def _edge_eastings(zone: int, epsg: int, northing: Floats) -> tuple[Floats, Floats]:
    """Where a zone's edges cross some northings, metres east; NaN where there is no zone."""
    lat = np.asarray(_from_utm(epsg).transform(np.full_like(northing, 500_000.0), northing)[1])
    edges = [zone_edges(zone, value) or (np.nan, np.nan) for value in lat]
    return _easting(epsg, np.array([west for west, _ in edges]), lat, northing), _easting(
        epsg, np.array([east for _, east in edges]), lat, northing
    )


def _easting(epsg: int, lon: Floats, lat: Floats, northing: Floats) -> Floats:
    to_utm = Transformer.from_crs("OGC:CRS84", epsg, always_xy=True)
    known = np.isfinite(lon)
    for _ in range(2):  # the meridian meets the northing a little south of where the middle does
        y = np.asarray(to_utm.transform(np.where(known, lon, 0), lat)[1])
        lat = np.where(known, lat + (northing - y) / 111_320, lat)
    return np.where(known, np.asarray(to_utm.transform(np.where(known, lon, 0), lat)[0]), np.nan)


@lru_cache(maxsize=120)
def _from_utm(epsg: int) -> Transformer:
    # always_xy: otherwise PROJ gives lat, lon
    return Transformer.from_crs(epsg, "OGC:CRS84", always_xy=True)
