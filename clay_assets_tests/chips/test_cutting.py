"""What cutting asks of the disk and of memory."""

import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from clay_assets.chips import cut_tile, read_chip, read_manifest
from clay_assets.ingest import find_imagery, open_date, plan_tile, read_recipe
from clay_assets_tests.ingest.making import Place, elevation, optical, radar, save_catalogue

TILE, DAY = "32VKM", "2021-05-10"
SIDE, BLOCK, CHIP = 1024, 128, 144
SLACK = 0.05  # of the bytes of all files: headers, and what GDAL reads ahead of them


def write_noise(path: Path, place: Place, dtype, nodata, seed):
    """Blocks that cannot be compressed, so that bytes read tell how many were."""
    pixels = np.random.default_rng(seed).integers(1, 250, place.shape).astype(dtype)
    if dtype == "uint16":
        pixels += 256 * np.random.default_rng(-seed % 100).integers(1, 250, place.shape).astype(
            dtype
        )
    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        dtype=dtype,
        count=1,
        height=place.shape[0],
        width=place.shape[1],
        crs=f"EPSG:{place.epsg}",
        transform=place.transform,
        nodata=nodata,
        tiled=True,
        blockxsize=BLOCK,
        blockysize=BLOCK,
    ) as dataset:
        dataset.write(pixels, 1)


@pytest.fixture
def recipe(store, tmp_path):
    """A tile of noise in blocks that chips straddle; 10 m, 20 m, radar and warped elevation."""
    folder = tmp_path / "imagery"
    items = [
        optical(folder, DAY, side=SIDE),
        radar(folder, columns=(0, SIDE)),
        elevation(folder),
    ]
    for seed, path in enumerate(sorted(folder.rglob("*.tif"))):
        with rasterio.open(path) as dataset:
            transform, epsg = dataset.transform, dataset.crs.to_epsg()
            dtype, nodata, shape = dataset.dtypes[0], dataset.nodata, dataset.shape
        if "S1A" in str(path):
            shape = (SIDE, SIDE)
        if path.stem != "SCL":
            place = Place(transform.c, transform.f, transform.a, shape, epsg)
            write_noise(path, place, dtype, nodata, seed)
    plan_tile(store, find_imagery(str(save_catalogue(folder, items)), TILE), run_id="r")
    return read_recipe(store, TILE)


def bytes_read() -> int:
    """By this process so far."""
    return int(Path("/proc/self/io").read_text().split()[1])


def read_strips(recipe, remembering: bool) -> float:
    """Bytes read for all chips of a date, strip by strip, in those of the files."""
    hrefs = {source.href for of in recipe.date_plan(DAY).sources.values() for source in of}
    whole = sum(Path(href).stat().st_size for href in hrefs if "dem" not in href)
    before = bytes_read()
    with open_date(recipe, DAY) as reader, rasterio.Env(GDAL_CACHEMAX=1 << 20):

        def read():
            for row in range(0, SIDE - CHIP, CHIP):
                for col in range(0, SIDE - 2 * CHIP, 2 * CHIP):
                    reader.read(row, col, CHIP, 2 * CHIP)

        if remembering:
            with reader.remembering(CHIP):
                read()
        else:
            read()
    return (bytes_read() - before) / whole


@pytest.mark.skipif(sys.platform != "linux", reason="counts bytes by /proc")
def test_each_block_is_read_once(recipe):
    """Seven strips of 144 rows over blocks of 128."""
    assert read_strips(recipe, remembering=True) < 1 + SLACK
    assert read_strips(recipe, remembering=False) > 1.5


@pytest.mark.skipif(sys.platform != "linux", reason="counts bytes by /proc")
def test_cutting_a_tile_reads_each_block_once(recipe, store):
    hrefs = {source.href for of in recipe.date_plan(DAY).sources.values() for source in of}
    whole = sum(Path(href).stat().st_size for href in hrefs)
    before = bytes_read()
    report = cut_tile(store, TILE, chip_size=CHIP, run_id="r")
    assert report.chips + report.rejected["no elevation"] == 49  # the file is that small
    assert bytes_read() - before < (1 + SLACK) * whole
    with rasterio.open(next(href for href in hrefs if href.endswith("B03.tif"))) as dataset:
        row = read_manifest(store, TILE).rows.iloc[-1]
        part = slice(row["row"], row["row"] + CHIP), slice(row["col"], row["col"] + CHIP)
        found = read_chip(store, row["path"]).pixels[1]
        np.testing.assert_array_equal(found, dataset.read(1)[part])
