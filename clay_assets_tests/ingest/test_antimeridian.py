import pytest
import shapely

from clay_assets.ingest.antimeridian import cut_at_antimeridian, within_globe
from clay_assets.ingest.footprint import footprint_wgs84
from clay_assets.mgrs import tile_box

EAST, WEST = shapely.box(179, -18, 180, -17), shapely.box(-180, -18, -179, -17)


@pytest.mark.parametrize("shift", [-360, 0])
def test_longitudes_beyond_the_map_are_brought_back(shift):
    shape = shapely.affinity.translate(shapely.box(179, -18, 181, -17), shift)
    assert within_globe(shape).equals(shapely.MultiPolygon([EAST, WEST]))


def test_what_lies_on_the_map_stays_as_it_is():
    for shape in (EAST, shapely.Point(180, 5), shapely.Point(-180, 5), shapely.Polygon()):
        assert within_globe(shape) is shape


def test_a_footprint_with_corners_at_both_ends_of_the_map_is_cut():
    corners = [(179, -18), (-179, -18), (-179, -17), (179, -17)]
    assert cut_at_antimeridian(shapely.Polygon(corners)).equals(shapely.MultiPolygon([EAST, WEST]))


def test_a_footprint_that_is_cut_already_stays_so():
    box = tile_box("01KAB")
    cut = footprint_wgs84((box.west, box.south, box.east, box.north), box.epsg)
    assert cut.geom_type == "MultiPolygon"
    assert cut_at_antimeridian(cut).equals(cut)
