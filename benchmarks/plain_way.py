"""Chips of one date without clay_assets: odc-stac loads the cube, rioxarray writes the chips."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import odc.stac
import pystac
import rasterio
import rioxarray  # noqa: F401  (gives xarray its `rio`)
import xarray as xr
from odc.geo.geobox import GeoBox

OPTICAL = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
BAD_CLASSES = (0, 1, 3, 8, 9, 10)
KINDS = {
    "sentinel-2-l2a": {"data_type": "uint16", "nodata": 0},
    "sentinel-1-rtc": {"data_type": "float32", "nodata": float("nan")},
    "cop-dem-glo-30": {"data_type": "float32", "nodata": float("nan")},
}
CONFIG = {name: {"assets": {"*": kind}} for name, kind in KINDS.items()}


def write_chips(
    items: Sequence[pystac.Item], day: str, folder: Path, chip_px: int, threads: int
) -> int:
    """Write the chips of a day, judged as Clay does; how many were kept."""
    of = {name: [item for item in items if item.collection_id == name] for name in KINDS}
    optical = [item for item in of["sentinel-2-l2a"] if str(item.datetime.date()) == day]
    radar = min(of["sentinel-1-rtc"], key=lambda item: abs(item.datetime - optical[0].datetime))
    with rasterio.open(optical[0].assets["B02"].get_absolute_href()) as dataset:
        box = GeoBox(dataset.shape, dataset.transform, dataset.crs)
    parts = [
        loaded(optical, [*OPTICAL, "SCL"], box, threads),
        loaded([radar], ["vh", "vv"], box, threads),
        loaded(of["cop-dem-glo-30"], ["data"], box, threads).rename(data="dem"),
    ]
    classes = parts[0].SCL.values
    cube = [parts[0][name] for name in OPTICAL] + [parts[1].vh, parts[1].vv, parts[2].dem]
    folder.mkdir(parents=True, exist_ok=True)
    count, number = 0, 0
    for row in range(0, box.shape[0] - chip_px + 1, chip_px):
        for col in range(0, box.shape[1] - chip_px + 1, chip_px):
            number += 1
            part = slice(row, row + chip_px), slice(col, col + chip_px)
            chip = xr.concat(
                [band[part].astype("float32") for band in cube],
                "band",
                coords="minimal",
                compat="override",
            )
            cloudy = np.isin(classes[part], BAD_CLASSES).mean() >= 0.3
            if cloudy or (chip[0] == 0).any() or np.isnan(chip[10:]).any():
                continue
            chip.attrs = {"date": day, "long_name": [*OPTICAL, "vh", "vv", "dem"]}
            chip.rio.to_raster(folder / f"{day}_{number:04d}.tif", compress="deflate")
            count += 1
    return count


def loaded(items: Sequence[pystac.Item], bands: list[str], box: GeoBox, threads: int) -> xr.Dataset:
    """Bands on the tile's grid in memory, nearest neighbour."""
    cube = odc.stac.load(
        items, bands=bands, geobox=box, resampling="nearest", stac_cfg=CONFIG, pool=threads
    )
    return cube.isel(time=0, drop=True)
