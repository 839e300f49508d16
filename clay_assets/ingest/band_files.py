"""The files behind one scene: each is opened once, and must be what its item declares."""

import math
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import pystac

from clay_assets.errors import ImageryError
from clay_assets.ingest.collection_table import Sensor
from clay_assets.ingest.collections import BandAsset, assets_of
from clay_assets.ingest.declared import RasterFacts, lie_about
from clay_assets.ingest.grid import Grid
from clay_assets.ingest.raster_files import BandSource, epsg_of, etag_of, open_raster

_OPEN_AT_ONCE = 16


@dataclass(frozen=True)
class BandFiles:
    """Files of the bands of one scene."""

    sources: dict[str, BandSource]
    """Band, or `SCL`, to its file."""
    facts: dict[str, RasterFacts]
    """Band, or `SCL`, to its size and place."""

    @property
    def finest_grid(self) -> Grid:
        """Grid of the file with the smallest pixels.

        Raises:
            ImageryError: its pixels are not square or not north-up.
        """
        band, facts = min(self.facts.items(), key=lambda pair: abs(pair[1].transform.a))
        transform = facts.transform
        if transform.b or transform.d or abs(transform.e + transform.a) > 1e-9 * transform.a:
            raise ImageryError(
                f"{self.sources[band].href} has no square north-up pixels ({transform.a:g} x "
                f"{-transform.e:g}); warp it with gdalwarp"
            )
        return Grid(facts.epsg, transform.c, transform.f, transform.a, facts.width, facts.height)


def open_band_files(item: pystac.Item, sensor: Sensor) -> BandFiles:
    """The files of a scene's bands.

    Raises:
        ImageryError: a file cannot be opened, or is not what the item declares.
        UnreachableError: a file cannot be opened now, and may be later.
    """
    assets = assets_of(item, sensor)
    with ThreadPoolExecutor(_OPEN_AT_ONCE) as pool:
        found = list(pool.map(_examined, assets.values()))
    for asset, (_, facts) in zip(assets.values(), found, strict=True):
        lie = lie_about(item, asset.href, facts)
        if lie:
            raise ImageryError(lie)
    return BandFiles(
        {band: source for band, (source, _) in zip(assets, found, strict=True)},
        {band: facts for band, (_, facts) in zip(assets, found, strict=True)},
    )


def _examined(asset: BandAsset) -> tuple[BandSource, RasterFacts]:
    etag = etag_of(asset.href)
    with closing(open_raster(asset.href)) as dataset:
        epsg = epsg_of(dataset, asset.href)
        facts = RasterFacts(epsg, dataset.transform, dataset.height, dataset.width)
        nodata = asset.nodata if dataset.nodata is None else dataset.nodata
        if nodata is not None and math.isnan(nodata):
            nodata = None  # NaN is nothing anyway, and cannot be kept as JSON
    how = (asset.shift_dn, asset.factor, asset.decibels)
    return BandSource(asset.href, etag, 1, nodata, *how), facts
