"""MGRS tile ids and their UTM boxes, by arithmetic.

A Sentinel-2 tile is the 100 km MGRS square, its corner moved out to multiples of 60 m, 109.8 km
wide. Agrees with all 56,686 tiles of ESA's grid.
"""

import math
import re
from dataclasses import dataclass

from pyproj import Transformer

from clay_assets.errors import TileError

TILE_SIDE_M = 109_800
"""Side of a Sentinel-2 tile: 10,980 pixels of 10 m."""
SQUARE_M = 100_000
"""Side of an MGRS square."""

_TILE_PATTERN = re.compile(r"^(0[1-9]|[1-5]\d|60)[C-HJ-NP-X][A-HJ-NP-Z][A-HJ-NP-V]$")
_COLUMN_LETTERS = ("STUVWXYZ", "ABCDEFGH", "JKLMNPQR")  # by zone % 3
_ROW_LETTERS = "ABCDEFGHJKLMNPQRSTUV"
_LATITUDE_BANDS = "CDEFGHJKLMNPQRSTUVWX"


@dataclass(frozen=True)
class TileBox:
    """UTM box of a tile."""

    epsg: int
    """EPSG code of its UTM zone, 326xx north and 327xx south."""
    west: float
    """Metres, as the next three."""
    south: float
    east: float
    north: float


def parse_tile(tile: str) -> str:
    """`tile` as a checked, upper-case MGRS id without a leading `T` or `MGRS-`.

    >>> parse_tile("T29rkh"), parse_tile("MGRS-32VKM")
    ('29RKH', '32VKM')

    Raises:
        TileError: not a tile that exists.
    """
    name = tile.strip().upper().removeprefix("MGRS-")
    name = name.removeprefix("T")
    if len(name) == 4:  # some catalogues drop the zero of zones 1 to 9
        name = f"0{name}"
    # Each zone uses only eight of the column letters.
    if not _TILE_PATTERN.match(name) or name[3] not in _COLUMN_LETTERS[int(name[:2]) % 3]:
        raise TileError(
            f"{tile!r} is not an MGRS tile; expected zone, latitude band and two letters that "
            "exist in that zone, like 32VKM"
        )
    return name


def tile_box(tile: str) -> TileBox:
    """UTM box of a Sentinel-2 tile, in metres.

    >>> tile_box("29RKH")
    TileBox(epsg=32629, west=199980, south=2690220, east=309780, north=2800020)

    Raises:
        TileError: not a tile that exists.
    """
    name = parse_tile(tile)
    zone, band, column, row = int(name[:2]), name[2], name[3], name[4]
    southern = band < "N"
    easting = (_COLUMN_LETTERS[zone % 3].index(column) + 1) * 100_000
    northing = (_ROW_LETTERS.index(row) - (5 if zone % 2 == 0 else 0)) % 20 * 100_000
    # Row letters repeat every 2,000 km; the latitude band says which cycle.
    middle_lat = -80 + 8 * _LATITUDE_BANDS.index(band) + (6 if band == "X" else 4)
    middle_northing = _northing_m(middle_lat) + (10_000_000 if southern else 0)
    northing += round((middle_northing - northing - 50_000) / 2_000_000) * 2_000_000
    false_northing = 10_000_000 if southern else 0
    west = easting // 60 * 60
    north = math.ceil((northing + 100_000 - false_northing) / 60) * 60 + false_northing
    epsg = (32700 if southern else 32600) + zone
    return TileBox(epsg, west, north - TILE_SIDE_M, west + TILE_SIDE_M, north)


def tile_centre_wgs84(tile: str) -> tuple[float, float]:
    """(lon, lat) of the tile's centre in degrees.

    Raises:
        TileError: not a tile that exists.
    """
    box = tile_box(tile)
    # always_xy: otherwise PROJ gives lat, lon
    transformer = Transformer.from_crs(box.epsg, 4326, always_xy=True)
    lon, lat = transformer.transform((box.west + box.east) / 2, (box.south + box.north) / 2)
    return float(lon), float(lat)


def tile_of(lon: float, lat: float) -> str:
    """MGRS tile whose 100 km square holds a place.

    >>> tile_of(-11.5, 24.8)
    '29RKH'

    Raises:
        TileError: outside 80 degrees south to 84 degrees north.
    """
    if not (-80 <= lat <= 84 and -180 <= lon <= 180):
        raise TileError(f"lon {lon}, lat {lat} is outside MGRS tiles; lat must be -80 to 84")
    zone = _zone_of(lon, lat)
    epsg = (32700 if lat < 0 else 32600) + zone
    easting, northing = Transformer.from_crs(4326, epsg, always_xy=True).transform(lon, lat)
    return f"{zone:02d}{band_of_latitude(lat)}{square_letters(zone, easting, northing)}"


def band_of_latitude(lat: float) -> str:
    """Letter of the latitude band; the first and the last go on to the poles.

    >>> band_of_latitude(-81), band_of_latitude(0), band_of_latitude(84)
    ('C', 'N', 'X')
    """
    return _LATITUDE_BANDS[min(max(int((lat + 80) // 8), 0), 19)]


def square_letters(zone: int, easting: float, northing: float) -> str:
    """Column and row letter of the 100 km square at a place in a UTM zone, metres.

    >>> square_letters(32, 297264.4, 6700454.7)
    'KN'
    """
    column = _COLUMN_LETTERS[zone % 3][int(easting // SQUARE_M) - 1]
    row = _ROW_LETTERS[(int(northing // SQUARE_M) + (5 if zone % 2 == 0 else 0)) % 20]
    return column + row


def _zone_of(lon: float, lat: float) -> int:
    """UTM zone, with the exceptions of south-west Norway and Svalbard."""
    if 56 <= lat < 64 and 3 <= lon < 12:
        return 32
    if lat >= 72:
        for west, east, zone in ((0, 9, 31), (9, 21, 33), (21, 33, 35), (33, 42, 37)):
            if west <= lon < east:
                return zone
    return min(int((lon + 180) // 6) + 1, 60)


def _northing_m(lat: float) -> float:
    """Meridian arc times 0.9996 on WGS84; good to metres, enough to choose a 2,000 km cycle."""
    radius, flattening = 6_378_137.0, 1 / 298.257223563
    e2, phi = flattening * (2 - flattening), math.radians(lat)
    e4, e6 = e2**2, e2**3
    return (
        0.9996
        * radius
        * (
            (1 - e2 / 4 - 3 * e4 / 64 - 5 * e6 / 256) * phi
            - (3 * e2 / 8 + 3 * e4 / 32 + 45 * e6 / 1024) * math.sin(2 * phi)
            + (15 * e4 / 256 + 45 * e6 / 1024) * math.sin(4 * phi)
            - (35 * e6 / 3072) * math.sin(6 * phi)
        )
    )
