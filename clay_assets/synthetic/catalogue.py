"""The static STAC catalogue, with the asset names of the Planetary Computer."""

import json
import os
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pystac
from pyproj import Transformer
from shapely.geometry import box, mapping

from clay_assets import __version__
from clay_assets.store import PARTIAL_SUFFIX
from clay_assets.synthetic.rasters import RasterSpec

COG = "image/tiff; application=geotiff; profile=cloud-optimized"
CATALOGUE_NAME = "catalog.json"

_EXTENSIONS = [
    "https://stac-extensions.github.io/eo/v1.0.0/schema.json",
    "https://stac-extensions.github.io/sat/v1.0.0/schema.json",
    "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
    "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
]
_DESCRIPTIONS = {
    "sentinel-2-l2a": "Synthetic imagery in the form of Sentinel-2 Level-2A.",
    "sentinel-1-rtc": "Synthetic imagery in the form of Sentinel-1 radiometrically terrain-"
    "corrected gamma0.",
    "cop-dem-glo-30": "Synthetic heights in the form of Copernicus DEM GLO-30.",
}


@dataclass(frozen=True)
class ItemSpec:
    """What makes one STAC item."""

    collection: str
    """One of the three collections."""
    item_id: str
    """Unique; names its folder."""
    time: datetime
    """UTC."""
    properties: dict[str, Any]
    """Properties of its own kind."""
    assets: dict[str, RasterSpec]
    """Grid of each asset; the file is `{name}.tif`."""

    def folder(self, root: Path) -> Path:
        """Folder of the item and its files."""
        return root / self.collection / self.item_id

    def file(self, root: Path, asset: str) -> Path:
        """Path of one asset."""
        return self.folder(root) / f"{asset}.tif"


def write_catalogue(root: Path, items: list[ItemSpec], title: str) -> Path:
    """Write items, collections and, last, the catalogue; return its path."""
    catalogue = pystac.Catalog(
        "synthetic-landscape",
        description=f"{title}. Every pixel is computed; nothing here was observed.",
        title=title,
        catalog_type=pystac.CatalogType.SELF_CONTAINED,
    )
    for collection_id in _DESCRIPTIONS:
        members = [_item(spec) for spec in items if spec.collection == collection_id]
        collection = _collection(collection_id, members)
        collection.add_items(members)
        catalogue.add_child(collection)
    catalogue.normalize_hrefs(str(root))
    for parent, _, members in catalogue.walk():
        for item in members:
            _write_json(Path(item.self_href), item.to_dict(include_self_link=False))
        if parent is not catalogue:
            _write_json(Path(parent.self_href), parent.to_dict(include_self_link=False))
    path = root / CATALOGUE_NAME
    _write_json(path, catalogue.to_dict(include_self_link=False))
    return path


def _item(spec: ItemSpec) -> pystac.Item:
    first = next(iter(spec.assets.values()))
    geometry = box(*_bounds_wgs84(first))
    item = pystac.Item(
        spec.item_id,
        geometry=mapping(geometry),
        bbox=list(geometry.bounds),
        datetime=spec.time,
        properties={
            "title": f"Synthetic {spec.collection}, {spec.time:%Y-%m-%d}",
            "synthetic": True,
            "processing:software": {"clay_assets": __version__},
            "proj:epsg": first.epsg,
            **spec.properties,
        },
        stac_extensions=_EXTENSIONS,
    )
    for name, raster in spec.assets.items():
        item.add_asset(name, _asset(name, raster))
    return item


def _asset(name: str, raster: RasterSpec) -> pystac.Asset:
    band = {"data_type": raster.dtype}
    if raster.nodata is not None:
        band["nodata"] = raster.nodata
    return pystac.Asset(
        f"./{name}.tif",
        title=f"{raster.description} (synthetic)",
        media_type=COG,
        roles=["data"],
        extra_fields={
            "proj:epsg": raster.epsg,
            "proj:shape": [raster.height, raster.width],
            "proj:transform": list(raster.transform)[:6],
            "raster:bands": [band],
        },
    )


def _collection(collection_id: str, items: list[pystac.Item]) -> pystac.Collection:
    boxes = [item.bbox for item in items if item.bbox]
    times = [item.datetime for item in items if item.datetime]
    spatial = [
        min(b[0] for b in boxes),
        min(b[1] for b in boxes),
        max(b[2] for b in boxes),
        max(b[3] for b in boxes),
    ]
    return pystac.Collection(
        collection_id,
        title=f"Synthetic {collection_id}",
        description=_DESCRIPTIONS[collection_id],
        license="CC0-1.0",
        extent=pystac.Extent(
            pystac.SpatialExtent([spatial]),
            pystac.TemporalExtent([[min(times), max(times) + timedelta(seconds=1)]]),
        ),
    )


def _bounds_wgs84(raster: RasterSpec) -> tuple[float, float, float, float]:
    west, north = raster.transform @ (0, 0)
    east, south = raster.transform @ (raster.width, raster.height)
    transformer = Transformer.from_crs(raster.epsg, 4326, always_xy=True)
    bounds: tuple[float, float, float, float] = transformer.transform_bounds(
        west, south, east, north, densify_pts=21
    )
    return bounds


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{PARTIAL_SUFFIX}")
    try:
        partial.write_text(json.dumps(content, indent=1))
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


EPOCH = datetime(2021, 4, 22, tzinfo=UTC)
"""Date that Copernicus gives its elevation model."""
