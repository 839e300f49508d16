"""The moments at which the landscape is seen: sun, season, cloud and the product's conventions."""

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from clay_assets.errors import InvalidValueError
from clay_assets.mgrs import tile_centre_wgs84

DEFAULT_SCENES: tuple[tuple[str, float], ...] = (
    ("2021-05-10", 4.0),
    ("2021-08-28", 8.0),
    ("2021-10-22", 5.0),
)
"""Dates and cloud cover in percent when only a number of dates is given."""

_OFFSET_SINCE = date(2022, 1, 25)  # processing baseline 04.00 adds 1,000 to every DN
_OVERPASS_SOLAR_HOURS = 10.9


@dataclass(frozen=True)
class Sun:
    """Where the sun stands."""

    azimuth_deg: float
    """Clockwise from north."""
    elevation_deg: float
    """Above the horizon."""

    @property
    def direction(self) -> tuple[float, float, float]:
        """Unit vector to the sun: east, north, up."""
        azimuth, elevation = math.radians(self.azimuth_deg), math.radians(self.elevation_deg)
        level = math.cos(elevation)
        return level * math.sin(azimuth), level * math.cos(azimuth), math.sin(elevation)


@dataclass(frozen=True)
class Scene:
    """One Sentinel-2 overpass."""

    day: date
    """UTC day."""
    time: datetime
    """UTC time of the overpass."""
    cloud_cover_pct: float
    """Share of the tile under cloud that is aimed at."""
    sun: Sun
    """At the tile's centre."""
    season: float
    """Day of a northern year, 0 to 365; shifted by half a year south of the equator."""

    @property
    def offset_dn(self) -> int:
        """Added to every DN, as ESA does from baseline 04.00 on."""
        return 1000 if self.day >= _OFFSET_SINCE else 0

    @property
    def baseline(self) -> str:
        """Processing baseline of that day."""
        return "05.09" if self.offset_dn else "03.01"


def scene_of(tile: str, day: str, cloud_cover_pct: float) -> Scene:
    """The overpass of a day.

    Raises:
        InvalidValueError: not a date, or not a percentage.
    """
    try:
        when = date.fromisoformat(day)
    except ValueError as error:
        raise InvalidValueError(f"date must be YYYY-MM-DD, got {day!r}") from error
    if not 0 <= cloud_cover_pct <= 100:
        raise InvalidValueError(f"cloud cover must be 0 to 100 percent, got {cloud_cover_pct}")
    lon, lat = tile_centre_wgs84(tile)
    midnight = datetime(when.year, when.month, when.day, tzinfo=UTC)
    time = midnight + timedelta(seconds=round((_OVERPASS_SOLAR_HOURS - lon / 15) * 3600))
    day_of_year = when.timetuple().tm_yday
    season = day_of_year if lat >= 0 else (day_of_year + 182) % 365
    return Scene(when, time, cloud_cover_pct, sun_at(lat, day_of_year), float(season))


def sun_at(lat: float, day_of_year: int, solar_hours: float = _OVERPASS_SOLAR_HOURS) -> Sun:
    """Position of the sun by Cooper's declination, good to a degree.

    >>> sun = sun_at(47.4, 172)
    >>> round(sun.elevation_deg), round(sun.azimuth_deg)
    (63, 145)
    """
    declination = math.radians(23.45) * math.sin(2 * math.pi * (284 + day_of_year) / 365)
    phi, hour = math.radians(lat), math.radians(15 * (solar_hours - 12))
    up = math.sin(phi) * math.sin(declination) + math.cos(phi) * math.cos(declination) * math.cos(
        hour
    )
    east = -math.cos(declination) * math.sin(hour)
    north = math.cos(phi) * math.sin(declination) - math.sin(phi) * math.cos(
        declination
    ) * math.cos(hour)
    return Sun(math.degrees(math.atan2(east, north)) % 360, math.degrees(math.asin(up)))
