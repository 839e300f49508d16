"""Pixels of each class are counted where the georeference says they lie."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.windows import from_bounds

from clay_assets.errors import ImageryError
from clay_assets.landcover.classes import CODES
from clay_assets.landcover.counting import FULL_RESOLUTION, count_classes
from clay_assets.landcover.tile_parts import all_parts, parts_of
from clay_assets_tests.landcover.making import SIDE, write_cell

SAO_TOME = "saotome/ESA_WorldCover_10m_2020_v100_SaoTome.tif"


def _plain_count(path: Path, tile: str, **level: int) -> list[int]:
    """Of all pixels whose centres lie in the tile's bounds, found one by one."""
    with rasterio.open(path, **level) as dataset:
        pixels = dataset.read(1)
        x = dataset.xy(0, np.arange(dataset.width))[0]
        y = dataset.xy(np.arange(dataset.height), 0)[1]
    counts = np.zeros(len(CODES), int)
    for west, south, east, north in parts_of([tile]).boxes:
        inside = ((y <= north) & (y > south))[:, None] & ((x >= west) & (x < east))[None, :]
        counts += [int((pixels[inside] == code).sum()) for code in CODES]
    return counts.tolist()


@pytest.mark.parametrize("overview", [FULL_RESOLUTION, 0, 3])
def test_counts_of_a_real_file_equal_a_plain_count(shared_imagery: Path, overview: int):
    path = shared_imagery / SAO_TOME
    counts = count_classes(str(path), overview=overview)
    level = {} if overview == FULL_RESOLUTION else {"overview_level": overview}
    assert sorted(counts) == ["31NHA", "32NKF"]
    for tile, found in counts.items():
        assert found.tolist() == _plain_count(path, tile, **level)


@pytest.mark.parametrize("tile", ["31NHA", "32NKF"])
def test_counts_are_as_clays_window_gives_but_for_its_edge(shared_imagery: Path, tile: str):
    path = shared_imagery / SAO_TOME
    (box,) = parts_of([tile]).boxes
    with rasterio.open(path, overview_level=3) as cover:
        pixels = cover.read(1, window=from_bounds(*box, cover.transform))
    clay = np.array([(pixels == code).sum() for code in CODES])
    edge = sum(pixels.shape)  # a row and a column
    assert np.abs(count_classes(str(path))[tile] - clay).sum() <= edge


def test_every_pixel_of_a_tile_is_counted_once_across_its_files(tmp_path: Path):
    # 32NKF reaches from 6.3 to 7.3 degrees east and 0 to 1 north; 31NHA over 6 degrees
    cells = ("N00E003", "N00E006", "N03E003", "N03E006", "S03E003", "S03E006")
    paths = [write_cell(tmp_path, cell, 10) for cell in cells]
    total: dict[str, int] = {}
    for path in paths:
        for tile, counts in count_classes(str(path), overview=FULL_RESOLUTION).items():
            total[tile] = total.get(tile, 0) + int(counts.sum())
    per_degree = SIDE / 3
    for tile in ("31NHA", "31NGA", "32NKF", "32NKG"):
        ((west, south, east, north),) = parts_of([tile]).boxes
        rows, columns = (round(per_degree * side) for side in (north - south, east - west))
        assert total[tile] == pytest.approx(rows * columns, abs=rows + columns)  # pixels


def test_a_tile_at_the_antimeridian_is_counted_on_both_sides(tmp_path: Path):
    east = count_classes(str(write_cell(tmp_path, "S18W180", 30)), overview=FULL_RESOLUTION)
    west = count_classes(str(write_cell(tmp_path, "S18E177", 10)), overview=FULL_RESOLUTION)
    (western, eastern) = parts_of(["01KAB"]).boxes
    for counts, box in ((west["01KAB"], western), (east["01KAB"], eastern)):
        sides = (box[2] - box[0]) * SIDE / 3, (box[3] - box[1]) * SIDE / 3
        assert counts.sum() == pytest.approx(sides[0] * sides[1], abs=sum(sides) + 1)  # pixels


def test_a_high_file_is_counted_strip_by_strip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pixels = np.random.default_rng(1).choice(np.array([0, 10, 80, 95], np.uint8), (SIDE, SIDE))
    path = str(write_cell(tmp_path, "N00E006", pixels))
    whole = count_classes(path, overview=FULL_RESOLUTION)
    monkeypatch.setattr("clay_assets.landcover.counting._STRIP_PIXELS", 1)
    strips = count_classes(path, overview=FULL_RESOLUTION)
    assert {t: c.tolist() for t, c in strips.items()} == {t: c.tolist() for t, c in whole.items()}


def test_pixels_without_data_count_nowhere(tmp_path: Path):
    assert count_classes(str(write_cell(tmp_path, "N00E006", 0)), overview=FULL_RESOLUTION) == {}


def test_a_file_without_that_overview_says_what_to_do(tmp_path: Path):
    path = write_cell(tmp_path, "N00E006", 10, overviews=[2, 4])
    assert count_classes(str(path), overview=1)
    with pytest.raises(ImageryError, match=r"N00E006_Map.tif has no overview 3; .*`gdaladdo"):
        count_classes(str(path), overview=3)


def test_a_file_in_metres_is_refused(tmp_path: Path):
    path = write_cell(tmp_path, "N00E006", 10, epsg=32632)
    with pytest.raises(ImageryError, match="EPSG:32632; WorldCover is in EPSG:4326"):
        count_classes(str(path), overview=FULL_RESOLUTION)


def test_a_truncated_file_is_named(tmp_path: Path):
    path = tmp_path / "cut.tif"
    path.write_bytes(b"II*\0")
    with pytest.raises(ImageryError, match=r"cut\.tif cannot be read as a raster"):
        count_classes(str(path), overview=FULL_RESOLUTION)


def test_all_tiles_of_the_grid_have_a_box_of_their_own_size():
    parts = all_parts()
    assert len(set(parts.tiles)) == 56_686
    height = parts.boxes[:, 3] - parts.boxes[:, 1]
    assert height.max() < 1.4  # degrees; 109.8 km and what a tile leans
    assert (parts.boxes[:, 2] - parts.boxes[:, 0]).max() < 11  # degrees, at 84 degrees north


@pytest.mark.parametrize("tile", ["32VKM", "01KAB", "29RKH", "60WWT", "33XVP"])
def test_the_table_of_all_boxes_agrees_with_each_tiles_outline(tile: str):
    parts = all_parts()
    in_table = parts.boxes[parts.tiles == tile]
    assert np.sort(in_table, axis=0) == pytest.approx(np.sort(parts_of([tile]).boxes, axis=0))
