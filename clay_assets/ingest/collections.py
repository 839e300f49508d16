"""Which STAC collections and assets hold which band: one table for all catalogues.

Asset names of the Planetary Computer, Earth Search v0, v1 and c1, and of this package's synthetic
landscape.
"""

from dataclasses import dataclass
from typing import Literal

import pystac

from clay_assets.bands import DEM_BANDS, SENTINEL1_BANDS, SENTINEL2_BANDS

Sensor = Literal["optical", "radar", "elevation"]

SCL = "SCL"
"""Sentinel-2's scene classification; read beside the bands, never part of a chip."""

COLLECTIONS: dict[str, Sensor] = {
    "sentinel-2-l2a": "optical",  # Planetary Computer, Earth Search v1, synthetic
    "sentinel-2-c1-l2a": "optical",  # Earth Search v1, collection 1
    "sentinel-s2-l2a-cogs": "optical",  # Earth Search v0
    "sentinel-1-rtc": "radar",  # Planetary Computer, synthetic; linear gamma0
    "cop-dem-glo-30": "elevation",
}
"""Collections that are read. Earth Search's sentinel-1-grd is not: it is neither gamma0 nor on a
map grid."""

SENSOR_BANDS: dict[Sensor, tuple[str, ...]] = {
    "optical": SENTINEL2_BANDS,
    "radar": SENTINEL1_BANDS,
    "elevation": DEM_BANDS,
}
"""Bands a chip takes from each sensor; a scene must have all of them."""

ASSET_NAMES: dict[str, tuple[str, ...]] = {
    "B02": ("B02", "blue"),
    "B03": ("B03", "green"),
    "B04": ("B04", "red"),
    "B05": ("B05", "rededge1"),
    "B06": ("B06", "rededge2"),
    "B07": ("B07", "rededge3"),
    "B08": ("B08", "nir"),
    "B8A": ("B8A", "nir08"),
    "B11": ("B11", "swir16"),
    "B12": ("B12", "swir22"),
    SCL: ("SCL", "scl"),
    "vh": ("vh",),
    "vv": ("vv",),
    "dem": ("data", "dem", "elevation"),
}
"""Band -> names an asset with it may have, tried in this order."""

NODATA: dict[Sensor, float | None] = {"optical": 0, "radar": -32768, "elevation": None}
"""Pixel value of nothing, where neither the file nor the item says."""

_EARLIEST_WITH_OFFSET = "04.00"
_OFFSET_DN = 1000


@dataclass(frozen=True)
class BandAsset:
    """The asset of one band."""

    href: str
    """Absolute path or URL."""
    nodata: float | None
    """Value the item or the table gives for pixels without data."""
    shift_dn: int
    """To be added to every pixel with data, so that it is as ESA delivered it."""


def sensor_of(item: pystac.Item) -> Sensor | None:
    """What took a scene, by its collection or, without one, by its assets; None for neither."""
    if item.collection_id in COLLECTIONS:
        return COLLECTIONS[item.collection_id]
    for sensor, bands in SENSOR_BANDS.items():
        if sensor != "elevation" and not missing_bands(item, bands):
            return sensor
    return None


def missing_bands(item: pystac.Item, bands: tuple[str, ...]) -> list[str]:
    """Those of `bands` that an item has no asset for."""
    return [band for band in bands if not _asset_name(item, band)]


def assets_of(item: pystac.Item, sensor: Sensor) -> dict[str, BandAsset]:
    """Assets of the bands an item has, its scene classification among them."""
    wanted = SENSOR_BANDS[sensor] + ((SCL,) if sensor == "optical" else ())
    names = {band: _asset_name(item, band) for band in wanted}
    return {
        band: BandAsset(
            href=str(item.assets[name].get_absolute_href() or item.assets[name].href),
            nodata=_nodata(item.assets[name], sensor),
            shift_dn=0 if band == SCL else offset_removed_dn(item),
        )
        for band, name in names.items()
        if name
    }


def offset_removed_dn(item: pystac.Item) -> int:
    """What a catalogue has taken off every Sentinel-2 pixel.

    From processing baseline 04.00 ESA adds 1,000 to every digital number; Earth Search v1 takes
    it off again. Clay was trained on numbers as ESA delivers them.
    """
    removed = item.properties.get("earthsearch:boa_offset_applied", False)
    baseline = str(item.properties.get("s2:processing_baseline", ""))
    return _OFFSET_DN if removed and baseline >= _EARLIEST_WITH_OFFSET else 0


def _asset_name(item: pystac.Item, band: str) -> str | None:
    return next((name for name in ASSET_NAMES[band] if name in item.assets), None)


def _nodata(asset: pystac.Asset, sensor: Sensor) -> float | None:
    fields = asset.extra_fields  # STAC 1.1 says it of the asset, 1.0 of its band
    described = [fields, *fields.get("bands", []), *fields.get("raster:bands", [])]
    value = next((d["nodata"] for d in described if "nodata" in d), NODATA[sensor])
    return None if value is None else float(value)
