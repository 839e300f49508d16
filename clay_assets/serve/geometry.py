"""Places and areas in requests and answers: a few numbers, or GeoJSON; all of it in degrees."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_Limits = dict[str, float]
_LON: _Limits = {"minimum": -180, "maximum": 180}
_LAT: _Limits = {"minimum": -90, "maximum": 90}
_RADIUS: _Limits = {"exclusiveMinimum": 0}


def _numbers(found: Any) -> Any:  # noqa: ANN401
    """A list of numbers from `w,s,e,n`, as a GET request writes it, or from a JSON list."""
    if isinstance(found, list) and len(found) == 1 and isinstance(found[0], str):
        found = found[0]
    return found.split(",") if isinstance(found, str) else found


def _told(*items: _Limits) -> Callable[[dict[str, Any]], None]:
    """Adds limits to the schema of a list with a fixed number of numbers."""

    def add(schema: dict[str, Any]) -> None:
        for item, limits in zip(schema["prefixItems"], items, strict=True):
            item.update(limits)

    return add


LonLat = Annotated[
    tuple[float, float], BeforeValidator(_numbers), Field(json_schema_extra=_told(_LON, _LAT))
]
"""Longitude, latitude."""
Bbox = Annotated[
    tuple[float, float, float, float],
    BeforeValidator(_numbers),
    Field(json_schema_extra=_told(_LON, _LAT, _LON, _LAT)),
]
"""West, south, east, north."""
Circle = Annotated[
    tuple[float, float, float],
    BeforeValidator(_numbers),
    Field(json_schema_extra=_told(_LON, _LAT, _RADIUS)),
]
"""Longitude, latitude, radius in metres."""
Ring = Annotated[list[float], BeforeValidator(_numbers)]
"""Longitude, latitude of one corner after the other."""
Position = Annotated[list[float], Field(min_length=2, max_length=3)]
LinearRing = Annotated[list[Position], Field(min_length=4)]


class PolygonGeometry(BaseModel):
    """A GeoJSON polygon; rings of lon, lat in degrees, the first one outside."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["Polygon"]
    coordinates: Annotated[list[LinearRing], Field(min_length=1)]


class MultiPolygonGeometry(BaseModel):
    """Several GeoJSON polygons."""

    model_config = ConfigDict(extra="ignore")

    type: Literal["MultiPolygon"]
    coordinates: Annotated[
        list[Annotated[list[LinearRing], Field(min_length=1)]], Field(min_length=1)
    ]


Area = Annotated[PolygonGeometry | MultiPolygonGeometry, Field(discriminator="type")]
