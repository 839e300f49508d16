"""What a STAC item's assets hold, by the table of collections and by what the item itself says."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pystac

from clay_assets.errors import ImageryError
from clay_assets.ingest.collection_table import (
    COLLECTIONS,
    SCL,
    SENSOR_BANDS,
    BandRow,
    Collection,
    Sensor,
    known_collections,
)

_DN_SCALE = 1e-4
_OFFSET_DN = 1000
_FIRST_MAJOR_WITH_OFFSET = 4
_FIRST_DAY_WITH_OFFSET = "2022-01-25"
_BASELINES = ("s2:processing_baseline", "sentinel:processing_baseline", "processing:version")
_PRODUCTS = ("s2:product_uri", "sentinel:product_id")
_MAJOR = re.compile(r"(\d+)\.\d")
_MAJOR_IN_PRODUCT = re.compile(r"_N(\d\d)\d\d_")
_OFFSET_FLAGS = tuple(row.offset_flag for row in COLLECTIONS if row.offset_flag)


@dataclass(frozen=True)
class BandAsset:
    """The asset of one band, and how its pixels become those of a chip."""

    href: str
    """Absolute path or URL."""
    nodata: float | None
    """Value the item or the table gives for pixels without data."""
    shift_dn: int = 0
    """To be added to every Sentinel-2 pixel with data, so that it is as ESA delivered it."""
    factor: float = 1.0
    """To multiply every pixel with before."""
    decibels: bool = False
    """Whether pixels are dB, of which a chip has the linear power."""


@dataclass(frozen=True)
class _Said:
    """What an item says of one asset's pixels; None where it says nothing."""

    nodata: float | None
    scale: float | None
    offset: float | None
    unit: str | None


def row_of(item: pystac.Item) -> Collection | None:
    """The table's row of an item; one without a collection is known by its assets."""
    rows = [row for row in COLLECTIONS if row.id == item.collection_id]
    if not rows and item.collection_id is None:
        rows = [row for row in COLLECTIONS if row.sensor != "elevation" and _has_all(item, row)]
    return max(rows, key=lambda row: len(_present(item, row)), default=None)


def sensor_of(item: pystac.Item) -> Sensor | None:
    """What took a scene; None for an item of a collection that is not in the table."""
    row = row_of(item)
    return row.sensor if row else None


def unknown_collections(items: Iterable[pystac.Item]) -> str:
    """What to tell of items whose collections are not in the table; empty when all are."""
    strange = sorted({str(item.collection_id) for item in items if row_of(item) is None})
    if not strange:
        return ""
    return f"collection {', '.join(strange[:5])} is not known; known are {known_collections()}"


def missing_bands(item: pystac.Item, bands: tuple[str, ...]) -> list[str]:
    """Those of `bands` that an item has no asset for."""
    row = row_of(item)
    present = _present(item, row) if row else {}
    return [band for band in bands if band not in present]


def assets_of(item: pystac.Item, sensor: Sensor) -> dict[str, BandAsset]:
    """Assets of the bands an item has, its scene classification among them.

    Raises:
        ImageryError: the item gives pixels a unit or an offset that cannot be read.
    """
    row = row_of(item)
    if row is None or row.sensor != sensor:
        return {}
    return {
        band: _asset(item, item.assets[row.bands[band].asset], row.bands[band])
        for band in (*SENSOR_BANDS[sensor], SCL)
        if band in _present(item, row)
    }


def esa_offset_dn(item: pystac.Item) -> int:
    """What ESA has added to each digital number of a scene: 1,000 from baseline 04.00 on."""
    said = [str(item.properties.get(name) or "") for name in _BASELINES]
    products = [str(item.properties.get(name) or "") for name in _PRODUCTS]
    majors = [
        *(_MAJOR.match(text) for text in said),
        *(_MAJOR_IN_PRODUCT.search(text) for text in (*products, item.id)),
    ]
    major = next((int(match[1]) for match in majors if match), None)
    if major is None:
        day = str(item.datetime.date()) if item.datetime else ""
        return _OFFSET_DN if day >= _FIRST_DAY_WITH_OFFSET else 0
    return _OFFSET_DN if major >= _FIRST_MAJOR_WITH_OFFSET else 0


def _asset(item: pystac.Item, asset: pystac.Asset, row: BandRow) -> BandAsset:
    href, said = str(asset.get_absolute_href() or asset.href), _said(asset)
    nodata = row.nodata if said.nodata is None else said.nodata
    scale = row.scale if said.scale is None else said.scale
    if row.unit == "class":
        return BandAsset(href, nodata)
    if row.unit == "reflectance":
        return BandAsset(href, nodata, _shift_dn(item, row, said), round(scale / _DN_SCALE, 9))
    if said.offset:
        raise ImageryError(
            f"item {item.id} gives {href} an offset of {said.offset:g}; only Sentinel-2 is read "
            "with an offset: write the file anew without one"
        )
    unit = (said.unit or row.unit).lower()
    return BandAsset(href, nodata, factor=scale, decibels=unit in ("db", "decibel", "decibels"))


def _shift_dn(item: pystac.Item, row: BandRow, said: _Said) -> int:
    """Clay was trained on numbers as ESA delivers them; a provider may have made others of them."""
    added = esa_offset_dn(item)
    flags = [item.properties.get(flag) for flag in _OFFSET_FLAGS]
    if flags != [None] * len(flags):  # right also where the offset that is said beside it is not
        return added if any(flags) else 0
    if said.offset is None:
        left = -round(row.offset / _DN_SCALE) if added else 0
    else:
        left = -round(said.offset / _DN_SCALE)
        added = max(added, left)
    return added - left


def _said(asset: pystac.Asset) -> _Said:
    fields = asset.extra_fields  # STAC 1.1 says it of the asset or its band, 1.0 of its raster band
    described = [*fields.get("bands", []), *fields.get("raster:bands", []), fields]

    def first(*names: str) -> Any:  # noqa: ANN401
        return next((d[n] for d in described for n in names if d.get(n) is not None), None)

    nodata, scale = first("nodata"), first("raster:scale", "scale")
    offset, unit = first("raster:offset", "offset"), first("unit")
    return _Said(_number(nodata), _number(scale), _number(offset), unit)


def _number(value: Any) -> float | None:  # noqa: ANN401
    return None if value is None else float(value)


def _present(item: pystac.Item, row: Collection) -> dict[str, BandRow]:
    return {band: of_band for band, of_band in row.bands.items() if of_band.asset in item.assets}


def _has_all(item: pystac.Item, row: Collection) -> bool:
    return set(SENSOR_BANDS[row.sensor]) <= set(_present(item, row))
