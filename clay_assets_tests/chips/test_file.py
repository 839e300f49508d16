from dataclasses import replace

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.io import MemoryFile

from clay_assets.bands import BAND_NAMES, SENTINEL2_BANDS
from clay_assets.chips.file import decode_chip, encode_chip, hash_chip, read_chip, write_chip
from clay_assets.errors import ChipError, NotFoundError
from clay_assets_tests.chips.making import make_chip

KEY = "chips/32VKM/2023-06-12/claytile_32VKM_20230612_v10_0001.tif"


def encode_raster(*, count=13, size=(32, 32), descriptions=BAND_NAMES, tags=None, **profile):
    """A GeoTIFF that may break the chip contract."""
    profile = {
        "crs": "EPSG:32632",
        "transform": Affine(10, 0, 300_000, 0, -10, 6_500_320),
    } | profile
    with MemoryFile() as file:
        with file.open(
            driver="GTiff", dtype="float32", count=count, height=size[0], width=size[1], **profile
        ) as dataset:
            dataset.write(np.ones((count, *size), "float32"))
            if descriptions:
                dataset.descriptions = descriptions
            dataset.update_tags(**{"date": "2023-06-12"} if tags is None else tags)
        return bytes(file.read())


@pytest.mark.parametrize("bands", [BAND_NAMES, SENTINEL2_BANDS, ("B02", "vv")])
def test_a_chip_is_read_as_it_was_written(store, bands):
    chip = make_chip(bands=bands)
    write_chip(store, KEY, chip)
    found = read_chip(store, KEY)
    np.testing.assert_array_equal(found.pixels, chip.pixels)
    assert replace(found, pixels=chip.pixels, tags=chip.tags) == chip
    assert found.tags["date"] == "2023-06-12"
    assert found.tags["scenes"] == "a b"


def test_a_written_chip_lies_on_its_pixel_corner(store):
    write_chip(store, KEY, make_chip())
    with rasterio.open(store.local_path(KEY)) as dataset:
        assert dataset.transform[:6] == (10, 0, 300_000, 0, -10, 6_500_320)
        assert dataset.descriptions == BAND_NAMES
        assert [colour.name for colour in dataset.colorinterp[:4]] == [
            "blue",
            "green",
            "red",
            "gray",
        ]


def test_a_chip_is_stored_so_that_any_gdal_reads_it_fast():
    """The layout that benchmarks/chip_files.py found best among those every GDAL knows."""
    with MemoryFile(encode_chip(make_chip(size=512))) as file, file.open() as dataset:
        assert dataset.dtypes == ("float32",) * 13
        assert dataset.compression.name == "deflate"
        assert dataset.interleaving.name == "band"
        assert dataset.block_shapes == [(64, 512)] * 13
        assert dataset.tags(ns="IMAGE_STRUCTURE")["PREDICTOR"] == "3"


def test_a_chips_header_lies_at_the_start_of_its_file():
    """So that a bucket is asked once for it; GDAL reads 16 kB at first."""
    with MemoryFile(encode_chip(make_chip(size=128))[:16_384]) as file, file.open() as dataset:
        assert dataset.tags()["date"] == "2023-06-12"
        assert dataset.descriptions == BAND_NAMES


def test_a_chip_outside_the_store_is_read_by_path_and_by_url(store, tmp_path):
    path = tmp_path / "elsewhere" / "claytile_27WXN_20200101_v02_0007.tif"
    path.parent.mkdir()
    path.write_bytes(encode_chip(make_chip()))
    for place in (str(path), path.as_uri()):
        chip = read_chip(store, place)
        assert chip.chip_id == "claytile_27WXN_20200101_v02_0007"
        np.testing.assert_array_equal(chip.pixels, make_chip().pixels)


def test_a_missing_chip_is_named(store):
    with pytest.raises(NotFoundError, match=r"chips/none\.tif does not exist"):
        read_chip(store, "chips/none.tif")


def test_thirteen_bands_without_names_are_taken_as_clays(store):
    assert decode_chip(encode_raster(descriptions=None), "x.tif").bands == BAND_NAMES


def test_bounds_half_a_pixel_off_are_kept():
    """Clay's own files: left 499975 for 499980, top 3400025 for 3400020."""
    data = encode_raster(transform=Affine(10, 0, 499_975, 0, -10, 3_400_025))
    assert decode_chip(data, "x.tif").bounds == (499_975, 3_399_705, 500_295, 3_400_025)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("no_date", encode_raster(tags={}), r"no_date has no tag `date`.*pass --dates"),
        ("date", encode_raster(tags={"date": "June"}), r"date has the tag date='June'; expected Y"),
        ("no_crs", encode_raster(crs=None), r"no_crs has no CRS"),
        (
            "odd_crs",
            encode_raster(crs="+proj=laea +lat_0=10.5"),
            r"odd_crs has a CRS without an EPSG code",
        ),
        (
            "four",
            encode_raster(count=4, descriptions=None),
            r"four has 4 bands \(unnamed, unnamed, unnamed, unnamed\); a chip has B02",
        ),
        (
            "order",
            encode_raster(count=2, descriptions=("vv", "vh")),
            r"order has 2 bands \(vv, vh\); .* in this order",
        ),
        ("oblong", encode_raster(size=(32, 16)), r"oblong is 32x16 pixels; a chip is square"),
        (
            "rotated",
            encode_raster(transform=Affine(10, 1, 0, 1, -10, 0)),
            r"rotated is not georeferenced north-up",
        ),
        (
            "truncated",
            encode_chip(make_chip())[:20_000],
            r"truncated cannot be read: truncated or not a GeoTIFF \(20000 bytes",
        ),
        ("text", b"<html>404</html>", r"text cannot be read: truncated or not a GeoTIFF"),
        ("empty", b"", r"empty cannot be read: truncated or not a GeoTIFF \(0 bytes"),
    ],
)
def test_a_file_that_breaks_the_contract_is_refused(name, data, message):
    with pytest.raises(ChipError, match=message):
        decode_chip(data, name)


def test_nan_pixels_are_refused_with_band_and_count():
    chip = make_chip()
    chip.pixels[8, 3, 4:6] = np.nan
    with pytest.raises(ChipError, match=r"x\.tif has 2 NaN or infinite pixels in band 9 \(B11\)"):
        decode_chip(encode_chip(chip), "x.tif")


def test_the_hash_follows_pixels_bands_date_and_place_and_nothing_else():
    chip = make_chip()
    other_pixels = chip.pixels.copy()
    other_pixels[0, 0, 0] += 1
    changed = [
        replace(chip, pixels=other_pixels),
        replace(chip, bands=(*BAND_NAMES[:-1], "other")),
        replace(chip, date="2023-06-13"),
        replace(chip, epsg=32633),
        replace(chip, bounds=(300_010.0, *chip.bounds[1:])),
    ]
    assert len({hash_chip(other) for other in [chip, *changed]}) == 6
    assert hash_chip(replace(chip, tags={"run_id": "2"})) == hash_chip(chip)
    assert hash_chip(decode_chip(encode_chip(chip), KEY)) == hash_chip(chip)


def test_a_truncated_chip_is_refused_without_a_warning_of_its_missing_place(recwarn):
    """Cut amid the header, where its place is kept."""
    data = encode_chip(make_chip())
    for length in range(1_000, 3_000, 100):
        with pytest.raises(ChipError):
            decode_chip(data[:length], "cut")
    assert not [warning for warning in recwarn if "geotransform" in str(warning.message)]
