"""Real items of the Planetary Computer and Earth Search, and what is read from them."""

import json
from datetime import date

import pystac
import pytest

from clay_assets.bands import SENTINEL2_BANDS
from clay_assets.errors import ImageryError
from clay_assets.ingest.collections import (
    SCL,
    SENSOR_BANDS,
    assets_of,
    missing_bands,
    offset_removed_dn,
    sensor_of,
)
from clay_assets.ingest.scenes import (
    cloud_cover_pct,
    day_of,
    nodata_pct,
    tile_of_scene,
    time_of,
    updated,
)

PC_S2 = "stac_items/pc_sentinel-2-l2a.json"
PC_S1 = "stac_items/pc_sentinel-1-rtc.json"
PC_DEM = "stac_items/pc_cop-dem-glo-30.json"
C1 = "stac_items/earthsearch_S2A_T20HNJ_20240311_c1.json"
V0 = "stac_items/earthsearch_v0_S2A_28QCH_20200714.json"
V1 = "s2_29RKH_20200219/S2A_29RKH_20200219_0_L2A.json"


@pytest.fixture
def read(shared_imagery):
    def read_item(name) -> pystac.Item:
        content = json.loads((shared_imagery / name).read_text())
        return pystac.Item.from_dict(content[0] if isinstance(content, list) else content)

    return read_item


@pytest.mark.filterwarnings("ignore:Could not parse bucket")
@pytest.mark.parametrize(
    ("name", "tile", "day", "cloud", "nodata"),
    [
        (PC_S2, "47XML", "2024-04-19", 0.219774, 27.370414),
        (C1, "20HNJ", "2024-03-11", 18.431592, 28.38603),
        (V0, "28QCH", "2020-07-14", 2.36, 93.15),  # data_coverage 6.85
        (V1, "29RKH", "2020-02-19", 4.051854, 0),
    ],
)
def test_an_item_tells_tile_day_cloud_and_nodata(read, name, tile, day, cloud, nodata):
    item = read(name)
    assert tile_of_scene(item) == tile
    assert day_of(item) == date.fromisoformat(day)
    assert cloud_cover_pct(item) == pytest.approx(cloud)
    assert nodata_pct(item) == pytest.approx(nodata)


@pytest.mark.filterwarnings("ignore:Could not parse bucket")
@pytest.mark.parametrize("name", [PC_S2, C1, V0, V1])
def test_every_catalogue_names_its_band_files_alike(read, name):
    """The file of each band ends in the band's own name, whatever the asset is called."""
    item = read(name)
    assert sensor_of(item) == "optical"
    assets = assets_of(item, "optical")
    assert set(assets) == {*SENTINEL2_BANDS, SCL}
    for band, asset in assets.items():
        stem = asset.href.rsplit("/", 1)[-1].removesuffix(".tif")
        assert stem.removesuffix("_10m").removesuffix("_20m").endswith(band)
        assert asset.nodata == 0


def test_radar_and_elevation_of_the_planetary_computer(read):
    radar, elevation = read(PC_S1), read(PC_DEM)
    assert (sensor_of(radar), sensor_of(elevation)) == ("radar", "elevation")
    assets = assets_of(radar, "radar")
    assert assets["vh"].href.endswith("iw-vh.rtc.tiff")
    assert (assets["vv"].nodata, assets["vv"].shift_dn) == (-32768, 0)
    dem = assets_of(elevation, "elevation")["dem"]
    assert dem.href.endswith("_DEM.tif")
    assert dem.nodata is None


@pytest.mark.parametrize(
    ("applied", "baseline", "removed"),
    [(True, "05.09", 1000), (True, "04.00", 1000), (True, "03.01", 0), (False, "05.09", 0)],
)
def test_an_offset_that_earth_search_took_off_is_known(read, applied, baseline, removed):
    item = read(V1)
    item.properties |= {
        "earthsearch:boa_offset_applied": applied,
        "s2:processing_baseline": baseline,
    }
    assert offset_removed_dn(item) == removed
    assets = assets_of(item, "optical")
    assert {assets["B02"].shift_dn, assets["B12"].shift_dn} == {removed}
    assert assets[SCL].shift_dn == 0


def test_an_item_of_no_known_collection_is_known_by_its_assets(read):
    item = read(V1)
    item.collection_id = None
    assert sensor_of(item) == "optical"
    del item.assets["nir08"]
    assert sensor_of(item) is None
    assert missing_bands(item, SENSOR_BANDS["optical"]) == ["B8A"]


def test_a_tile_is_found_in_properties_then_id_then_place(read):
    item = read(V1)
    for name in ("grid:code", "mgrs:utm_zone"):
        del item.properties[name]
        assert tile_of_scene(item) == "29RKH"
    item.id = "scene"
    item.geometry = {"type": "Point", "coordinates": [5.32, 60.39]}
    assert tile_of_scene(item) == "32VKN"  # Bergen
    item.geometry = None
    with pytest.raises(ImageryError, match="item scene does not tell its MGRS tile"):
        tile_of_scene(item)


def test_an_item_without_a_time_is_refused(read):
    item = read(V1)
    item.datetime = None
    with pytest.raises(ImageryError, match="_L2A has no datetime; a scene needs one"):
        time_of(item)


def test_an_item_tells_when_it_was_updated(read):
    assert updated(read(V1)) == "2022-11-06T09:32:34.081877+00:00"
    assert updated(read(PC_S2)) == "2024-04-19T12:34:58.775234Z"  # s2:generation_time
    assert updated(read(PC_DEM)) == ""
