import numpy as np
import pytest
from pyproj import Transformer

from clay_assets.ingest.footprint import centre_wgs84, footprint_wgs84


def test_the_corners_are_those_of_the_box():
    """Bergen; corner computed by cs2cs of PROJ 9.5.1 in HOUSE_STYLE's example."""
    polygon = footprint_wgs84((297264.40, 6700454.69, 297264.40 + 5120, 6700454.69 + 5120), 32632)
    assert polygon.is_valid
    assert len(polygon.exterior.coords) == 5
    lon, lat = min(polygon.exterior.coords, key=lambda point: point[1])
    assert (lon, lat) == pytest.approx((5.320675, 60.38952), abs=1e-6)  # degrees


def test_the_middle_of_one_box_and_of_many():
    """Bergen; middle computed by cs2cs of PROJ 9.5.1 in HOUSE_STYLE's example."""
    west, south = 297264.40 - 2560, 6700454.69 - 2560
    bounds = west, south, west + 5120, south + 5120
    assert centre_wgs84(bounds, 32632) == pytest.approx((5.320675, 60.38952), abs=1e-6)  # degrees
    lon, lat = centre_wgs84(tuple(np.array([edge, edge]) for edge in bounds), 32632)
    assert lon == pytest.approx([5.320675] * 2, abs=1e-6)
    assert lat == pytest.approx([60.38952] * 2, abs=1e-6)


def test_a_box_in_degrees_stays_as_it_is():
    assert footprint_wgs84((5.0, 60.0, 6.0, 61.0), 4326).bounds == (5.0, 60.0, 6.0, 61.0)


def test_a_box_across_the_antimeridian_is_split_there():
    """Zone 1 south, Taveuni in Fiji, which 180 degrees cuts in two."""
    to_utm = Transformer.from_crs(4326, 32701, always_xy=True)
    x, y = to_utm.transform(180.0, -16.8)
    split = footprint_wgs84((x - 2560, y - 2560, x + 2560, y + 2560), 32701)
    assert split.geom_type == "MultiPolygon"
    assert split.is_valid
    west, _, east, _ = split.bounds
    assert (west, east) == (-180, 180)
    whole = footprint_wgs84((x + 5120, y - 2560, x + 10_240, y + 2560), 32701)
    assert split.area == pytest.approx(whole.area, rel=0.01)
