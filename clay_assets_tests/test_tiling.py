import numpy as np
import pandas as pd
import pytest

from clay_assets.mgrs import tile_box
from clay_assets.tiling import ZONES, zone_edges, zone_tiles


@pytest.fixture(scope="module")
def grid():
    zones = [zone_tiles(zone, southern=south) for zone in ZONES for south in (False, True)]
    return pd.DataFrame(
        np.concatenate([zone.boxes for zone in zones]),
        index=np.concatenate([zone.names for zone in zones]),
        columns=["west", "south", "east", "north"],
    )


def test_the_tiles_are_exactly_those_of_esas_grid(grid, shared_imagery):
    esa = pd.read_parquet(shared_imagery / "grid" / "s2_tiles_full_utm.parquet")
    assert len(grid) == len(esa) == 56_686
    esa = esa.set_index(esa.columns[0]).loc[grid.index]
    np.testing.assert_array_equal(grid[["west", "south"]], esa.iloc[:, 1:3])


def test_the_boxes_of_a_zone_are_those_of_its_tiles():
    tiles = zone_tiles(1, southern=True)
    for name, box in zip(tiles.names[::17], tiles.boxes[::17], strict=True):
        expected = tile_box(str(name))
        assert tiles.epsg == expected.epsg
        assert tuple(box) == (expected.west, expected.south, expected.east, expected.north)


@pytest.mark.parametrize(
    ("zone", "lat", "edges"),
    [
        (1, 0.0, (-180.0, -174.0)),
        (60, -79.0, (174.0, 180.0)),
        (31, 55.9, (0.0, 6.0)),
        (31, 56.0, (0.0, 3.0)),  # south-west Norway
        (32, 63.9, (3.0, 12.0)),
        (32, 64.0, (6.0, 12.0)),
        (33, 72.0, (9.0, 21.0)),  # Svalbard
        (34, 72.0, None),
        (37, 80.0, (33.0, 42.0)),
        (38, 80.0, (42.0, 48.0)),
    ],
)
def test_a_zone_lies_between_its_meridians(zone, lat, edges):
    assert zone_edges(zone, lat) == edges
