"""The table of collections: who keeps which band in which asset, and what its pixels mean.

To read one more collection, add a row to `COLLECTIONS`. What an item says of its own files wins
over its row.
"""

from dataclasses import dataclass
from typing import Literal

from clay_assets.bands import DEM_BANDS, SENTINEL1_BANDS, SENTINEL2_BANDS

Sensor = Literal["optical", "radar", "elevation"]
Unit = Literal["reflectance", "power", "dB", "m", "class"]

SCL = "SCL"
"""Sentinel-2's scene classification; read beside the bands, never part of a chip."""

SENSOR_BANDS: dict[Sensor, tuple[str, ...]] = {
    "optical": SENTINEL2_BANDS,
    "radar": SENTINEL1_BANDS,
    "elevation": DEM_BANDS,
}
"""Bands a chip takes from each sensor; a scene must have all of them."""


@dataclass(frozen=True)
class BandRow:
    """Where one band of a collection lies, and what its pixels mean."""

    asset: str
    """Key of its asset."""
    resolution_m: float
    """Side of a pixel of the full product."""
    unit: Unit
    """Unit of `pixel * scale + offset`; radar is gamma0, as linear power or in dB."""
    scale: float = 1.0
    """Factor of a pixel."""
    offset: float = 0.0
    """Added after that; for Sentinel-2 only from processing baseline 04.00 on."""
    nodata: float | None = None
    """Pixel value of nothing, where neither the file nor the item says."""


@dataclass(frozen=True)
class Collection:
    """One collection, as one or more providers keep it."""

    id: str
    """Its id in STAC."""
    providers: tuple[str, ...]
    """Who has it so."""
    sensor: Sensor
    """What took its scenes."""
    bands: dict[str, BandRow]
    """Band, or `SCL`, to its asset."""
    offset_flag: str | None = None
    """Property that is true of the scenes whose pixels the provider has freed from ESA's offset;
    None where pixels always are as ESA delivers them."""


_RESOLUTION_M = dict.fromkeys(SENTINEL2_BANDS, 20) | dict.fromkeys(("B02", "B03", "B04", "B08"), 10)
_COMMON_NAMES = {
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B05": "rededge1",
    "B06": "rededge2",
    "B07": "rededge3",
    "B08": "nir",
    "B8A": "nir08",
    "B11": "swir16",
    "B12": "swir22",
    SCL: "scl",
}


def _sentinel2(names: dict[str, str]) -> dict[str, BandRow]:
    """Level-2A; from baseline 04.00 on ESA adds 1,000 to each digital number, which -0.1 undoes."""
    bands = {
        band: BandRow(names.get(band, band), metres, "reflectance", 1e-4, -0.1, nodata=0)
        for band, metres in _RESOLUTION_M.items()
    }
    return bands | {SCL: BandRow(names.get(SCL, SCL), 20, "class", nodata=0)}


COLLECTIONS: tuple[Collection, ...] = (
    Collection(
        "sentinel-2-l2a",
        ("Planetary Computer", "synthetic landscape"),
        "optical",
        _sentinel2({}),
    ),
    Collection(
        "sentinel-2-l2a",
        ("Earth Search v1",),
        "optical",
        _sentinel2(_COMMON_NAMES),
        # Its items say an offset of -0.1 also where this is true; this is right, says Element 84.
        offset_flag="earthsearch:boa_offset_applied",
    ),
    Collection(
        "sentinel-2-c1-l2a",
        ("Earth Search v1",),
        "optical",
        _sentinel2(_COMMON_NAMES),
    ),
    Collection(
        "sentinel-s2-l2a-cogs",
        ("Earth Search v0",),
        "optical",
        _sentinel2({}),
        offset_flag="sentinel:boa_offset_applied",
    ),
    Collection(
        "sentinel-1-rtc",
        ("Planetary Computer", "synthetic landscape"),
        "radar",
        {band: BandRow(band, 10, "power", nodata=-32768) for band in SENTINEL1_BANDS},
    ),
    Collection(
        "cop-dem-glo-30",
        ("Planetary Computer", "Earth Search v1", "synthetic landscape"),
        "elevation",
        {"dem": BandRow("data", 30, "m")},
    ),
)
"""Collections that are read; of one sensor the first that an API has is taken.

Earth Search's sentinel-1-grd is none of them: it is neither gamma0 nor on a map grid.
"""


def collection_ids(sensor: Sensor) -> list[str]:
    """Ids of the collections of a sensor, in the table's order.

    >>> collection_ids("optical")
    ['sentinel-2-l2a', 'sentinel-2-c1-l2a', 'sentinel-s2-l2a-cogs']
    """
    return list(dict.fromkeys(row.id for row in COLLECTIONS if row.sensor == sensor))


def known_collections() -> str:
    """The table in one line, for errors."""
    return ", ".join(f"{row.id} ({', '.join(row.providers)})" for row in COLLECTIONS)
