"""The files of an area: which rasters there are, on which grid, and what their STAC items say."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from affine import Affine

from clay_assets.bands import SENTINEL1_BANDS, SENTINEL2_BANDS
from clay_assets.provenance import fingerprint
from clay_assets.synthetic.area import PIXEL_M, Area
from clay_assets.synthetic.elevation import DemCell
from clay_assets.synthetic.optical import FINE_BANDS
from clay_assets.synthetic.rasters import RasterSpec
from clay_assets.synthetic.scenes import Scene

CODE_VERSION = 3
"""Raised whenever a pixel changes for the same parameters."""
LANDSCAPE_TAG = "synthetic_landscape"
"""GeoTIFF tag of the land cover: changes when any of its pixels does."""
WORLD_COVER_COLOURS = {
    10: (0, 100, 0),
    20: (255, 187, 34),
    30: (255, 255, 76),
    40: (240, 150, 255),
    50: (250, 0, 0),
    60: (180, 180, 180),
    80: (0, 100, 200),
}
"""ESA WorldCover's own colours."""
_DEM_TIME = datetime(2021, 4, 22, tzinfo=UTC)
_RADAR_AFTER = timedelta(days=1, hours=7)


@dataclass(frozen=True)
class ItemSpec:
    """What makes one STAC item."""

    collection: str
    """Id of its collection, as on the Planetary Computer."""
    item_id: str
    """Unique; names its folder, and changes when any pixel does."""
    time: datetime
    """UTC."""
    properties: dict[str, Any]
    """Properties of its own kind."""
    rasters: dict[str, RasterSpec]
    """Grid of each asset; the file is `{name}.tif`."""

    def path(self, root: Path, asset: str) -> Path:
        """File of one asset."""
        return root / self.collection / self.item_id / f"{asset}.tif"

    def complete(self, root: Path) -> bool:
        """Whether all its files are there."""
        return all(self.path(root, asset).is_file() for asset in self.rasters)


def optical_item(area: Area, scene: Scene) -> ItemSpec:
    """Sentinel-2 Level-2A of one overpass."""
    rasters = {}
    for name in (*SENTINEL2_BANDS, "SCL"):
        kind = ("uint8", "mode") if name == "SCL" else ("uint16", "average")
        rasters[name] = _utm_raster(area, 10 if name in FINE_BANDS else 20, name, kind, nodata=0)
    tag = _tag(area, scene.day.isoformat(), scene.cloud_cover_pct)
    return ItemSpec(
        "sentinel-2-l2a",
        f"S2A_MSIL2A_{scene.time:%Y%m%dT%H%M%S}_T{area.tile}_synthetic-{tag}",
        scene.time,
        {
            "platform": "Sentinel-2A",
            "constellation": "Sentinel 2",
            "instruments": ["msi"],
            "sat:orbit_state": "descending",
            "s2:mgrs_tile": area.tile,
            "s2:processing_baseline": scene.baseline,
            "s2:mean_solar_azimuth": round(scene.sun.azimuth_deg, 3),
            "s2:mean_solar_zenith": round(90 - scene.sun.elevation_deg, 3),
        },
        rasters,
    )


def radar_item(area: Area, scene: Scene) -> ItemSpec:
    """Sentinel-1 of the evening after an overpass."""
    time = scene.time + _RADAR_AFTER
    tag = _tag(area, scene.day.isoformat())
    kind = ("float32", "average")
    return ItemSpec(
        "sentinel-1-rtc",
        f"S1A_IW_GRDH_1SDV_{time:%Y%m%dT%H%M%S}_rtc_synthetic-{tag}",
        time,
        {
            "platform": "SENTINEL-1A",
            "constellation": "Sentinel-1",
            "sat:orbit_state": "ascending",
            "sar:instrument_mode": "IW",
            "sar:polarizations": ["VV", "VH"],
            "sar:frequency_band": "C",
            "sar:product_type": "GRD",
        },
        {band: _utm_raster(area, 10, band, kind, nodata=-32768) for band in SENTINEL1_BANDS},
    )


def dem_item(area: Area, cell: DemCell) -> ItemSpec:
    """The part of a Copernicus DEM cell that an area needs."""
    window = cell.window
    raster = RasterSpec(
        4326, cell.transform, window.width, window.height, "float32", None, "dem", "average"
    )
    return ItemSpec(
        "cop-dem-glo-30",
        f"{cell.name}_synthetic-{_tag(area, cell.name)}",
        _DEM_TIME,
        {"platform": "TanDEM-X", "gsd": 30},
        {"data": raster},
    )


def land_cover_raster(area: Area) -> RasterSpec:
    """The true land cover of an area, as ESA WorldCover codes."""
    kind = ("uint8", "mode")
    raster = _utm_raster(area, 10, "land_cover", kind, nodata=0, colours=WORLD_COVER_COLOURS)
    return replace(raster, tags={LANDSCAPE_TAG: _tag(area)})


def _utm_raster(
    area: Area,
    pixel_m: int,
    name: str,
    kind: tuple[str, str],
    *,
    nodata: int,
    colours: dict[int, tuple[int, int, int]] | None = None,
) -> RasterSpec:
    west, _, _, north = area.bounds
    side = area.size_px * PIXEL_M // pixel_m
    transform = Affine(pixel_m, 0, west, 0, -pixel_m, north)
    dtype, resampling = kind
    return RasterSpec(area.epsg, transform, side, side, dtype, nodata, name, resampling, colours)


def _tag(area: Area, *parts: str | float) -> str:
    where = (area.tile, area.seed, area.x, area.y, area.size_px)
    return fingerprint(CODE_VERSION, *where, *parts)[:8]
