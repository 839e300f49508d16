"""The static STAC catalogue, with the asset names of the Planetary Computer."""

import json
import os
import uuid
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pystac
import rasterio
from pyproj import Transformer
from shapely.geometry import box, mapping

from clay_assets import __version__
from clay_assets.store import PARTIAL_SUFFIX
from clay_assets.synthetic.items import ItemSpec
from clay_assets.synthetic.rasters import RasterSpec

CATALOGUE_NAME = "catalog.json"
_COG = "image/tiff; application=geotiff; profile=cloud-optimized"
_EXTENSIONS = {
    "eo": "https://stac-extensions.github.io/eo/v1.0.0/schema.json",
    "proj": "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
    "raster": "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
    "sar": "https://stac-extensions.github.io/sar/v1.0.0/schema.json",
    "sat": "https://stac-extensions.github.io/sat/v1.0.0/schema.json",
}
"""Prefix of fields -> the extension that defines them."""
_COMMON_NAMES = {
    "B02": "blue",
    "B03": "green",
    "B04": "red",
    "B05": "rededge",
    "B06": "rededge",
    "B07": "rededge",
    "B08": "nir",
    "B8A": "nir08",
    "B11": "swir16",
    "B12": "swir22",
}
_DESCRIPTIONS = {
    "sentinel-2-l2a": "Synthetic imagery in the form of Sentinel-2 Level-2A.",
    "sentinel-1-rtc": "Synthetic imagery in the form of Sentinel-1 radiometrically "
    "terrain-corrected gamma0.",
    "cop-dem-glo-30": "Synthetic heights in the form of Copernicus DEM GLO-30.",
}
_SCL_SHARES = {
    "s2:nodata_pixel_percentage": (0,),
    "s2:dark_features_percentage": (2,),
    "s2:cloud_shadow_percentage": (3,),
    "s2:vegetation_percentage": (4,),
    "s2:not_vegetated_percentage": (5,),
    "s2:water_percentage": (6,),
    "s2:medium_proba_clouds_percentage": (8,),
    "s2:high_proba_clouds_percentage": (9,),
    "s2:thin_cirrus_percentage": (10,),
    "s2:snow_ice_percentage": (11,),
    "eo:cloud_cover": (8, 9, 10),
}
"""Property -> scene classes it counts."""


def write_catalogue(root: Path, specs: Sequence[ItemSpec], title: str) -> Path:
    """Write items, collections and, last, the catalogue over files that are there.

    Returns:
        Path of the catalogue.
    """
    catalogue = pystac.Catalog(
        "synthetic-landscape",
        description=f"{title}. Every pixel is computed; nothing here was observed.",
        title=title,
        catalog_type=pystac.CatalogType.SELF_CONTAINED,
    )
    items = [(spec.collection, _item(root, spec)) for spec in specs]
    for name, description in _DESCRIPTIONS.items():
        members = [item for collection, item in items if collection == name]
        collection = _collection(name, description, members)
        collection.add_items(members)
        catalogue.add_child(collection)
    catalogue.normalize_hrefs(str(root))
    for _, item in items:
        _write_json(item)
    for child in catalogue.get_children():
        _write_json(child)
    _write_json(catalogue)
    return root / CATALOGUE_NAME


def _item(root: Path, spec: ItemSpec) -> pystac.Item:
    first = next(iter(spec.rasters.values()))
    footprint = box(*_bounds_wgs84(first))
    shares = _scene_shares(spec.path(root, "SCL")) if "SCL" in spec.rasters else {}
    item = pystac.Item(
        spec.item_id,
        geometry=mapping(footprint),
        bbox=list(footprint.bounds),
        datetime=spec.time,
        properties={
            "title": f"Synthetic {spec.collection}, {spec.time:%Y-%m-%d}",
            "synthetic": True,
            "processing:software": {"clay_assets": __version__},
            "proj:epsg": first.epsg,
            **spec.properties,
            **shares,
        },
    )
    for name, raster in spec.rasters.items():
        item.add_asset(name, _asset(name, raster))
    fields = {*item.properties, *(key for a in item.assets.values() for key in a.extra_fields)}
    prefixes = {key.partition(":")[0] for key in fields}
    item.stac_extensions = [url for prefix, url in _EXTENSIONS.items() if prefix in prefixes]
    return item


def _asset(name: str, raster: RasterSpec) -> pystac.Asset:
    band: dict[str, str | float] = {"data_type": raster.dtype}
    if raster.nodata is not None:
        band["nodata"] = raster.nodata
    fields: dict[str, Any] = {
        "proj:epsg": raster.epsg,
        "proj:shape": [raster.height, raster.width],
        "proj:transform": list(raster.transform)[:6],
        "raster:bands": [band],
    }
    if name in _COMMON_NAMES:
        fields["eo:bands"] = [{"name": name, "common_name": _COMMON_NAMES[name]}]
    return pystac.Asset(
        f"./{name}.tif",
        title=f"{raster.description} (synthetic)",
        media_type=_COG,
        roles=["data"],
        extra_fields=fields,
    )


def _collection(name: str, description: str, items: Sequence[pystac.Item]) -> pystac.Collection:
    boxes = np.array([item.bbox for item in items])
    times = [item.datetime for item in items if item.datetime]
    spatial = [*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist()]
    temporal = [min(times), max(times) + timedelta(seconds=1)]
    return pystac.Collection(
        name,
        title=f"Synthetic {name}",
        description=description,
        license="CC0-1.0",
        extent=pystac.Extent(pystac.SpatialExtent([spatial]), pystac.TemporalExtent([[*temporal]])),
    )


def _scene_shares(scl: Path) -> dict[str, float]:
    """What percentage of a scene belongs to which classes."""
    with rasterio.open(scl) as dataset:
        counts = np.bincount(dataset.read(1).ravel(), minlength=12)
    percent = 100 * counts / counts.sum()
    return {
        name: round(float(percent[list(classes)].sum()), 6) for name, classes in _SCL_SHARES.items()
    }


def _bounds_wgs84(raster: RasterSpec) -> tuple[float, float, float, float]:
    west, north = raster.transform @ (0, 0)
    east, south = raster.transform @ (raster.width, raster.height)
    transformer = Transformer.from_crs(raster.epsg, 4326, always_xy=True)
    bounds = transformer.transform_bounds(west, south, east, north, densify_pts=21)
    return tuple(round(float(side), 7) for side in bounds)  # type: ignore[return-value]


def _write_json(thing: pystac.STACObject) -> None:
    path = Path(thing.self_href)
    content: dict[str, Any] = thing.to_dict(include_self_link=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{PARTIAL_SUFFIX}")
    try:
        partial.write_text(json.dumps(content, indent=1))
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
