"""Real items of the Planetary Computer and Earth Search, and what is read from them."""

import json
from datetime import date, datetime

import pystac
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clay_assets.bands import SENTINEL2_BANDS
from clay_assets.errors import ImageryError
from clay_assets.ingest.collection_table import COLLECTIONS, SCL, SENSOR_BANDS
from clay_assets.ingest.collections import (
    assets_of,
    esa_offset_dn,
    missing_bands,
    row_of,
    sensor_of,
    unknown_collections,
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
STACTOOLS_DEM = "stac_items/cop-dem-glo-30_N53W115.json"
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
    ("name", "collection", "provider"),
    [
        (PC_S2, "sentinel-2-l2a", "Planetary Computer"),
        (V1, "sentinel-2-l2a", "Earth Search v1"),
        (C1, "sentinel-2-c1-l2a", "Earth Search v1"),
        (V0, "sentinel-s2-l2a-cogs", "Earth Search v0"),
        (PC_S1, "sentinel-1-rtc", "Planetary Computer"),
        (PC_DEM, "cop-dem-glo-30", "Planetary Computer"),
        (STACTOOLS_DEM, "cop-dem-glo-30", "Earth Search v1"),  # made by the same stactools package
    ],
)
def test_each_row_of_the_table_is_a_real_item(read, name, collection, provider):
    item = read(name)
    row = row_of(item)
    assert (row.id, provider in row.providers) == (collection, True)
    for band, of_band in row.bands.items():
        asset = item.assets[of_band.asset]
        metres = asset.extra_fields.get("gsd", of_band.resolution_m)  # the DEM and SCL say none
        assert metres == of_band.resolution_m, band
    assert {row.id for row in COLLECTIONS} >= {collection}


@pytest.mark.parametrize(
    ("name", "added"),
    [
        (PC_S2, 1000),  # 05.10
        (C1, 1000),  # 05.10
        (V1, 0),  # 02.14
        (V0, 0),  # N0214 in its product id alone
    ],
)
def test_pixels_of_real_items_are_as_esa_delivers_them(read, name, added):
    item = read(name)
    assert esa_offset_dn(item) == added
    for asset in assets_of(item, "optical").values():
        assert (asset.shift_dn, asset.factor, asset.decibels) == (0, 1.0, False)


@pytest.mark.parametrize("flag", ["earthsearch:boa_offset_applied", "sentinel:boa_offset_applied"])
@pytest.mark.parametrize("said", [0, -0.1])  # Earth Search says -0.1 even where the flag is true
@pytest.mark.parametrize(
    ("applied", "baseline", "removed"),
    [(True, "05.09", 1000), (True, "04.00", 1000), (True, "03.01", 0), (False, "05.09", 0)],
)
def test_an_offset_that_earth_search_took_off_is_put_back(
    read, flag, said, applied, baseline, removed
):
    item = read(V1)
    del item.properties["earthsearch:boa_offset_applied"]
    item.properties |= {flag: applied, "s2:processing_baseline": baseline}
    for name in ("blue", "swir22", "scl"):
        item.assets[name].extra_fields["raster:bands"][0]["offset"] = said
    assets = assets_of(item, "optical")
    assert {assets["B02"].shift_dn, assets["B12"].shift_dn} == {removed}
    assert assets[SCL].shift_dn == 0


def in_stac_1_0(**said):
    return {"raster:bands": [said]}


def in_stac_1_1(**said):
    return {"bands": [{f"raster:{name}": value for name, value in said.items()}]}


def in_the_asset(**said):
    return {f"raster:{name}": value for name, value in said.items()}


@pytest.mark.parametrize("write", [in_stac_1_0, in_stac_1_1, in_the_asset])
@given(
    scale=st.sampled_from([1e-4, 1.0, 2.75e-5]),
    offset=st.sampled_from([0.0, -0.1]),
    baseline=st.sampled_from(["02.14", "03.01", "04.00", "05.11"]),
    pixel=st.integers(1, 20_000),
)
def test_reflectance_is_the_same_before_and_after(write, scale, offset, baseline, pixel):
    """Of an item's pixel by what it says, and of the chip's by ESA's rule."""
    item = pystac.Item("a", None, None, datetime(2023, 1, 1), {"s2:processing_baseline": baseline})
    item.collection_id = "sentinel-2-l2a"
    fields = write(scale=scale, offset=offset)
    item.add_asset("B02", pystac.Asset("/b.tif", extra_fields=fields))
    asset = assets_of(item, "optical")["B02"]
    esa_dn = 1000 if offset or esa_offset_dn(item) else 0  # an offset that is said was added
    chip = pixel * asset.factor + asset.shift_dn
    assert (chip - esa_dn) * 1e-4 == pytest.approx(pixel * scale + offset)


@pytest.mark.parametrize(
    ("properties", "item_id", "day", "added"),
    [
        ({"s2:processing_baseline": "05.10"}, "a", "2020-01-01", 1000),  # Collection 1
        ({"sentinel:processing_baseline": "04.00"}, "a", "2022-06-29", 1000),
        ({"processing:version": "2.14"}, "a", "2023-01-01", 0),
        ({"sentinel:product_id": "S2A_MSIL2A_20220629T104631_N0400_R051_T31UFU_x"}, "a", "", 1000),
        ({}, "S2B_MSIL2A_20191231T235959_N0213_R051_T31UFU_20200101T000000", "2023-01-01", 0),
        ({}, "a", "2022-01-24", 0),
        ({}, "a", "2022-01-25", 1000),
    ],
)
def test_the_baseline_is_told_by_property_product_or_day(properties, item_id, day, added):
    time = datetime.fromisoformat(day or "2000-01-01")
    assert esa_offset_dn(pystac.Item(item_id, None, None, time, properties)) == added


@pytest.mark.parametrize(("unit", "decibels"), [("dB", True), ("linear", False), (None, False)])
def test_radar_says_itself_whether_it_is_in_decibels(read, unit, decibels):
    item = read(PC_S1)
    item.assets["vv"].extra_fields["raster:bands"] = [{"nodata": -9999, "unit": unit}]
    asset = assets_of(item, "radar")["vv"]
    assert (asset.decibels, asset.nodata) == (decibels, -9999)


def test_an_offset_of_heights_is_refused(read):
    item = read(PC_DEM)
    item.assets["data"].extra_fields["raster:bands"] = [{"offset": 12.5}]
    with pytest.raises(ImageryError, match=r"_DEM\.tif an offset of 12\.5; only Sentinel-2"):
        assets_of(item, "elevation")


def test_an_unknown_collection_is_named_with_the_known_ones(read):
    known, strange = read(V1), read(V1)
    strange.collection_id = "landsat-c2-l2"
    assert unknown_collections([known]) == ""
    assert sensor_of(strange) is None
    assert unknown_collections([known, strange]) == (
        "collection landsat-c2-l2 is not known; known are sentinel-2-l2a (Planetary Computer, "
        "synthetic landscape), sentinel-2-l2a (Earth Search v1), sentinel-2-c1-l2a (Earth Search "
        "v1), sentinel-s2-l2a-cogs (Earth Search v0), sentinel-1-rtc (Planetary Computer, "
        "synthetic landscape), cop-dem-glo-30 (Planetary Computer, Earth Search v1, synthetic "
        "landscape)"
    )


def test_an_item_of_no_collection_is_known_by_its_assets(read):
    item = read(V1)
    item.collection_id = None
    assert sensor_of(item) == "optical"
    del item.assets["nir08"]
    assert sensor_of(item) is None
    item.collection_id = "sentinel-2-l2a"
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
