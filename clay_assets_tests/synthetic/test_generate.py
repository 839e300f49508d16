"""Files and catalogue of a small landscape."""

import json
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
from pystac.validation import validate_dict

from clay_assets import progress
from clay_assets.bands import BAND_NAMES, SENTINEL2_BANDS
from clay_assets.errors import InvalidValueError, TileError
from clay_assets.mgrs import tile_box
from clay_assets.synthetic import generate
from clay_assets.synthetic.area import DEFAULT_CENTRE_PX, Area
from clay_assets.synthetic.elevation import DemCell, dem_cells
from clay_assets.synthetic.landform import landform_of
from clay_assets.synthetic.noise import Window

SIDE = 128


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> pystac.Catalog:
    return pystac.Catalog.from_file(
        generate(tmp_path_factory.mktemp("syn"), size_px=SIDE, dates=2, cloud_cover_pct=40)
    )


def _items(catalogue: pystac.Catalog, collection: str) -> list[pystac.Item]:
    return list(catalogue.get_child(collection).get_items())


def _hashes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def _pixels(folder: Path) -> dict[str, np.ndarray]:
    found = {}
    for path in folder.rglob("*.tif"):
        with rasterio.open(path) as dataset:
            found[str(path.relative_to(folder))] = dataset.read(1)
    return found


def test_the_catalogue_is_valid_and_links_are_relative(catalogue):
    root = Path(catalogue.self_href).parent
    for path in root.rglob("*.json"):
        content = json.loads(path.read_text())
        # Schemas of extensions are on the web; those of STAC itself come with pystac.
        assert validate_dict(content, extensions=[])
        for link in content["links"]:
            assert link["href"].startswith(".")
    assert "synthetic" in catalogue.title.lower()


def test_every_item_says_that_it_is_synthetic(catalogue):
    for item in catalogue.get_items(recursive=True):
        assert item.properties["synthetic"] is True
        assert "synthetic" in item.id


def test_assets_are_named_as_on_the_planetary_computer(catalogue):
    assert {tuple(item.assets) for item in _items(catalogue, "sentinel-2-l2a")} == {
        (*SENTINEL2_BANDS, "SCL")
    }
    assert {tuple(item.assets) for item in _items(catalogue, "sentinel-1-rtc")} == {("vh", "vv")}
    assert {tuple(item.assets) for item in _items(catalogue, "cop-dem-glo-30")} == {("data",)}


def test_files_are_cogs_on_the_grid_their_item_names(catalogue):
    box = tile_box("32TPT")
    for item in catalogue.get_items(recursive=True):
        for name, asset in item.get_assets().items():
            with rasterio.open(asset.get_absolute_href()) as dataset:
                assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
                assert dataset.tags()["synthetic"] == "true"
                assert list(dataset.shape) == asset.extra_fields["proj:shape"]
                assert list(dataset.transform)[:6] == asset.extra_fields["proj:transform"]
                assert dataset.descriptions[0] in (*BAND_NAMES, "SCL")
                if name == "B02":
                    assert dataset.crs.to_epsg() == 32632
                    assert (dataset.transform.c - box.west) % 20 == 0
                    assert (box.north - dataset.transform.f) % 20 == 0


def test_heights_of_the_model_are_those_of_the_ground(tmp_path, world):
    alps = Area.of("32TPT", seed=0, size_px=96, offset_px=(5000, 6300))
    generate(tmp_path, size_px=96, offset_px=(5000, 6300), dates=1)
    height = landform_of(world, Window(alps.x, alps.y, 96, 96)).height_m
    (path,) = tmp_path.rglob("data.tif")
    grid = {
        "crs": f"EPSG:{alps.epsg}",
        "transform": rasterio.Affine(10, 0, alps.bounds[0], 0, -10, alps.bounds[3]),
        "width": 96,
        "height": 96,
        "resampling": rasterio.enums.Resampling.bilinear,
    }
    with rasterio.open(path) as dataset, rasterio.vrt.WarpedVRT(dataset, **grid) as warped:
        model = warped.read(1)
    assert np.ptp(height) > 200
    assert np.abs(model - height).mean() < 3  # m: 30 m pixels smooth what 10 m ones have


def test_the_same_parameters_give_the_same_pixels_whatever_the_block(tmp_path):
    options = {"size_px": 96, "dates": ["2021-10-22"], "cloud_cover_pct": 20}
    generate(tmp_path / "one", **options)
    generate(tmp_path / "other", **options, block_px=34)
    one, other = _pixels(tmp_path / "one"), _pixels(tmp_path / "other")
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


def test_a_window_is_a_part_of_the_tile_wherever_it_is_cut(tmp_path):
    date = ["2021-05-10"]
    generate(tmp_path / "wide", size_px=96, offset_px=(6000, 5000), dates=date)
    generate(tmp_path / "part", size_px=32, offset_px=(6020, 5040), dates=date)
    (wide,) = (tmp_path / "wide").rglob("B08.tif")
    (part,) = (tmp_path / "part").rglob("B08.tif")
    with rasterio.open(wide) as a, rasterio.open(part) as b:
        np.testing.assert_array_equal(a.read(1)[40:72, 20:52], b.read(1))


def test_a_second_call_does_nothing(tmp_path):
    generate(tmp_path, size_px=64, dates=1)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.tif")}
    steps = []
    with progress.listening(lambda made: steps.append(made.step)):
        generate(tmp_path, size_px=64, dates=1)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.tif")} == before
    assert steps == []


def test_a_missing_file_is_made_again_and_no_other_scene(tmp_path):
    generate(tmp_path, size_px=64, dates=2)
    hashes = _hashes(tmp_path)
    lost = next(tmp_path.rglob("*20210510*/B04.tif"))
    kept = next(tmp_path.rglob("*20210828*/B04.tif"))
    written = kept.stat().st_mtime_ns
    lost.unlink()
    generate(tmp_path, size_px=64, dates=2)
    assert _hashes(tmp_path) == hashes
    assert kept.stat().st_mtime_ns == written


def test_a_broken_off_run_leaves_no_half_file(tmp_path):
    def stop(made: progress.Progress) -> None:
        if made.step.startswith("Rendering") and made.done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), progress.listening(stop):
        generate(tmp_path, size_px=96, dates=1, block_px=32)
    assert _hashes(tmp_path) == {}
    generate(tmp_path, size_px=96, dates=1)
    assert (tmp_path / "catalog.json").is_file()


def test_leftovers_of_a_killed_process_are_cleared(tmp_path):
    left = tmp_path / ".partial-99999999-abc"  # above any process id
    left.mkdir()
    (left / "0.tif").write_bytes(b"half")
    generate(tmp_path, size_px=32, dates=1)
    assert not left.exists()


def test_other_parameters_replace_the_scenes_of_earlier_ones(tmp_path):
    generate(tmp_path, size_px=32, dates=1, cloud_cover_pct=0)
    generate(tmp_path, size_px=32, dates=1, cloud_cover_pct=50)
    assert len(list(tmp_path.rglob("B02.tif"))) == 1
    with rasterio.open(tmp_path / "land_cover.tif") as dataset:
        first = dataset.tags()["synthetic_landscape"]
    generate(tmp_path, size_px=32, offset_px=(0, 0), dates=1)
    with rasterio.open(tmp_path / "land_cover.tif") as dataset:
        assert dataset.tags()["synthetic_landscape"] != first


def test_cloud_cover_in_the_item_is_that_of_the_scene_classes(catalogue):
    for item in _items(catalogue, "sentinel-2-l2a"):
        with rasterio.open(item.assets["SCL"].get_absolute_href()) as dataset:
            share = np.isin(dataset.read(1), (8, 9, 10)).mean()
        assert share > 0
        assert item.properties["eo:cloud_cover"] == pytest.approx(100 * share, abs=1e-5)


def test_windows_lie_around_the_default_place_and_inside_the_tile():
    area = Area.of("32TPT", seed=0, size_px=256, offset_px=None)
    assert (area.x + 128, area.y + 128) == DEFAULT_CENTRE_PX
    whole = Area.of("32TPT", seed=0, size_px=10_980, offset_px=None)
    assert (whole.x, whole.y) == (0, 0)
    assert whole.bounds[0] == tile_box("32TPT").west


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size_px": 65}, "size_px must be even and 16 to 10980, got 65"),
        ({"size_px": 11_000}, "size_px must be even and 16 to 10980, got 11000"),
        ({"size_px": 64, "offset_px": (3, 0)}, "offset_px x must be even and 0 to 10916.*got 3"),
        ({"size_px": 64, "offset_px": (0, 10_918)}, "offset_px y must be even.*got 10918"),
        ({"dates": 0}, "dates must be 1 to 3 or a list of dates, got 0"),
        ({"dates": []}, "dates must be 1 to 3 or a list of dates, got none"),
        ({"block_px": 33}, "block_px must be even and positive, got 33"),
    ],
)
def test_what_cannot_be_generated_is_refused(tmp_path, options, message):
    with pytest.raises(InvalidValueError, match=message):
        generate(tmp_path, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_tile_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(TileError, match="'32XYZ' is not an MGRS tile"):
        generate(tmp_path, tile="32XYZ")


def test_dem_cells_are_whole_degrees_as_copernicus_cuts_them():
    area = Area.of("32TPT", seed=0, size_px=10_980, offset_px=None)
    names = [cell.name for cell in dem_cells(area)]
    assert "Copernicus_DSM_COG_10_N47_00_E011_00_DEM" in names
    # Origin of the real cell N00 E006: 5.999861, 1.000139 (its GeoTIFF)
    real = DemCell(0, 6, Window(0, 0, 3600, 3600))
    assert (real.transform.c, real.transform.f) == pytest.approx((5.999861, 1.000139), abs=1e-6)
