"""Chips that somebody else has cut."""

import shutil

import geopandas
import numpy as np
import pytest
import rasterio

from clay_assets.bands import BAND_NAMES
from clay_assets.errors import ImageryError, InvalidValueError, NotFoundError
from clay_assets.ingest import find_imagery, list_tiles, plan_tile, read_overview, read_recipe
from clay_assets.ingest.chip_names import ChipName, parse_chip_name
from clay_assets.ingest.grid import PixelWindow
from clay_assets_tests.ingest.making import NORTH, WEST, Place, write_raster

DAY = "2021-05-10"


def write_chip_file(path, *, bands=BAND_NAMES, day=DAY, col=0, size=16, epsg=32632, names=True):
    pixels = (
        np.ones((len(bands), size, size), "float32") * np.arange(1, 1 + len(bands))[:, None, None]
    )
    place = Place(west=WEST + 10 * col, shape=(size, size), epsg=epsg)
    tags = {"date": day} if day else {}
    return write_raster(path, pixels, place, descriptions=bands if names else None, tags=tags)


def plan(store, location, tile="32VKM", dates=()):
    imagery = find_imagery(str(location), tile, dates=dates)
    return plan_tile(store, imagery, dates=dates, run_id="r")


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        # a file of Clay's bucket clay-tiles-02
        ("claytile_27WXN_20200101_v02_0001", ChipName("27WXN", "2020-01-01", 1, "02")),
        ("claytile_33UXP_20230615_v04_1764", ChipName("33UXP", "2023-06-15", 1764, "04")),
        ("claytile_27WXN_20201301_v02_0001", None),
        ("claytile_27WXN_2020-01-01_v02_0001", None),
        ("stack13_native", None),
    ],
)
def test_the_name_of_a_chip_is_read(stem, name):
    assert parse_chip_name(stem) == name
    if name:
        assert str(name) == stem


class TestLayouts:
    """How chips may lie about."""

    @pytest.fixture
    def bucket(self, tmp_path):
        """Two tiles as Clay keeps them."""
        for tile, day, number in (
            ("32VKM", "20210510", 1),
            ("32VKM", "20220601", 7),
            ("29RKH", "20210510", 2),
        ):
            name = f"claytile_{tile}_{day}_v02_{number:04d}.tif"
            date = f"{day[:4]}-{day[4:6]}-{day[6:]}"
            write_chip_file(tmp_path / "02" / tile / date / name, day=date, col=16 * number)
        return tmp_path / "02"

    def test_a_folder_for_each_tile(self, bucket):
        assert list_tiles(str(bucket)) == ["29RKH", "32VKM"]
        assert [chip.href for chip in find_imagery(str(bucket), "29RKH").items] == [
            str(bucket / "29RKH" / "2021-05-10" / "claytile_29RKH_20210510_v02_0002.tif")
        ]

    def test_the_folder_of_one_tile(self, bucket):
        assert list_tiles(str(bucket / "32VKM")) == ["32VKM"]
        assert len(find_imagery(f"{bucket}/32VKM/", "32VKM").items) == 2

    def test_a_bucket(self, bucket, s3_bucket, upload, store):
        upload(bucket, f"s3://{s3_bucket}/02")
        for root in (f"s3://{s3_bucket}/02", f"s3://{s3_bucket}/02/"):
            assert list_tiles(root) == ["29RKH", "32VKM"]
        found = find_imagery(f"s3://{s3_bucket}/02/32VKM/", "32VKM")
        assert [chip.href for chip in found.chips] == [
            f"s3://{s3_bucket}/02/32VKM/2021-05-10/claytile_32VKM_20210510_v02_0001.tif",
            f"s3://{s3_bucket}/02/32VKM/2022-06-01/claytile_32VKM_20220601_v02_0007.tif",
        ]
        assert plan_tile(store, found, run_id="r").ready_chips == 2
        single = find_imagery(found.chips[0].href, "32VKM")
        assert single.chips == found.chips[:1]

    def test_files_of_any_name_belong_to_the_tile_they_lie_in(self, tmp_path):
        write_chip_file(tmp_path / "a" / "one.tif")
        write_chip_file(tmp_path / "b" / "TWO.TIF", epsg=32633)
        assert list_tiles(str(tmp_path)) == ["32VKM", "32VNM"]  # by place, not by EPSG code
        assert list_tiles(str(tmp_path / "a" / "one.tif")) == ["32VKM"]
        assert list_tiles(str(tmp_path / "*" / "*.tif")) == ["32VKM"]

    def test_the_fingerprint_follows_the_files(self, bucket):
        before = find_imagery(str(bucket), "32VKM").fingerprint
        assert find_imagery(str(bucket), "32VKM").fingerprint == before
        shutil.rmtree(bucket / "29RKH")
        assert find_imagery(str(bucket), "32VKM").fingerprint == before
        shutil.rmtree(bucket / "32VKM" / "2022-06-01")
        assert find_imagery(str(bucket), "32VKM").fingerprint != before


class TestPlans:
    """What is known of chips before their pixels are read."""

    def test_names_and_dates_come_from_file_names(self, store, tmp_path):
        write_chip_file(tmp_path / "claytile_32VKM_20210510_v02_0043.tif", day=None)
        report = plan(store, tmp_path)
        assert (report.ready_chips, report.dates, report.bands) == (1, ("2021-05-10",), ())
        (chip,) = read_recipe(store, "32VKM").chips
        assert chip.name == ChipName("32VKM", "2021-05-10", 43, "02")
        assert chip.bands == BAND_NAMES

    def test_other_files_get_a_name_from_tile_date_and_order(self, store, tmp_path):
        write_chip_file(tmp_path / "b.tif", day="2022-01-01")
        write_chip_file(tmp_path / "a.tif")
        plan(store, tmp_path)
        assert [str(chip.name) for chip in read_recipe(store, "32VKM").chips] == [
            "claytile_32VKM_20210510_v10_0001",
            "claytile_32VKM_20220101_v10_0002",
        ]

    def test_one_day_dates_those_without_and_chooses_among_those_with(self, store, tmp_path):
        write_chip_file(tmp_path / "a.tif", day=None)
        write_chip_file(tmp_path / "b.tif", day="2022-01-01")
        report = plan(store, tmp_path, dates=(DAY,))
        assert (report.ready_chips, report.dates) == (1, (DAY,))

    def test_thirteen_bands_without_names_are_taken_as_clays(self, store, tmp_path):
        write_chip_file(tmp_path / "a.tif", names=False)
        plan(store, tmp_path)
        assert read_recipe(store, "32VKM").chips[0].bands == BAND_NAMES

    def test_the_window_is_the_ground_around_the_chips(self, store, tmp_path):
        write_chip_file(tmp_path / "a.tif", col=32)
        write_chip_file(tmp_path / "b.tif", col=64)
        recipe = plan(store, tmp_path)
        assert recipe.window == PixelWindow(0, 32, 16, 48)

    def test_the_overview_is_put_together_from_the_chips(self, store, tmp_path):
        write_chip_file(tmp_path / "a.tif", col=32)
        write_chip_file(tmp_path / "b.tif", col=64)
        plan(store, tmp_path)
        view = read_overview(store, "32VKM")
        assert view.shape == (3, 16, 48)
        assert (view[:, :, :16] == np.array([3, 2, 1])[:, None, None]).all()  # B04, B03, B02
        assert not view[:, :, 16:32].any()

    def test_each_chip_is_a_stac_item(self, store, tmp_path):
        write_chip_file(tmp_path / "a.tif")
        plan(store, tmp_path)
        frame = geopandas.read_parquet(store.local_path("tiles/32VKM/tile.parquet"))
        assert list(frame["id"]) == ["claytile_32VKM_20210510_v10_0001"]
        assert frame["assets"][0]["chip"]["href"] == str(tmp_path / "a.tif")

    def test_the_real_stacks_are_three_tiles(self, store, shared_imagery):
        location = str(shared_imagery / "stack_*" / "stack13_native.tif")
        assert list_tiles(location) == ["22JGS", "32VNJ", "36MXB"]  # Brazil, Denmark, Tanzania
        plan(store, location, "36MXB", dates=("2020-06-01",))
        (chip,) = read_recipe(store, "36MXB").chips
        assert chip.bands == (*BAND_NAMES[:10], "vv", "vh", "dem")


class TestRefusals:
    """Each says what was found and what to do."""

    def test_a_tile_that_is_not_there(self, tmp_path):
        write_chip_file(tmp_path / "a.tif")
        with pytest.raises(NotFoundError, match=r"has no chips of tile 29RKH; it has 32VKM$"):
            find_imagery(str(tmp_path), "29RKH")

    def test_no_date(self, store, tmp_path):
        write_chip_file(tmp_path / "a.tif", day=None)
        for dates in ((), ("2021-01-01/2021-12-31",), (DAY, "2022-01-01")):
            with pytest.raises(ImageryError, match=r"a\.tif has no tag `date`; .* pass --dates"):
                plan(store, tmp_path, dates=dates)

    def test_a_date_that_is_none(self, store, tmp_path):
        write_chip_file(tmp_path / "a.tif", day="June")
        with pytest.raises(ImageryError, match=r"a\.tif has the tag date='June'; expected YYYY-"):
            plan(store, tmp_path)

    def test_no_chip_of_the_dates(self, store, tmp_path):
        write_chip_file(tmp_path / "a.tif")
        with pytest.raises(ImageryError, match=r"no chip of tile 32VKM .* is of 2020-01-01/2020"):
            plan(store, tmp_path, dates=("2020-01-01",))

    def test_no_crs(self, tmp_path):
        write_chip_file(tmp_path / "a.tif", epsg=None)
        with pytest.raises(ImageryError, match=r"a\.tif has no CRS"):
            list_tiles(str(tmp_path))

    def test_the_wrong_bands(self, store, tmp_path):
        write_chip_file(tmp_path / "a.tif", bands=("B02", "B03", "B04", "B01"))
        with pytest.raises(
            ImageryError, match=r"a\.tif has 4 bands \(B02, B03, B04, B01\); a chip"
        ):
            plan(store, tmp_path)

    def test_the_wrong_number_of_bands(self, store, tmp_path):
        write_chip_file(tmp_path / "a.tif", bands=BAND_NAMES[:7], names=False)
        with pytest.raises(
            ImageryError, match=r"has 7 bands \(unnamed, unnamed, .* a chip has B02"
        ):
            plan(store, tmp_path)

    def test_elevation_alone_is_no_chip(self, store, shared_imagery):
        location = shared_imagery / "stack_38D_378R_2_3" / "dem.tif"
        with pytest.raises(
            ImageryError, match=r"dem\.tif has 1 bands \(dem\); .* B02, B03 and B04"
        ):
            plan(store, location, "36MXB", dates=(DAY,))

    def test_two_chips_of_one_name(self, store, tmp_path):
        for folder in ("a", "b"):
            write_chip_file(tmp_path / folder / "claytile_32VKM_20210510_v02_0001.tif")
        with pytest.raises(ImageryError, match=r"are both called claytile_.*_0001; rename one"):
            plan(store, tmp_path)

    def test_a_file_that_is_no_raster(self, tmp_path):
        (tmp_path / "a.tif").write_text("<html>")
        with pytest.raises(ImageryError, match=r"a\.tif cannot be read as a raster"):
            list_tiles(str(tmp_path))

    def test_a_subset(self, store, tmp_path):
        write_chip_file(tmp_path / "a.tif")
        found = find_imagery(str(tmp_path), "32VKM")
        with pytest.raises(InvalidValueError, match=r"ready chips, which .* got 0,0,8,8$"):
            plan_tile(store, found, subset=(0, 0, 8, 8), run_id="r")

    def test_rotated_pixels(self, tmp_path):
        with rasterio.open(write_chip_file(tmp_path / "a.tif"), "r+") as dataset:
            dataset.transform = rasterio.Affine(10, 1, WEST, 1, -10, NORTH)
        with pytest.raises(ImageryError, match=r"no square north-up pixels"):
            list_tiles(str(tmp_path))
